/* SPDX-License-Identifier: Apache-2.0 */
/* The store in PostgreSQL or a database with the same protocol. */
/* Threads: opening belongs to the thread that starts the program, and blocks it; otherwise see
 * store.h. */
#pragma once

#include "userd/store.h"

/* Connect to a database and migrate it. url: postgres://; parts that it lacks come from the
 * environment and ~/.pgpass (see libpq). read_url: a replica, read where that suffices, and while
 * it is available; NULL: none. Returns NULL on failure, cause says why. */
struct store *store_postgres_open(const char *url, const char *read_url, struct store_cause *cause);

/* A view of this store that only has ops->find, and sees every acknowledged write. Lives as long as
 * the store. */
struct store *store_postgres_primary(struct store *store);
