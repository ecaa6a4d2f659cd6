/* SPDX-License-Identifier: Apache-2.0 */
/* Users to create, as arrays: one statement makes many, in one round trip. */
#include "userd/postgres_entries.h"

#include "userd/fold.h"
#include <stdio.h>
#include <stdlib.h>

/* In an array's text, quotes and backslashes are escaped (PostgreSQL, Array Input and Output
 * Syntax).
 */
static void
write_element(const char *text, FILE *out)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void
write_column(const struct postgres_entries *set, size_t entry, int column, FILE *out)
{
    const struct user *user = &set->entries[entry].user;
    const char *const texts[] = {user->name, user->email, set->keys[entry], user->phone};

    if (column == POSTGRES_ARRAYS - 1)
        fprintf(out, "%lld", (long long)user->created_at);
    else
        write_element(texts[column], out);
}

/* NULL: no memory. */
static char *
make_array(const struct postgres_entries *set, int column)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    bool good;

    if (out == NULL)
        return NULL;
    putc('{', out);
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            putc(',', out);
        write_column(set, i, column, out);
    }
    putc('}', out);
    good = ferror(out) == 0;
    if (fclose(out) == 0 && good)
        return text;
    free(text);
    return NULL;
}

static bool
fold_keys(struct postgres_entries *set)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *email = set->entries[i].user.email;
        size_t len = strlen(email);

        set->keys[i] = malloc(FOLD_SIZE(len));
        if (set->keys[i] == NULL)
            return false;
        fold_case(email, len, set->keys[i]);
    }
    return true;
}

static bool
fill(struct postgres_entries *set)
{
    if (set->keys == NULL || !fold_keys(set))
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
    *set = (struct postgres_entries){
        .entries = entries, .count = count, .keys = calloc(count, sizeof(char *))};
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
    for (size_t i = 0; i < set->count && set->keys != NULL; i++)
        free(set->keys[i]);
    free(set->keys);
}

/* Rows come in the order of the entries, as a rule, so looking from where the last one was found is
 * quick. The first of several entries with the same key is the one that was created. */
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
