/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one run of the generator, and growing text in it. */
/* Threads: one thread uses a pool and its texts. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A short-lived program has nobody to report a lack of memory to but its user, so these functions
 * print one line and end the program instead of returning NULL. */

struct pool {
    struct pool_block *blocks;
};

/* Zeroed and aligned for any type; lives until pool_fini. */
void *pool_alloc(struct pool *pool, size_t count, size_t size);
char *pool_dup(struct pool *pool, const char *data, size_t len);
char *pool_printf(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pool_fini(struct pool *pool);

/* A copy in which every control character is a '?': what is told is one line, whatever the names in
 * it are. */
char *pool_line(struct pool *pool, const char *text);

/* NUL-terminated once something was added. {0} is an empty one. */
struct text {
    char *data;
    size_t len, cap;
};

/* Make room for len more bytes. */
void text_reserve(struct text *text, size_t len);
void text_add_bytes(struct text *text, const char *data, size_t len);
void text_add(struct text *text, const char *string);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool text_read(struct text *text, FILE *file); /* to its end; false: reading failed */
void text_fini(struct text *text);

/* A name that a template says between dollar signs, and what is put there. */
struct text_var {
    const char *name; /* NULL ends an array of them */
    const char *value;
};

/* Add a template with every $NAME$ replaced. A name that is not in vars is a bug of the caller. */
void text_fill(struct text *text, const char *template, const struct text_var *vars);
