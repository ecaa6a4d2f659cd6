/* SPDX-License-Identifier: Apache-2.0 */
/* Users to create as arrays: one statement creates many, in one round trip. */
#include "userd/postgres_entries.h"

#include "userd/fold.h"
#include <stdio.h>
#include <stdlib.h>

/* Size of a number in an array: digits, sign and comma. */
#define NUMBER_SIZE 24

/* In the text of an array, quotes and backslashes are escaped (PostgreSQL, Array Input and Output
 * Syntax). */
static char *
write_element(const char *text, char *out)
{
    *out++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            *out++ = '\\';
        *out++ = *text;
    }
    *out++ = '"';
    return out;
}

static const char *
text_of(const struct postgres_entries *set, size_t entry, int column)
{
    const struct user *user = &set->entries[entry].user;
    const char *const texts[] = {user->name, user->email, set->keys[entry], user->phone};

    return texts[column];
}

static char *
write_column(const struct postgres_entries *set, size_t entry, int column, char *out)
{
    if (column < POSTGRES_ARRAYS - 1)
        return write_element(text_of(set, entry, column), out);
    return out + snprintf(out, NUMBER_SIZE, "%lld", (long long)set->entries[entry].user.created_at);
}

/* Size with every character escaped, quotes and a comma. */
static size_t
array_size(const struct postgres_entries *set, int column)
{
    size_t size = sizeof("{}");

    for (size_t i = 0; i < set->count; i++)
        size +=
            column < POSTGRES_ARRAYS - 1 ? 2 * strlen(text_of(set, i, column)) + 3 : NUMBER_SIZE;
    return size;
}

/* NULL: no memory. */
static char *
make_array(const struct postgres_entries *set, int column)
{
    char *text = malloc(array_size(set, column));
    char *out = text;

    if (text == NULL)
        return NULL;
    *out++ = '{';
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            *out++ = ',';
        out = write_column(set, i, column, out);
    }
    *out++ = '}';
    *out = '\0';
    return text;
}

/* All texts in one allocation, after the pointers to them. */
static bool
fold_keys(struct postgres_entries *set)
{
    size_t size = set->count * sizeof(char *);
    char *key;

    for (size_t i = 0; i < set->count; i++)
        size += FOLD_SIZE(strlen(set->entries[i].user.email));
    set->keys = malloc(size);
    if (set->keys == NULL)
        return false;
    key = (char *)(set->keys + set->count);
    for (size_t i = 0; i < set->count; i++) {
        const char *email = set->entries[i].user.email;

        set->keys[i] = key;
        fold_case(email, strlen(email), key);
        key += strlen(key) + 1;
    }
    return true;
}

static bool
fill(struct postgres_entries *set)
{
    if (!fold_keys(set))
        return false;
    for (int i = 0; i < POSTGRES_ARRAYS; i++) {
        set->arrays[i] = make_array(set, i);
        if (set->arrays[i] == NULL)
            return false;
    }
    return true;
}

bool
postgres_entries_init(struct postgres_entries *set, struct user_entry *entries, size_t count)
{
    *set = (struct postgres_entries){.entries = entries, .count = count};
    if (fill(set))
        return true;
    postgres_entries_fini(set);
    return false;
}

void
postgres_entries_fini(struct postgres_entries *set)
{
    for (int i = 0; i < POSTGRES_ARRAYS; i++)
        free(set->arrays[i]);
    free(set->keys);
    *set = (struct postgres_entries){0};
}

/* Rows usually come in the order of the entries, so the search starts at the last hit. Of several
 * entries with the same key, the first is the one that was created. */
static size_t
find_key(const struct postgres_entries *set, const char *key, size_t from)
{
    for (size_t i = 0; i < set->count; i++) {
        size_t at = (from + i) % set->count;
        if (set->entries[at].code != WEIR_OK && strcmp(set->keys[at], key) == 0)
            return at;
    }
    return set->count;
}

void
postgres_entries_take(struct postgres_entries *set, const PGresult *result)
{
    size_t at = 0;

    for (size_t i = 0; i < set->count; i++)
        set->entries[i].code = WEIR_ALREADY_EXISTS;
    for (int row = 0; row < PQntuples(result); row++) {
        size_t found = find_key(set, PQgetvalue(result, row, 1), at);
        if (found == set->count)
            continue;
        set->entries[found].code = WEIR_OK;
        set->entries[found].user.id = (int32_t)postgres_number(result, row, 0);
        at = found + 1;
    }
}
