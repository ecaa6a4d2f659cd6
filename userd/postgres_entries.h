/* SPDX-License-Identifier: Apache-2.0 */
/* Users to create as array parameters of a statement, and its results. */
/* Threads: belongs to one fiber or thread. */
#pragma once

#include "userd/postgres_connection.h"

/* Columns: name, email, email_key, phone, created_at. */
#define POSTGRES_ARRAYS 5

struct postgres_entries {
    struct user_entry *entries; /* borrowed */
    size_t count;
    char **keys; /* the folded email of each */
    char *arrays[POSTGRES_ARRAYS];
};

/* False: no memory; nothing has to be freed then. */
bool postgres_entries_init(struct postgres_entries *set, struct user_entry *entries, size_t count);
void postgres_entries_fini(struct postgres_entries *set);

/* Set the code and id of each entry; the result has the ids and keys of the created ones. */
void postgres_entries_take(struct postgres_entries *set, const PGresult *result);
