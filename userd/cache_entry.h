/* SPDX-License-Identifier: Apache-2.0 */
/* What the cache keeps in Redis under a user's key. */
/* Threads: safe from any; an entry belongs to whoever has it. */
#pragma once

#include "userd/store.h"

enum cache_kind {
    CACHE_USER,   /* the user's message behind it */
    CACHE_ABSENT, /* there is no such user */
    CACHE_LEASE,  /* somebody is loading the user, who has the token behind it */
    CACHE_BARRED, /* a write is under way: load, but do not keep */
    CACHE_CORRUPT /* none of these */
};

/* Room for a lease, NUL included. */
#define CACHE_LEASE_SIZE 34

/* Seconds until Redis forgets by itself. */
#define CACHE_EXPIRY 30        /* a user */
#define CACHE_EXPIRY_ABSENT 5  /* that there is none */
#define CACHE_EXPIRY_LEASE 5   /* a load, which must end within that to be kept */
#define CACHE_EXPIRY_BARRED 10 /* a write that may be under way */

struct cache_entry {
    size_t len;
    char *bytes; /* NULL: none */
};

/* A lease that nobody had before, as text. */
void cache_lease_make(char out[CACHE_LEASE_SIZE]);

enum cache_kind cache_kind_of(const char *bytes, size_t len);

/* The entry of a user, or with NULL of nobody. False: no memory. free(entry->bytes). */
bool cache_entry_make(struct cache_entry *entry, const struct user *user);

/* Visit what a CACHE_USER or CACHE_ABSENT holds, which is NOT_FOUND. DATA_LOSS: it is no user with
 * this id. RESOURCE_EXHAUSTED: no memory. Else what visit says. */
weir_code cache_entry_visit(
    const char *bytes, size_t len, int32_t id, store_visit *visit, void *arg);
