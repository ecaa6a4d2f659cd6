/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180): read record by record, written field by field. */
/* Threads: a reader belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Limits of a record. */
#define CSV_FIELDS_MAX 64
#define CSV_RECORD_MAX (64 * 1024)

struct csv {
    FILE *file;                         /* borrowed */
    int64_t next_line;                  /* from 1 */
    int64_t bytes;                      /* read so far */
    int64_t line;                       /* where the last record began */
    const char *fields[CSV_FIELDS_MAX]; /* of the last record; valid until the next one */
    size_t count;
    size_t len; /* of text */
    char text[CSV_RECORD_MAX];
};

enum csv_result {
    CSV_RECORD,
    CSV_BAD, /* error says why; the reader is at the start of the next line */
    CSV_END  /* end of the file, or a read error: see ferror(3) */
};

/* Skips a byte order mark. */
void csv_init(struct csv *csv, FILE *file);

/* The next record; empty lines are skipped. Lines end in LF or CRLF. error is static. */
enum csv_result csv_next(struct csv *csv, const char **out_error);

/* Write a field, quoted if needed. */
void csv_write(const char *field, FILE *out);
