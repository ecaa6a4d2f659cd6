/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread state: a cache of its own, so that loops do not contend. */
#include "auth/auth.h"

#include <stdlib.h>

static void
add_counters(const struct auth_home *home, struct weir_auth_stats *sum)
{
    sum->cached += atomic_load_explicit(&home->cached, memory_order_relaxed);
    sum->verified += atomic_load_explicit(&home->verified, memory_order_relaxed);
    for (size_t i = 0; i < WEIR_AUTH_REFUSALS; i++)
        sum->refused[i] += atomic_load_explicit(&home->refused[i], memory_order_relaxed);
    sum->ended += atomic_load_explicit(&home->ended, memory_order_relaxed);
    sum->evicted += atomic_load_explicit(&home->evicted, memory_order_relaxed);
}

static void
home_free(struct auth_home *home)
{
    token_cache_fini(&home->cache);
    free(home);
}

/* Destructor, when the thread ends. */
static void
leave(void *arg)
{
    struct auth_home *home = arg;
    struct weir_auth *auth = home->auth;
    struct auth_home **at = &auth->homes;

    pthread_mutex_lock(&auth->lock);
    while (*at != home)
        at = &(*at)->next;
    *at = home->next;
    add_counters(home, &auth->gone);
    pthread_mutex_unlock(&auth->lock);
    home_free(home);
}

static struct auth_home *
home_new(struct weir_auth *auth)
{
    struct auth_home *home = calloc(1, sizeof(*home));

    if (home == NULL)
        return NULL;
    home->auth = auth;
    if (!token_cache_init(&home->cache, auth->cache_tokens) ||
        pthread_setspecific(auth->home_key, home) != 0) {
        home_free(home);
        return NULL;
    }
    pthread_mutex_lock(&auth->lock);
    home->next = auth->homes;
    auth->homes = home;
    pthread_mutex_unlock(&auth->lock);
    return home;
}

struct auth_home *
auth_home_of(struct weir_auth *auth)
{
    struct auth_home *home = pthread_getspecific(auth->home_key);

    return home == NULL ? home_new(auth) : home;
}

void
auth_homes_fini(struct weir_auth *auth)
{
    if (auth->has_home_key)
        pthread_key_delete(auth->home_key);
    while (auth->homes != NULL) {
        struct auth_home *home = auth->homes;

        auth->homes = home->next;
        home_free(home);
    }
}

bool
auth_homes_init(struct weir_auth *auth)
{
    auth->has_home_key = pthread_key_create(&auth->home_key, leave) == 0;
    return auth->has_home_key;
}

void
weir_auth_read_stats(weir_auth *auth, struct weir_auth_stats *out_stats)
{
    struct weir_auth_stats sum;

    pthread_mutex_lock(&auth->lock);
    sum = auth->gone;
    for (const struct auth_home *home = auth->homes; home != NULL; home = home->next)
        add_counters(home, &sum);
    pthread_mutex_unlock(&auth->lock);
    pthread_mutex_lock(&auth->ring.lock);
    sum.key_reloads = auth->ring.reloads;
    sum.key_failures = auth->ring.failures;
    pthread_mutex_unlock(&auth->ring.lock);
    *out_stats = sum;
}
