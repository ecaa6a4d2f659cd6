/* SPDX-License-Identifier: Apache-2.0 */
/* A set-associative cache: a token's set is selected by a keyed hash of its end, which is part of
 * the signature and cannot be chosen; then the whole text is compared. */
#include "auth/token_cache.h"

#include "auth/siphash.h"
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4

/* Bytes at the end of a token that are hashed: 94 bits of its signature. */
#define HASHED 16

bool
token_cache_init(struct token_cache *cache, size_t tokens)
{
    size_t sets = 1;

    while (sets < tokens / WAYS + (tokens % WAYS != 0))
        sets *= 2;
    *cache = (struct token_cache){.set_mask = sets - 1};
    if (RAND_bytes((unsigned char *)cache->key, sizeof(cache->key)) != 1)
        return false;
    cache->slots = calloc(sets, WAYS * sizeof(struct token *));
    return cache->slots != NULL;
}

void
token_cache_fini(struct token_cache *cache)
{
    for (size_t i = 0; cache->slots != NULL && i < (cache->set_mask + 1) * WAYS; i++)
        token_unref(cache->slots[i]);
    free(cache->slots);
}

static struct token **
set_of(const struct token_cache *cache, const char *text, size_t len)
{
    size_t hashed = len < HASHED ? len : HASHED;
    uint64_t hash = siphash(cache->key, text + len - hashed, hashed);

    return cache->slots + (hash & cache->set_mask) * WAYS;
}

/* Move the token at this place to the front. */
static struct token *
bring_forward(struct token **set, size_t place)
{
    struct token *token = set[place];

    memmove(set + 1, set, place * sizeof(struct token *));
    set[0] = token;
    return token;
}

/* Compare two ends in constant time, as they must not be guessable by timing. */
static bool
same_end(const char *a, const char *b)
{
    uint64_t left[HASHED / 8], right[HASHED / 8];

    memcpy(left, a, HASHED);
    memcpy(right, b, HASHED);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

/* Tokens are never shorter than HASHED. Different ones usually differ at the end. */
static bool
is_of(const struct token *token, weir_str text)
{
    size_t at = text.len - HASHED;

    return token != NULL && token->len == text.len && text.len >= HASHED &&
           same_end(token->text + at, text.data + at) && memcmp(token->text, text.data, at) == 0;
}

/* Consecutive calls often have the same token, from one client. */
struct token *
token_cache_lookup(struct token_cache *cache, weir_str text)
{
    struct token **set;

    if (cache->last != NULL && is_of(*cache->last, text))
        return *cache->last;
    set = set_of(cache, text.data, text.len);
    for (size_t i = 0; i < WAYS; i++) {
        if (is_of(set[i], text)) {
            cache->last = set;
            return i == 0 ? set[0] : bring_forward(set, i);
        }
    }
    return NULL;
}

/* An empty place, else an expired token's, else the least recently used one's. */
static size_t
place_for_one(struct token **set, int64_t now, bool *out_evicted)
{
    *out_evicted = false;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i] == NULL || token_check_time(set[i], now) != NULL)
            return i;
    }
    *out_evicted = true;
    return WAYS - 1;
}

bool
token_cache_add(struct token_cache *cache, struct token *token, int64_t now)
{
    struct token **set = set_of(cache, token->text, token->len);
    bool evicted;
    size_t place = place_for_one(set, now, &evicted);

    token_unref(set[place]);
    set[place] = token_ref(token);
    bring_forward(set, place);
    return evicted;
}

void
token_cache_drop(struct token_cache *cache, const struct token *token)
{
    struct token **set = set_of(cache, token->text, token->len);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i] == token) {
            token_unref(set[i]);
            set[i] = NULL;
            return;
        }
    }
}
