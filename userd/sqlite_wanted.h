/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual table, `wanted`, with one column and endless rows: the id of each row is the value of a
 * variable when the row is stepped to. */
/* Threads: those of the connection. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

/* Add the table to a connection. Borrows id until the connection is closed. SQLITE_OK or an error
 * code. */
int sqlite_wanted_add(sqlite3 *db, const int32_t *id);
