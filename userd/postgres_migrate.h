/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a PostgreSQL database, and the way from an older one to ours. */
/* Threads: belongs to the thread that opens the store, and blocks it. */
#pragma once

#include "userd/store.h"
#include <libpq-fe.h>

/* Connect, and bring the database to our version; several userd may do so at once. False: it is
 * away, of a newer version, or a step failed; nothing is changed and cause says why. */
bool postgres_migrate(const char *url, struct store_cause *cause);

/* Connect for what blocks its thread. NULL: cause says why. PQfinish. */
PGconn *postgres_connect_plainly(const char *url, struct store_cause *cause);

/* The version that a database has, and the one that this userd needs; 0: it is none of userd's yet.
 */
bool postgres_version(PGconn *pg, int64_t *out_version, int *out_newest, struct store_cause *cause);
