/* SPDX-License-Identifier: Apache-2.0 */
/* The values that the cache stores in Redis. */
/* Threads: safe from any; an entry belongs to its owner. */
#pragma once

#include "userd/store.h"

enum cache_kind {
    CACHE_USER,   /* followed by the user's protobuf message */
    CACHE_ABSENT, /* there is no such user */
    CACHE_LEASE,  /* the user is being loaded; followed by the token of the loader */
    CACHE_BARRED, /* a write is in progress: load, but do not store */
    CACHE_CORRUPT /* none of these */
};

/* Size of a lease, NUL included. */
#define CACHE_LEASE_SIZE 34

/* Seconds until an entry expires. */
#define CACHE_EXPIRY 30        /* a user */
#define CACHE_EXPIRY_ABSENT 5  /* no such user */
#define CACHE_EXPIRY_LEASE 5   /* a load, which must complete within this time to be stored */
#define CACHE_EXPIRY_BARRED 10 /* a write that may be in progress */

struct cache_entry {
    size_t len;
    char *bytes; /* NULL: none */
};

/* Make a unique lease, as text. */
void cache_lease_make(char out[CACHE_LEASE_SIZE]);

enum cache_kind cache_kind_of(const char *bytes, size_t len);

/* Make the entry of a user; NULL: of an absent one. False: no memory. Free entry->bytes. */
bool cache_entry_make(struct cache_entry *entry, const struct user *user);

/* Visit the user in a CACHE_USER; a CACHE_ABSENT is NOT_FOUND. DATA_LOSS: it is not a user with
 * this id. RESOURCE_EXHAUSTED: no memory. Otherwise the code from visit. */
weir_code cache_entry_visit(
    const char *bytes, size_t len, int32_t id, store_visit *visit, void *arg);
