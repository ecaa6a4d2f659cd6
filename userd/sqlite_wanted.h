/* SPDX-License-Identifier: Apache-2.0 */
/* A table for SQL, `wanted`, of one column and of rows without an end: each row's id is what a
 * variable says when it is stepped to. */
/* Threads: those of the connection. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

/* Add it to a connection. Borrows id until that is closed. SQLITE_OK or an error of SQLite. */
int sqlite_wanted_add(sqlite3 *db, const int32_t *id);
