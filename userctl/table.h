/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: columns as wide as what is in them. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8

struct table {
    size_t columns;
    char **cells; /* visible texts, row by row; the head is the first row */
    size_t count;
    size_t room;
};

void table_init(struct table *table, size_t columns);
void table_fini(struct table *table);

/* Add one row; any text may come. False: no memory. */
bool table_add(struct table *table, const char *const *cells);

/* Columns are padded with blanks, the last one is not. */
void table_print(const struct table *table, FILE *out);
