/* SPDX-License-Identifier: Apache-2.0 */
/* Users to create, as the arrays that the statement takes, and what it answers. */
/* Threads: belongs to one fiber or thread. */
#pragma once

#include "userd/postgres_connection.h"

/* Columns: name, email, email_key, phone, created_at. */
#define POSTGRES_ARRAYS 5

struct postgres_entries {
    struct user_entry *entries; /* borrowed */
    size_t count;
    char **keys; /* of each, folded */
    char *arrays[POSTGRES_ARRAYS];
};

/* False: no memory; there is nothing to free then. */
bool postgres_entries_init(struct postgres_entries *set, struct user_entry *entries, size_t count);
void postgres_entries_fini(struct postgres_entries *set);

/* Give each entry its code and id: the result has the ids and keys of those that were created. */
void postgres_entries_take(struct postgres_entries *set, const PGresult *result);
