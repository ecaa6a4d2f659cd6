/* SPDX-License-Identifier: Apache-2.0 */
/* A table for people: columns are as wide as their content. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8

struct table {
    size_t columns;
    char **cells; /* visible texts, row by row; the header is the first row */
    size_t count;
    size_t room;
};

void table_init(struct table *table, size_t columns);
void table_fini(struct table *table);

/* Add one row; the texts may be anything. False: no memory. */
bool table_add(struct table *table, const char *const *cells);

/* Columns are padded with spaces, except for the last one. */
void table_print(const struct table *table, FILE *out);
