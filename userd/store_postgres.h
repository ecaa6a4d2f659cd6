/* SPDX-License-Identifier: Apache-2.0 */
/* The store in PostgreSQL, or what speaks its protocol. */
/* Threads: opening belongs to the thread that starts the program, and blocks it; see store.h for
 * the rest. */
#pragma once

#include "userd/store.h"

/* Connect to a database (a postgres:// URL; what it leaves out comes from the environment and from
 * ~/.pgpass, see libpq), and bring it to our version. read_url: a replica that is read where that
 * will do, and while it is there; NULL: none. NULL: cause says why. */
struct store *store_postgres_open(const char *url, const char *read_url, struct store_cause *cause);

/* Of this store only ops->find, which knows of every write that was answered. Lives as long as the
 * other one. */
struct store *store_postgres_primary(struct store *store);
