/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives for one run of the generator, and growable text. */
/* Threads: one owner at a time. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Without memory these functions print a message and exit instead of returning NULL, since a
 * short-lived program can only report that to its user. */

struct pool {
    struct pool_block *blocks;
};

/* Zeroed, aligned for any type; valid until pool_fini. */
void *pool_alloc(struct pool *pool, size_t count, size_t size);
char *pool_dup(struct pool *pool, const char *data, size_t len);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pool_fini(struct pool *pool);

/* A copy with every control character replaced by '?', so that messages are one line whatever names
 * they contain. */
char *pool_line(struct pool *pool, const char *text);

/* NUL-terminated once something was added. Initialise with {0}. */
struct text {
    char *data;
    size_t len, cap;
};

/* Make room for len more bytes. */
void text_reserve(struct text *text, size_t len);
void text_add_bytes(struct text *text, const char *data, size_t len);
void text_add(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_read(struct text *text, FILE *file); /* to the end; false: reading failed */
void text_fini(struct text *text);

/* A template variable, written between dollar signs, and its value. */
struct text_var {
    const char *name; /* NULL ends an array */
    const char *value;
};

/* Add a template with every $NAME$ replaced. vars must have all names. */
void text_fill(struct text *text, const char *template, const struct text_var *vars);
