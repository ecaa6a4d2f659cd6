/* SPDX-License-Identifier: Apache-2.0 */
/* The users that a file lists, CSV or JSON lines, one by one. */
/* Threads: belongs to one thread. */
#pragma once

#include "userctl/csv.h"
#include <jansson.h>

enum entry_field { ENTRY_NAME, ENTRY_EMAIL, ENTRY_PHONE, ENTRY_FIELDS };

struct entries {
    bool jsonl;
    struct csv csv;
    size_t columns[ENTRY_FIELDS]; /* of the CSV; SIZE_MAX: there is none */
    size_t column_count;          /* that its first line names */
    char *text;                   /* a line of JSON */
    size_t room;
    json_t *object;
    int64_t line;                     /* where the entry is, from 1 */
    const char *fields[ENTRY_FIELDS]; /* of the entry, UTF-8; live until the next */
    char error[256];                  /* what is wrong with it */
};

enum entry_result {
    ENTRY_GOOD,
    ENTRY_BAD, /* error says why, and the next may be good */
    ENTRY_END
};

/* Read the head of a CSV file. Borrows the file. False: it names no name and email; error says so.
 */
bool entries_begin(struct entries *entries, FILE *file, bool jsonl);
void entries_fini(struct entries *entries);

enum entry_result entries_next(struct entries *entries);

/* Bytes of the file that were read. */
int64_t entries_bytes(const struct entries *entries);
