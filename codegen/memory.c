/* SPDX-License-Identifier: Apache-2.0 */
/* A pool is a list of single allocations: a run makes a few thousand, and protoc dominates its
 * time. */
#include "memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct pool_block {
    struct pool_block *next;
    max_align_t data[];
};

static void *
checked(void *memory)
{
    if (memory == NULL) {
        fputs("protoc-gen-weir: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void *
pool_alloc(struct pool *pool, size_t count, size_t size)
{
    struct pool_block *block;
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - sizeof *block)
        checked(NULL);
    block = checked(calloc(1, sizeof *block + bytes));
    block->next = pool->blocks;
    pool->blocks = block;
    return block->data;
}

char *
pool_dup(struct pool *pool, const char *data, size_t len)
{
    char *copy = pool_alloc(pool, len + 1, 1);

    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

char *
pool_printf(struct pool *pool, const char *format, ...)
{
    va_list args, again;
    char *out;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        checked(NULL);
    out = pool_alloc(pool, (size_t)len + 1, 1);
    vsnprintf(out, (size_t)len + 1, format, again);
    va_end(again);
    return out;
}

char *
pool_line(struct pool *pool, const char *text)
{
    char *line = pool_dup(pool, text, strlen(text));

    for (char *c = line; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return line;
}

void
pool_fini(struct pool *pool)
{
    while (pool->blocks != NULL) {
        struct pool_block *next = pool->blocks->next;

        free(pool->blocks);
        pool->blocks = next;
    }
}

void
text_reserve(struct text *text, size_t len)
{
    size_t cap = text->cap == 0 ? 256 : text->cap;

    if (len > PTRDIFF_MAX / 2 - text->len - 1)
        checked(NULL);
    while (cap < text->len + len + 1)
        cap *= 2;
    if (cap != text->cap)
        text->data = checked(realloc(text->data, cap));
    text->cap = cap;
}

void
text_add_bytes(struct text *text, const char *data, size_t len)
{
    text_reserve(text, len);
    if (len > 0)
        memcpy(text->data + text->len, data, len);
    text->len += len;
    text->data[text->len] = '\0';
}

void
text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void
text_addf(struct text *text, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        checked(NULL);
    text_reserve(text, (size_t)len);
    vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
    va_end(again);
    text->len += (size_t)len;
}

bool
text_read(struct text *text, FILE *file)
{
    char chunk[65536];
    size_t len;

    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_add_bytes(text, chunk, len);
    return !ferror(file);
}

void
text_fini(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

static const char *
value_of(const struct text_var *vars, const char *name, size_t len)
{
    while (strlen(vars->name) != len || memcmp(vars->name, name, len) != 0) {
        vars++;
        assert(vars->name != NULL);
    }
    return vars->value;
}

void
text_fill(struct text *text, const char *template, const struct text_var *vars)
{
    const char *dollar, *end;

    while ((dollar = strchr(template, '$')) != NULL) {
        text_add_bytes(text, template, (size_t)(dollar - template));
        end = strchr(dollar + 1, '$');
        assert(end != NULL);
        text_add(text, value_of(vars, dollar + 1, (size_t)(end - dollar - 1)));
        template = end + 1;
    }
    text_add(text, template);
}
