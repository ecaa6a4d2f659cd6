/* SPDX-License-Identifier: Apache-2.0 */
/* A bar is the number of writes in progress, stored in place of the user's entry. */
#include "userd/cache_changes.h"

#include "userd/cache_entry.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bar_script[] =
    "local v, n = redis.call('GET', KEYS[1]), 1 "
    "if v and string.sub(v, 1, 1) == 'W' then n = string.sub(v, 2) + 1 end "
    "redis.call('SET', KEYS[1], string.format('W%d', n), 'EX', ARGV[1]) return 1";

static const char lift_script[] =
    "local v, n = redis.call('GET', KEYS[1]), 1 "
    "if v and string.sub(v, 1, 1) == 'W' then n = string.sub(v, 2) + 0 end "
    "if n > 1 then redis.call('SET', KEYS[1], string.format('W%d', n - 1), 'KEEPTTL') "
    "else redis.call('DEL', KEYS[1]) end return 1";

/* Bars stay; the writers remove them. */
static const char forget_script[] =
    "for _, key in ipairs(KEYS) do local v = redis.call('GET', key) "
    "if v and string.sub(v, 1, 1) ~= 'W' then redis.call('DEL', key) end end return 1";

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

struct cache_key
cache_key_of(int32_t id)
{
    struct cache_key key;

    snprintf(key.text, sizeof(key.text), "userd:user:%d", (int)id);
    return key;
}

void
cache_changes_init(struct cache_changes *changes, struct redis *redis)
{
    changes->redis = redis;
    atomic_init(&changes->debt_count, 0);
    pthread_mutex_init(&changes->lock, NULL);
}

void
cache_changes_fini(struct cache_changes *changes)
{
    pthread_mutex_destroy(&changes->lock);
}

static void
owe(struct cache_changes *changes, const int32_t *ids, size_t count)
{
    pthread_mutex_lock(&changes->lock);
    for (size_t i = 0; i < count; i++) {
        size_t place = atomic_load(&changes->debt_count);

        if (place == CACHE_DEBTS_MAX)
            break;
        changes->debts[place] = ids[i];
        atomic_store(&changes->debt_count, place + 1);
    }
    pthread_mutex_unlock(&changes->lock);
}

static bool
ask(struct cache_changes *changes, weir_call *call, int argc, const char **argv)
{
    redisReply *reply;

    if (redis_ask(changes->redis, call, argc, argv, NULL, &reply) != WEIR_OK)
        return false;
    freeReplyObject(reply);
    return true;
}

bool
cache_bar(struct cache_changes *changes, weir_call *call, int32_t id)
{
    const struct cache_key key = cache_key_of(id);
    const char *argv[] = {"EVAL", bar_script, "1", key.text, TEXT(CACHE_EXPIRY_BARRED)};

    return ask(changes, call, 5, argv);
}

bool
cache_lift(struct cache_changes *changes, int32_t id)
{
    const struct cache_key key = cache_key_of(id);
    const char *argv[] = {"EVAL", lift_script, "1", key.text};

    if (ask(changes, NULL, 4, argv))
        return true;
    owe(changes, &id, 1);
    return false;
}

/* ---- many ---- */

struct forgetting {
    int32_t *ids; /* debts first */
    size_t debts, count;
    struct cache_key *keys;
    const char **argv;
};

/* Debts stay in the list until their entries are deleted. False: no memory. */
static bool
gather(struct forgetting *all, struct cache_changes *changes, const int32_t *ids, size_t count)
{
    size_t debts = atomic_load(&changes->debt_count), most = debts + count;

    *all = (struct forgetting){.ids = calloc(most, sizeof(*all->ids)),
        .keys = calloc(most, sizeof(*all->keys)),
        .argv = calloc(most + 3, sizeof(*all->argv))};
    if (all->ids == NULL || all->keys == NULL || all->argv == NULL)
        return false;
    pthread_mutex_lock(&changes->lock);
    all->debts = atomic_load(&changes->debt_count);
    if (all->debts > debts)
        all->debts = debts;
    memcpy(all->ids, changes->debts, all->debts * sizeof(*all->ids));
    pthread_mutex_unlock(&changes->lock);
    if (count > 0)
        memcpy(all->ids + all->debts, ids, count * sizeof(*ids));
    all->count = all->debts + count;
    return true;
}

static bool
delete_all(struct cache_changes *changes, struct forgetting *all)
{
    char number[24];

    snprintf(number, sizeof(number), "%zu", all->count);
    all->argv[0] = "EVAL";
    all->argv[1] = forget_script;
    all->argv[2] = number;
    for (size_t i = 0; i < all->count; i++) {
        all->keys[i] = cache_key_of(all->ids[i]);
        all->argv[3 + i] = all->keys[i].text;
    }
    return ask(changes, NULL, (int)all->count + 3, all->argv);
}

/* Debts that were appended meanwhile stay. If two threads delete the same debts, the entries are
 * deleted twice. */
static void
strike_off(struct cache_changes *changes, const struct forgetting *all)
{
    size_t count;

    pthread_mutex_lock(&changes->lock);
    count = atomic_load(&changes->debt_count);
    if (count >= all->debts &&
        memcmp(changes->debts, all->ids, all->debts * sizeof(*all->ids)) == 0) {
        memmove(changes->debts, changes->debts + all->debts,
            (count - all->debts) * sizeof(*changes->debts));
        atomic_store(&changes->debt_count, count - all->debts);
    }
    pthread_mutex_unlock(&changes->lock);
}

static bool
forget_now(struct cache_changes *changes, const int32_t *ids, size_t count)
{
    struct forgetting all;
    bool good = gather(&all, changes, ids, count) && delete_all(changes, &all);

    if (good)
        strike_off(changes, &all);
    free(all.ids);
    free(all.keys);
    free(all.argv);
    return good;
}

bool
cache_forget(struct cache_changes *changes, const int32_t *ids, size_t count)
{
    if (redis_works(changes->redis) && forget_now(changes, ids, count))
        return true;
    owe(changes, ids, count);
    return false;
}
