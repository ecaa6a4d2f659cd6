/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets of many clients in a fixed amount of memory. */
#include "ratelimit/buckets.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>

#define LINE 128 /* a set is aligned to its own size */
#define SPINS 100
#define YEAR (INT64_C(365) * 86400 * WEIR_SECOND)

_Static_assert(sizeof(struct buckets_set) == LINE, "a set is two lines of the cache");

static double
burst_of(const struct weir_rate *rate)
{
    if (rate->burst > 0)
        return rate->burst;
    return rate->rate < 1 ? 1 : rate->rate;
}

bool
buckets_rate_valid(const struct weir_rate *rate)
{
    if (!(rate->rate >= 0 && rate->rate <= 1e9))
        return false;
    return rate->rate == 0 || burst_of(rate) / rate->rate <= (double)YEAR / (double)WEIR_SECOND;
}

static size_t
sets_within(size_t memory)
{
    size_t count = 8;

    while (count <= memory / (2 * sizeof(struct buckets_set)))
        count *= 2;
    return count;
}

weir_code
buckets_init(struct buckets *buckets, const struct weir_rate *rate, size_t memory)
{
    double interval = (double)WEIR_SECOND / rate->rate;
    size_t count = sets_within(memory);

    *buckets = (struct buckets){.set_count = count,
        .interval = (int64_t)interval,
        .depth = (int64_t)(interval * burst_of(rate))};
    if (getrandom(&buckets->secret, sizeof(buckets->secret), 0) != (ssize_t)sizeof(buckets->secret))
        return WEIR_RESOURCE_EXHAUSTED;
    /* Untouched zero pages use no memory. */
    buckets->memory = calloc(count + 1, sizeof(struct buckets_set));
    if (buckets->memory == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    buckets->sets =
        (struct buckets_set *)(((uintptr_t)buckets->memory + LINE - 1) & ~(uintptr_t)(LINE - 1));
    return WEIR_OK;
}

void
buckets_fini(struct buckets *buckets)
{
    free(buckets->memory);
}

/* The secret keeps clients from predicting who shares a set. */
static struct buckets_set *
set_of(const struct buckets *buckets, uint64_t client)
{
    uint64_t hash = client ^ buckets->secret;

    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return &buckets->sets[(hash >> 20) & (buckets->set_count - 1)];
}

static void
lock(struct buckets_set *set)
{
    unsigned spins = 0;

    while (atomic_exchange_explicit(&set->lock, 1, memory_order_acquire) != 0) {
        if (++spins % SPINS == 0)
            sched_yield();
    }
}

static void
unlock(struct buckets_set *set)
{
    atomic_store_explicit(&set->lock, 0, memory_order_release);
}

static int64_t *
claim(struct buckets_set *set, unsigned way, uint64_t client)
{
    set->used |= 1U << way;
    set->client[way] = client;
    return &set->full_at[way];
}

/* The client's bucket; else an unused one; else the fullest, which is taken over with its debt. */
static int64_t *
find(struct buckets *buckets, struct buckets_set *set, uint64_t client, int64_t now)
{
    unsigned fullest = 0;

    for (unsigned way = 0; way < BUCKETS_WAYS; way++) {
        if ((set->used & 1U << way) == 0) {
            set->full_at[way] = now;
            return claim(set, way, client);
        }
        if (set->client[way] == client)
            return &set->full_at[way];
        if (set->full_at[way] < set->full_at[fullest])
            fullest = way;
    }
    if (set->full_at[fullest] > now)
        atomic_fetch_add_explicit(&buckets->crowded, 1, memory_order_relaxed);
    return claim(set, fullest, client);
}

int64_t
buckets_take(struct buckets *buckets, uint64_t client, int64_t now)
{
    struct buckets_set *set = set_of(buckets, client);
    int64_t *full_at, next, wait;

    lock(set);
    full_at = find(buckets, set, client, now);
    next = (*full_at > now ? *full_at : now) + buckets->interval;
    wait = next - now - buckets->depth;
    if (wait <= 0)
        *full_at = next;
    unlock(set);
    return wait <= 0 ? 0 : wait;
}
