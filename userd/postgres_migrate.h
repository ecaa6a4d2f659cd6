/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a PostgreSQL database, and the way from an older one to ours. */
/* Threads: belongs to the thread that opens the store, and blocks it. */
#pragma once

#include "userd/store.h"

/* Connect, and bring the database to our version; several userd may do so at once. False: it is
 * away, of a newer version, or a step failed; nothing is changed and cause says why. */
bool postgres_migrate(const char *url, struct store_cause *cause);
