/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded cache of recently verified tokens; only tokens with a valid signature are inserted.
 *
 *     sets[hash]  ->  WAYS tokens, most recently used first
 */
/* Threads: a cache belongs to one thread: each loop has its own, without contention. */
#pragma once

#include "auth/token.h"

struct token_cache {
    uint64_t key[2];
    size_t set_mask;
    struct token **slots;
    struct token **last; /* the set used last; NULL: none yet */
};

/* Create a cache for at least `tokens` tokens. False: no memory, or no random numbers. */
bool token_cache_init(struct token_cache *cache, size_t tokens);
void token_cache_fini(struct token_cache *cache);

/* Look up a token by its text; borrowed. NULL: absent. */
struct token *token_cache_lookup(struct token_cache *cache, weir_str text);

/* Insert a token, adding a reference. True: it has replaced one that had not expired. */
bool token_cache_add(struct token_cache *cache, struct token *token, int64_t now);

/* Remove a token that is in the cache, dropping its reference. */
void token_cache_drop(struct token_cache *cache, const struct token *token);
