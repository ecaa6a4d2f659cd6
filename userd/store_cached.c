/* SPDX-License-Identifier: Apache-2.0 */
/* A store behind a cache in Redis.
 *
 *     find -> a user, or that there is none            -> done
 *          -> nothing: our lease is put there          -> load, and keep it if the lease is still
 * there
 *          -> a lease of this process                  -> wait for that load
 *          -> another's lease, a bar, Redis is away    -> load, and keep nothing
 *     write -> a bar in the place of the entry, or of the lease -> the store -> the bar is lifted
 * -> answer
 *
 * So nothing of before a write is read in Redis, or kept there, from before it happens. A call that
 * ends in doubt puts up its bar again, since the write may still come; it expires. What Redis
 * cannot be told is made up for when it is back (cache_changes.h), and else left to the expiry. */
#include "userd/store_cached.h"

#include "userd/account_store.h"
#include "userd/cache_changes.h"
#include "userd/cache_flights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_OF(number) #number
#define NUMBER(number) NUMBER_OF(number)

/* Returns the value; if there is none, stores the lease ARGV[1] for ARGV[2] seconds and returns
 * nothing. */
static const char look_script[] = "local v = redis.call('GET', KEYS[1]) if v then return v end "
                                  "redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return false";

/* Stores ARGV[2] for ARGV[3] seconds if the lease ARGV[1] is still there. */
static const char keep_script[] = "if redis.call('GET', KEYS[1]) == ARGV[1] then "
                                  "redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3]) end return 1";

struct cached {
    struct store head;
    struct store *store, *fresh;
    struct redis *redis;
    struct cache_flights flights;
    struct cache_changes changes;
    weir_health *health; /* NULL: none */
    weir_counter *hits, *misses, *errors;
};

/* A script's arguments. */
struct script {
    const char *argv[7];
    size_t lens[7];
    int argc;
};

static struct cached *
cached_of(struct store *store)
{
    return (struct cached *)store;
}

static void
note_error(struct cached *self)
{
    weir_counter_add(self->errors, 1);
    if (self->health != NULL)
        weir_health_suspect(self->health, CACHE_CHECKER);
}

static void
script_add(struct script *script, const char *text, size_t len)
{
    script->argv[script->argc] = text;
    script->lens[script->argc++] = len;
}

static void
script_begin(struct script *script, const char *body, const struct cache_key *key)
{
    script->argc = 0;
    script_add(script, "EVAL", 4);
    script_add(script, body, strlen(body));
    script_add(script, "1", 1);
    script_add(script, key->text, strlen(key->text));
}

/* ---- finding ---- */

/* How often to look for the result of another call's load before loading as well. */
#define LOOKS 2

struct question {
    struct cached *self;
    weir_call *call;
    int32_t id;
    store_visit *visit;
    void *arg;
    struct store_cause *cause;
};

static weir_code
find_in(struct store *store, const struct question *asked, store_visit *visit, void *arg)
{
    return store->ops->find(store, asked->call, asked->id, visit, arg, asked->cause);
}

/* Load without storing the result. */
static weir_code
load(const struct question *asked)
{
    weir_counter_add(asked->self->misses, 1);
    return find_in(asked->self->fresh, asked, asked->visit, asked->arg);
}

/* Passes a user to the caller, and makes an entry of it. */
struct copy {
    const struct question *asked;
    struct cache_entry entry;
};

static weir_code
visit_copy(void *arg, const struct user *user)
{
    struct copy *copy = arg;

    (void)!cache_entry_make(&copy->entry, user); /* without memory, it is not stored */
    return copy->asked->visit(copy->asked->arg, user);
}

static void
keep(const struct question *asked, const char *lease, const struct cache_entry *entry)
{
    const struct cache_key key = cache_key_of(asked->id);
    bool absent = cache_kind_of(entry->bytes, entry->len) == CACHE_ABSENT;
    const char *expiry = absent ? NUMBER(CACHE_EXPIRY_ABSENT) : NUMBER(CACHE_EXPIRY);
    struct script script;

    script_begin(&script, keep_script, &key);
    script_add(&script, lease, CACHE_LEASE_SIZE - 1);
    script_add(&script, entry->bytes, entry->len);
    script_add(&script, expiry, strlen(expiry));
    (void)!redis_tell(asked->self->redis, script.argc, script.argv, script.lens);
}

static weir_code
load_under_lease(const struct question *asked, const char *lease)
{
    struct cached *self = asked->self;
    struct cache_flight *flight = cache_flight_begin(&self->flights, asked->id, lease);
    struct copy copy = {asked, {0, NULL}};
    weir_code code = find_in(self->fresh, asked, visit_copy, &copy);

    weir_counter_add(self->misses, 1);
    if (code == WEIR_NOT_FOUND)
        (void)!cache_entry_make(&copy.entry, NULL);
    if (copy.entry.bytes != NULL)
        keep(asked, lease, &copy.entry); /* before the flight ends: calls that find it ended look
                                            again */
    cache_flight_end(&self->flights, flight, &copy.entry);
    return code;
}

