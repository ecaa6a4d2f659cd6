/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets in a hash table of fixed size. The hash is keyed, so that outsiders cannot choose
 * names that collide. If a set is full, the bucket that is nearest to full is replaced, because
 * that loses the least: a missing bucket counts as full. */
#include "userd/attempts.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#define SETS 4096
#define WAYS 8

struct attempts_slot {
    uint64_t name; /* hash of the name; 0: free */
    int64_t as_of;
    double left;
};

/* The size of a bucket, and the time per token. */
static const struct rule {
    double burst;
    int64_t interval;
} rules[] = {
    [ATTEMPTS_OF_ACCOUNT] = {10, 30 * WEIR_SECOND},
    [ATTEMPTS_OF_ADDRESS] = {50, 3 * WEIR_SECOND},
};

bool
attempts_init(struct attempts *attempts)
{
    *attempts = (struct attempts){0};
    pthread_mutex_init(&attempts->lock, NULL);
    randombytes_buf(attempts->key, sizeof(attempts->key));
    attempts->slots = calloc((size_t)SETS * WAYS, sizeof(*attempts->slots));
    return attempts->slots != NULL;
}

void
attempts_fini(struct attempts *attempts)
{
    if (attempts->slots == NULL)
        return;
    free(attempts->slots);
    pthread_mutex_destroy(&attempts->lock);
}

/* Never 0; the highest bit is the enum attempts_of. */
static uint64_t
hash_of(const struct attempts *attempts, enum attempts_of of, const char *name)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint64_t hash;

    crypto_shorthash(bytes, (const unsigned char *)name, strlen(name), attempts->key);
    memcpy(&hash, bytes, sizeof(hash));
    return (hash >> 1 | 1) | (uint64_t)of << 63;
}

/* Add tokens to a bucket, up to its size. */
static void
fill(struct attempts_slot *slot, double more)
{
    double burst = rules[slot->name >> 63].burst;

    slot->left = slot->left + more < burst ? slot->left + more : burst;
}

static void
refill(struct attempts_slot *slot, int64_t now)
{
    fill(slot, (double)(now - slot->as_of) / (double)rules[slot->name >> 63].interval);
    slot->as_of = now;
}

/* How full it is; 1 is equivalent to a missing bucket. */
static double
level(const struct attempts_slot *slot)
{
    return slot->name == 0 ? 2 : slot->left / rules[slot->name >> 63].burst;
}

/* The bucket of a name; a full one is created if there is none. */
static struct attempts_slot *
find(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now)
{
    uint64_t hash = hash_of(attempts, of, name);
    struct attempts_slot *set = &attempts->slots[(hash >> 32) % SETS * WAYS], *best = set;

    for (size_t i = 0; i < WAYS; i++) {
        refill(&set[i], now);
        if (set[i].name == hash)
            return &set[i];
        if (level(&set[i]) > level(best))
            best = &set[i];
    }
    *best = (struct attempts_slot){hash, now, rules[of].burst};
    return best;
}

bool
attempts_take(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now)
{
    struct attempts_slot *slot;
    bool good;

    pthread_mutex_lock(&attempts->lock);
    slot = find(attempts, of, name, now);
    good = slot->left >= 1;
    if (good)
        slot->left -= 1;
    else
        attempts->refused++;
    pthread_mutex_unlock(&attempts->lock);
    return good;
}

void
attempts_give_back(struct attempts *attempts, enum attempts_of of, const char *name, int64_t now)
{
    struct attempts_slot *slot;

    pthread_mutex_lock(&attempts->lock);
    slot = find(attempts, of, name, now);
    fill(slot, 1);
    pthread_mutex_unlock(&attempts->lock);
}

uint64_t
attempts_refused(struct attempts *attempts)
{
    uint64_t refused;

    pthread_mutex_lock(&attempts->lock);
    refused = attempts->refused;
    pthread_mutex_unlock(&attempts->lock);
    return refused;
}
