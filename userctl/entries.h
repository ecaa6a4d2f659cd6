/* SPDX-License-Identifier: Apache-2.0 */
/* The users in a CSV or JSON lines file, one by one. */
/* Threads: belongs to one thread. */
#pragma once

#include "userctl/csv.h"
#include <jansson.h>

enum entry_field { ENTRY_NAME, ENTRY_EMAIL, ENTRY_PHONE, ENTRY_FIELDS };

struct entries {
    bool jsonl;
    struct csv csv;
    size_t columns[ENTRY_FIELDS]; /* of the CSV; SIZE_MAX: not there */
    size_t column_count;          /* in the header line */
    char *text;                   /* a line of JSON */
    size_t room;
    json_t *object;
    int64_t line;                     /* of the entry, from 1 */
    const char *fields[ENTRY_FIELDS]; /* of the entry, UTF-8; valid until the next one */
    char error[256];                  /* what is wrong with the entry */
};

enum entry_result {
    ENTRY_GOOD,
    ENTRY_BAD, /* error says why; the next one may be valid */
    ENTRY_END
};

/* Read the header of a CSV file. Borrows the file. False: there is no column for the name or the
 * email; error is set. */
bool entries_begin(struct entries *entries, FILE *file, bool jsonl);
void entries_fini(struct entries *entries);

enum entry_result entries_next(struct entries *entries);

/* Bytes of the file that were read so far. */
int64_t entries_bytes(const struct entries *entries);