/* DATA_LOSS: not a valid entry of this user. */
static weir_code
show(const struct question *asked, const char *bytes, size_t len)
{
    weir_code code = cache_entry_visit(bytes, len, asked->id, asked->visit, asked->arg);

    if (code != WEIR_DATA_LOSS)
        weir_counter_add(asked->self->hits, 1);
    return code;
}

/* ABORTED: the load belongs to another process, has ended, or failed. */
static weir_code
join_load(const struct question *asked, const char *lease)
{
    struct cache_flight *flight;
    const struct cache_entry *entry;
    weir_code code;

    WEIR_TRY(cache_flight_join(&asked->self->flights, asked->call, asked->id, lease, &flight));
    entry = cache_flight_entry(flight);
    code = show(asked, entry->bytes, entry->len);
    cache_flight_unref(flight);
    return code;
}

/* Use the value that was found. ABORTED: as of join_load. */
static weir_code
use_entry(const struct question *asked, const redisReply *reply)
{
    weir_code code = WEIR_DATA_LOSS;

    switch (cache_kind_of(reply->str, reply->len)) {
    case CACHE_LEASE:
        return join_load(asked, reply->str);
    case CACHE_BARRED:
        return load(asked);
    case CACHE_USER:
    case CACHE_ABSENT:
        code = show(asked, reply->str, reply->len);
        break;
    case CACHE_CORRUPT:
        break;
    }
    if (code != WEIR_DATA_LOSS)
        return code;
    note_error(asked->self);
    return load(asked);
}

static weir_code
ask_redis(const struct question *asked, const char *lease, redisReply **out_reply)
{
    const struct cache_key key = cache_key_of(asked->id);
    const char *expiry = NUMBER(CACHE_EXPIRY_LEASE);
    struct script script;

    if (!cache_settle(&asked->self->changes))
        return WEIR_UNAVAILABLE;
    script_begin(&script, look_script, &key);
    script_add(&script, lease, CACHE_LEASE_SIZE - 1);
    script_add(&script, expiry, strlen(expiry));
    return redis_ask(
        asked->self->redis, asked->call, script.argc, script.argv, script.lens, out_reply);
}

/* ABORTED: as of join_load. */
static weir_code
look(const struct question *asked)
{
    char lease[CACHE_LEASE_SIZE];
    redisReply *reply;
    weir_code code;

    cache_lease_make(lease);
    code = ask_redis(asked, lease, &reply);
    if (code != WEIR_OK) {
        if (asked->call != NULL)
            WEIR_TRY(weir_call_code(asked->call));
        note_error(asked->self);
        return find_in(asked->self->store, asked, asked->visit, asked->arg);
    }
    if (reply->type == REDIS_REPLY_STRING)
        code = use_entry(asked, reply);
    else
        code = load_under_lease(asked, lease);
    freeReplyObject(reply);
    return code;
}

static weir_code
cached_find(struct store *store, weir_call *call, int32_t id, store_visit *visit, void *arg,
    struct store_cause *cause)
{
    const struct question asked = {cached_of(store), call, id, visit, arg, cause};
    weir_code code = WEIR_ABORTED;

    if (id <= 0) /* no user has such an id */
        return find_in(asked.self->store, &asked, visit, arg);
    for (int i = 0; i < LOOKS && code == WEIR_ABORTED; i++)
        code = look(&asked);
    return code == WEIR_ABORTED ? load(&asked) : code;
}

static weir_code
cached_list(struct store *store, weir_call *call, const struct user_range *range,
    store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause)
{
    struct cached *self = cached_of(store);

    return self->store->ops->list(self->store, call, range, visit, arg, out_total, cause);
}

/* ---- writing ---- */

/* For new users: they have no earlier writes, but look-ups may have stored that they are absent. */
static void
forget_absence(struct cached *self, const int32_t *ids, size_t count)
{
    if (count > 0 && !cache_forget(&self->changes, ids, count))
        note_error(self);
}

/* Is the outcome of a write known? */
static bool
is_certain(weir_code code)
{
    return code == WEIR_OK || code == WEIR_NOT_FOUND || code == WEIR_ALREADY_EXISTS;
}

static bool
begin_write(struct cached *self, weir_call *call, int32_t id)
{
    bool barred = cache_bar(&self->changes, call, id);

    if (!barred)
        note_error(self);
    return barred;
}

/* Not limited by the call's deadline: a cancelled call must not leave an outdated entry. */
static void
end_write(struct cached *self, int32_t id, bool barred, weir_code code)
{
    bool told = true;

    if (is_certain(code))
        told = barred ? cache_lift(&self->changes, id) : cache_forget(&self->changes, &id, 1);
    else
        told = cache_bar(&self->changes, NULL, id); /* the first one may have expired */
    if (!told)
        note_error(self);
}

