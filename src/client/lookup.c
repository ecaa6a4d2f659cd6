/* SPDX-License-Identifier: Apache-2.0 */
/* A lookup on a thread of the pool. When it ends, its owner and the loop may be gone: so abandoning
 * it and sending its task both take the lock. It has two references, one of the thread and one of
 * the loop. */
#include "client/lookup.h"

#include "base/map.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct client_lookup {
    atomic_uint holders;
    pthread_mutex_t lock;
    bool abandoned; /* `done` must not be called */
    bool here;      /* runs without a thread */
    weir_loop *loop;
    struct loop_task task;
    void (*done)(void *owner, struct lookup_result *result);
    void *owner;
    struct lookup_question question;
    struct lookup_result result;
};

static void
let_go(struct client_lookup *lookup, unsigned holders)
{
    if (atomic_fetch_sub(&lookup->holders, holders) != holders)
        return;
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->result.addresses);
    free(lookup->result.config);
    free(lookup);
}

static void
came_back(struct loop_task *task)
{
    struct client_lookup *lookup = container_of(task, struct client_lookup, task);

    if (!lookup->abandoned)
        lookup->done(lookup->owner, &lookup->result);
    let_go(lookup, lookup->here ? 2 : 1);
}

/* gRFC A2: the TXT records of _grpc_config.NAME. */
#define CONFIG_NAME "_grpc_config."
#define CONFIG_PREFIX "grpc_config="

static void
look_up_config(const struct lookup_question *question, struct lookup_result *result)
{
    char name[sizeof(CONFIG_NAME) + sizeof(question->endpoint.host)];

    snprintf(name, sizeof(name), CONFIG_NAME "%s", question->endpoint.host);
    result->config_code = net_dns_text(
        question->server.len > 0 ? &question->server : NULL, name, CONFIG_PREFIX, &result->config);
}

/* ---- addresses ---- */

/* More than fit into responses of 64 KiB for both families, at 16 and 28 bytes per address. */
#define MAX_FOUND 8192

static uint64_t
rank_of(const struct net_address *address, uint64_t seed)
{
    return hash_bytes(seed, &address->storage, address->len);
}

static int
compare_ranks(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Keeps the `max` addresses with the lowest rank; without memory for ranks, the first ones. */
size_t
lookup_choose(struct net_address *addresses, size_t count, size_t max, uint64_t seed)
{
    uint64_t *ranks, last;
    size_t kept = 0;

    if (count <= max)
        return count;
    ranks = malloc(count * sizeof(*ranks));
    if (ranks == NULL)
        return max;
    for (size_t i = 0; i < count; i++)
        ranks[i] = rank_of(&addresses[i], seed);
    qsort(ranks, count, sizeof(*ranks), compare_ranks);
    last = ranks[max - 1];
    free(ranks);
    for (size_t i = 0; i < count && kept < max; i++) {
        if (rank_of(&addresses[i], seed) <= last)
            addresses[kept++] = addresses[i];
    }
    return kept;
}

static weir_code
find_addresses(const struct lookup_question *question, struct lookup_result *result)
{
    if (question->server.len > 0)
        return net_dns_resolve(&question->server, &question->endpoint, result->addresses, MAX_FOUND,
            &result->count, &result->why);
    return net_resolve(
        &question->endpoint, result->addresses, MAX_FOUND, &result->count, &result->why);
}

/* Release unused memory. */
static void
trim(struct lookup_result *result)
{
    struct net_address *less =
        realloc(result->addresses, (result->count + 1) * sizeof(*result->addresses));

    if (less != NULL)
        result->addresses = less;
}

static weir_code
look_up_addresses(const struct lookup_question *question, struct lookup_result *result)
{
    weir_code code;

    result->why = "no memory";
    result->addresses = malloc(MAX_FOUND * sizeof(*result->addresses));
    if (result->addresses == NULL)
        return WEIR_UNAVAILABLE;
    code = find_addresses(question, result);
    if (code == WEIR_OK)
        result->count =
            lookup_choose(result->addresses, result->count, LOOKUP_MAX_ADDRESSES, question->seed);
    trim(result);
    return code;
}

static void
look_up(struct client_lookup *lookup)
{
    const struct lookup_question *question = &lookup->question;
    struct lookup_result *result = &lookup->result;

    result->code = look_up_addresses(question, result);
    if (result->code == WEIR_OK && question->with_config)
        look_up_config(question, result);
}

static void
look_up_on_thread(void *arg)
{
    struct client_lookup *lookup = arg;
    bool abandoned;

    look_up(lookup);
    pthread_mutex_lock(&lookup->lock);
    abandoned = lookup->abandoned;
    if (!abandoned)
        loop_send(lookup->loop, &lookup->task);
    pthread_mutex_unlock(&lookup->lock);
    /* If abandoned, the loop's reference is released here as well. */
    let_go(lookup, abandoned ? 2 : 1);
}

struct client_lookup *
lookup_start(weir_loop *loop, weir_pool *pool, const struct lookup_question *question,
    void (*done)(void *owner, struct lookup_result *result), void *owner)
{
    struct client_lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL)
        return NULL;
    atomic_init(&lookup->holders, 2);
    pthread_mutex_init(&lookup->lock, NULL);
    loop_task_init(&lookup->task, came_back);
    lookup->here = pool == NULL;
    lookup->loop = loop;
    lookup->done = done;
    lookup->owner = owner;
    lookup->question = *question;
    lookup->result.config_code = WEIR_NOT_FOUND;
    if (pool == NULL) {
        look_up(lookup);
        loop_post(loop, &lookup->task);
        return lookup;
    }
    if (weir_pool_submit(pool, look_up_on_thread, lookup) == WEIR_OK)
        return lookup;
    let_go(lookup, 2);
    return NULL;
}

void
lookup_abandon(struct client_lookup *lookup)
{
    if (lookup == NULL)
        return;
    if (lookup->here) {
        loop_task_cancel(&lookup->task);
        let_go(lookup, 2);
        return;
    }
    pthread_mutex_lock(&lookup->lock);
    lookup->abandoned = true;
    pthread_mutex_unlock(&lookup->lock);
}
