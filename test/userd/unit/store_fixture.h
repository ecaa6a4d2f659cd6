/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a test's folder, or where WEIR_POSTGRES is set (test/support/with_postgres) in a new
 * database there; where WEIR_REDIS is set (with_redis), behind a cache there, which is emptied
 * first. And short words for its operations. */
/* Threads: the fixture belongs to the test's thread; the words are safe from any thread. */
#pragma once

#include "folder.h"
#include "userd/redis.h"
#include "userd/store_sqlite.h"
#include <weir/metrics.h>

struct fixture {
    char path[512]; /* or URL */
    weir_pool *pool;
    struct store *store;
    struct store *database;   /* behind the cache; the same without one */
    struct redis *redis;      /* NULL: none */
    weir_metrics *metrics;    /* of the cache */
    struct store_cause cause; /* of the last open that failed */
};

/* Open users.db in the folder. False: it cannot be opened. */
bool fixture_open(struct fixture *fixture, void *const *state);
void fixture_close(struct fixture *fixture);

/* A Redis that is empty, at the URL of WEIR_REDIS; redis_stop, redis_free. */
struct redis *fixture_redis(void);

/* A user with copies of its texts. */
struct seen {
    int32_t id;
    int64_t created_at;
    char name[300], email[300], phone[64];
};

weir_code seen_visit(void *arg, const struct user *user);

weir_code create(struct store *store, const char *name, const char *email, int32_t *out_id);
weir_code find(struct store *store, int32_t id, struct seen *out);
int64_t total(struct store *store);

struct ids {
    int32_t items[64];
    size_t count;
};

weir_code collect(void *arg, const struct user *user);
