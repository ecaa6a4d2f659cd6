/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a test's folder. */
#include "store_fixture.h"

#include "userd/store_cached.h"
#include "userd/store_postgres.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The URL of a database that was not there before, in the cluster of this one. */
static void
make_database(const char *url, char *out, size_t size)
{
    static int number;
    const char *path = strstr(url, "/postgres?");
    PGconn *pg = PQconnectdb(url);
    char name[64], sql[96];
    PGresult *result;

    snprintf(name, sizeof(name), "test_%d_%d", (int)getpid(), number++);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK || path == NULL) {
        fprintf(stderr, "%s: %s\n", url, PQerrorMessage(pg));
        abort();
    }
    PQclear(result);
    PQfinish(pg);
    snprintf(out, size, "%.*s/%s%s", (int)(path - url), url, name, path + strlen("/postgres"));
}

static struct store *
open_in_folder(struct fixture *fixture, void *const *state)
{
    snprintf(fixture->path, sizeof(fixture->path), "%s", folder_file(state, "users.db"));
    return store_sqlite_open(fixture->path, fixture->pool, &fixture->cause);
}

struct redis *
fixture_redis(void)
{
    /* What the cache does without Redis is tried where Redis is away, not where it is slow. */
    const struct redis_options options = {
        .url = getenv("WEIR_REDIS"), .patience = 100 * WEIR_SECOND};
    struct redis *redis = redis_open(&options);
    const char *argv[] = {"FLUSHALL"};
    redisReply *reply;

    assert_non_null(redis);
    while (redis_ask(redis, NULL, 1, argv, NULL, &reply) != WEIR_OK)
        usleep(1000);
    freeReplyObject(reply);
    return redis;
}

static void
put_cache_in_front(struct fixture *fixture)
{
    fixture->redis = fixture_redis();
    assert_int_equal(weir_metrics_new(NULL, &fixture->metrics), WEIR_OK);
    fixture->store = store_cached_new(&(struct store_cached_options){.store = fixture->database,
        .fresh = fixture->database,
        .redis = fixture->redis,
        .metrics = fixture->metrics});
    assert_non_null(fixture->store);
}

bool
fixture_open(struct fixture *fixture, void *const *state)
{
    const char *postgres = getenv("WEIR_POSTGRES");

    fixture->redis = NULL;
    assert_int_equal(weir_pool_new(2, &fixture->pool), WEIR_OK);
    if (postgres == NULL) {
        fixture->database = open_in_folder(fixture, state);
    } else {
        make_database(postgres, fixture->path, sizeof(fixture->path));
        fixture->database = store_postgres_open(fixture->path, NULL, &fixture->cause);
    }
    fixture->store = fixture->database;
    if (fixture->store == NULL)
        weir_pool_free(fixture->pool);
    else if (getenv("WEIR_REDIS") != NULL)
        put_cache_in_front(fixture);
    return fixture->store != NULL;
}

void
fixture_close(struct fixture *fixture)
{
    weir_pool_free(fixture->pool);
    if (fixture->redis != NULL) {
        redis_stop(fixture->redis);
        store_close(fixture->store);
        redis_free(fixture->redis);
        weir_metrics_free(fixture->metrics);
    }
    store_close(fixture->database);
}

weir_code
seen_visit(void *arg, const struct user *user)
{
    struct seen *seen = arg;

    seen->id = user->id;
    seen->created_at = user->created_at;
    snprintf(seen->name, sizeof(seen->name), "%s", user->name);
    snprintf(seen->email, sizeof(seen->email), "%s", user->email);
    snprintf(seen->phone, sizeof(seen->phone), "%s", user->phone);
    return WEIR_OK;
}

weir_code
create(struct store *store, const char *name, const char *email, int32_t *out_id)
{
    const struct user user = {.name = name, .email = email, .phone = "", .created_at = 1700000000};
    struct store_cause cause;

    return store->ops->create(store, NULL, &user, out_id, &cause);
}

weir_code
find(struct store *store, int32_t id, struct seen *out)
{
    struct store_cause cause;

    return store->ops->find(store, NULL, id, seen_visit, out, &cause);
}

int64_t
total(struct store *store)
{
    const struct user_range range = {.limit = 1};
    struct store_cause cause;
    struct seen seen;
    int64_t count = -1;

    assert_int_equal(
        store->ops->list(store, NULL, &range, seen_visit, &seen, &count, &cause), WEIR_OK);
    return count;
}

weir_code
collect(void *arg, const struct user *user)
{
    struct ids *ids = arg;

    ids->items[ids->count++] = user->id;
    return WEIR_OK;
}
