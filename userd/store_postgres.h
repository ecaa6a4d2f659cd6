/* SPDX-License-Identifier: Apache-2.0 */
/* The store in PostgreSQL, or what speaks its protocol. */
/* Threads: opening belongs to the thread that starts the program, and blocks it; see store.h for
 * the rest. */
#pragma once

#include "userd/store.h"

/* Connect to a database (a postgres:// URL; what it leaves out comes from the environment and from
 * ~/.pgpass, see libpq), and bring it to our version. NULL: cause says why. */
struct store *store_postgres_open(const char *url, struct store_cause *cause);