static weir_code
cached_create(struct store *store, weir_call *call, const struct user *user, int32_t *out_id,
    struct store_cause *cause)
{
    struct cached *self = cached_of(store);
    weir_code code = self->store->ops->create(self->store, call, user, out_id, cause);

    if (code == WEIR_OK)
        forget_absence(self, out_id, 1);
    return code;
}

/* If the outcome is unknown, so are the ids: a user may then be reported as absent for
 * CACHE_EXPIRY_ABSENT seconds after the creation, if it was looked up before. */
static weir_code
cached_create_many(struct store *store, weir_call *call, struct user_entry *entries, size_t count,
    struct store_cause *cause)
{
    struct cached *self = cached_of(store);
    weir_code code = self->store->ops->create_many(self->store, call, entries, count, cause);
    int32_t *ids = code == WEIR_OK && count > 0 ? malloc(count * sizeof(*ids)) : NULL;
    size_t made = 0;

    if (ids == NULL)
        return code;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].code == WEIR_OK)
            ids[made++] = entries[i].user.id;
    }
    forget_absence(self, ids, made);
    free(ids);
    return code;
}

static weir_code
cached_update(struct store *store, weir_call *call, const struct user_change *change,
    store_visit *visit, void *arg, struct store_cause *cause)
{
    struct cached *self = cached_of(store);
    bool barred = begin_write(self, call, change->id);
    weir_code code = self->store->ops->update(self->store, call, change, visit, arg, cause);

    end_write(self, change->id, barred, code);
    return code;
}

static weir_code
cached_remove(struct store *store, weir_call *call, int32_t id, struct store_cause *cause)
{
    struct cached *self = cached_of(store);
    bool barred = begin_write(self, call, id);
    weir_code code = self->store->ops->remove(self->store, call, id, cause);

    end_write(self, id, barred, code);
    return code;
}

static void
cached_close(struct store *store)
{
    struct cached *self = cached_of(store);

    cache_changes_fini(&self->changes);
    cache_flights_fini(&self->flights);
    free(self);
}

static const struct store_ops cached_ops = {
    .find = cached_find,
    .list = cached_list,
    .create = cached_create,
    .create_many = cached_create_many,
    .update = cached_update,
    .remove = cached_remove,
    .close = cached_close,
};

/* ---- accounts: only their creation makes a user ---- */

static weir_code
cached_find_account(struct store *store, weir_call *call, const char *email, int32_t id,
    account_visit *visit, void *arg, struct store_cause *cause)
{
    struct store *inner = cached_of(store)->store;

    return inner->accounts->find(inner, call, email, id, visit, arg, cause);
}

static weir_code
cached_create_account(struct store *store, weir_call *call, const struct account *account,
    int32_t *out_id, struct store_cause *cause)
{
    struct cached *self = cached_of(store);
    weir_code code = self->store->accounts->create(self->store, call, account, out_id, cause);

    if (code == WEIR_OK)
        forget_absence(self, out_id, 1);
    return code;
}

static weir_code
cached_set_password(struct store *store, weir_call *call, int32_t id, int64_t epoch,
    const char *password_hash, struct store_cause *cause)
{
    struct store *inner = cached_of(store)->store;

    return inner->accounts->set_password(inner, call, id, epoch, password_hash, cause);
}

static weir_code
cached_list_revoked(struct store *store, const struct account_since *since,
    account_visit_revocation *visit, void *arg, int64_t *out_now, struct store_cause *cause)
{
    struct store *inner = cached_of(store)->store;

    return inner->accounts->list_revoked(inner, since, visit, arg, out_now, cause);
}

static const struct account_ops cached_account_ops = {
    .find = cached_find_account,
    .create = cached_create_account,
    .set_password = cached_set_password,
    .list_revoked = cached_list_revoked,
};

/* ---- life ---- */

struct store *
store_cached_new(const struct store_cached_options *options)
{
    weir_metrics *metrics = options->metrics;
    struct cached *self = calloc(1, sizeof(*self));

    if (self == NULL)
        return NULL;
    self->head = (struct store){.ops = &cached_ops,
        .meters = options->store->meters,
        .accounts = options->store->accounts == NULL ? NULL : &cached_account_ops};
    self->store = options->store;
    self->fresh = options->fresh;
    self->redis = options->redis;
    self->health = options->health;
    cache_flights_init(&self->flights);
    cache_changes_init(&self->changes, options->redis);
    self->hits = weir_metrics_counter(
        metrics, "userd_cache_hits_total", "Users that were found in Redis.", NULL, 0);
    self->misses = weir_metrics_counter(metrics, "userd_cache_misses_total",
        "Users that had to be read from the database.", NULL, 0);
    self->errors = weir_metrics_counter(metrics, "userd_cache_errors_total",
        "Times that Redis was not there to ask, or to tell of a change.", NULL, 0);
    return &self->head;
}
