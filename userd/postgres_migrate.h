/* SPDX-License-Identifier: Apache-2.0 */
/* The schema versions of a PostgreSQL database, and the migration from an older one. */
/* Threads: belongs to the thread that opens the store, and blocks it. */
#pragma once

#include "userd/store.h"
#include <libpq-fe.h>

/* Connect and migrate the database to our version; several userd may do so at once. False: it is
 * away or newer, or a step failed; nothing is changed and cause says why. */
bool postgres_migrate(const char *url, struct store_cause *cause);

/* Make a blocking connection. NULL: cause says why. Closed with PQfinish. */
PGconn *postgres_connect_plainly(const char *url, struct store_cause *cause);

/* The version of a database, and the version that this userd needs; 0: userd has not used it yet.
 */
bool postgres_version(PGconn *pg, int64_t *out_version, int *out_newest, struct store_cause *cause);
