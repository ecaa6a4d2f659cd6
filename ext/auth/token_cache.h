/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens that were verified lately. Bounded; only tokens with a good signature get in.
 *
 *     sets[hash]  ->  WAYS tokens, the one used last first
 */
/* Threads: a cache belongs to one thread: each loop has its own, so that they never wait for each
 * other. */
#pragma once

#include "auth/token.h"

struct token_cache {
    uint64_t key[2];
    size_t set_mask;
    struct token **slots;
    struct token **last; /* the set that was asked last; NULL: none yet */
};

/* Room for at least so many. False: no memory, or no randomness. */
bool token_cache_init(struct token_cache *cache, size_t tokens);
void token_cache_fini(struct token_cache *cache);

/* The token of this text, borrowed; NULL: it is not there. */
struct token *token_cache_lookup(struct token_cache *cache, weir_str text);

/* Refs the token. True: another one that had not expired made room for it. */
bool token_cache_add(struct token_cache *cache, struct token *token, int64_t now);

/* Unref a token that is there. */
void token_cache_drop(struct token_cache *cache, const struct token *token);
