/* SPDX-License-Identifier: Apache-2.0 */
/* Resolves the servers of a service from etcd. A fiber runs this cycle:
 *
 *   list the prefix -> watch it from the list's revision on -> report each change
 *        ^                        |
 *        +---- backoff <----------+ etcd is unavailable, or has compacted the revision
 *
 * While etcd is unavailable the channel keeps its servers. */
#include "etcd/entries.h"
#include "etcd/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/etcd.h>

#define LIST_TIMEOUT (5 * WEIR_SECOND)
#define BACKOFF_FIRST (200 * WEIR_MILLISECOND)
#define BACKOFF_MAX (10 * WEIR_SECOND)

/* Detects an unresponsive etcd. */
#define KEEPALIVE_TIME (10 * WEIR_SECOND)
#define KEEPALIVE_TIMEOUT (5 * WEIR_SECOND)

struct etcd_resolver {
    const struct weir_etcd_resolver_options *options;
    weir_resolver *resolver;
    weir_loop *loop;
    weir_channel *channel;
    struct etcd_session session;
    char *prefix, *prefix_end; /* "user.UserService/", "user.UserService0" */
    struct etcd_entries entries;
    int64_t revision;    /* revision of the list */
    weir_call *call;     /* the running call, or NULL */
    weir_event *hurry;   /* set to end a pause early */
    weir_event *ended;   /* set when the fiber is about to return */
    bool runs, closing;  /* the fiber */
    bool watching;       /* `entries` is up to date */
    char note[ETCD_WHY]; /* why the last invalid entry was skipped; empty: none */
};

/* ---- reporting ---- */

static void
pass_over(struct etcd_resolver *it, weir_str key, const char *why)
{
    snprintf(it->note, sizeof(it->note), "%.*s is passed over: %s", (int)key.len, key.data, why);
    if (it->options->note != NULL)
        it->options->note(it->options->note_self, it->note);
}

static void
tell(struct etcd_resolver *it)
{
    char why[2 * ETCD_WHY];

    if (it->entries.count > 0) {
        if (etcd_entries_tell(&it->entries, it->resolver) != WEIR_OK)
            weir_resolver_fail(it->resolver, "no memory");
        return;
    }
    snprintf(why, sizeof(why), "etcd has no server under \"%s\"%s%s", it->prefix,
        it->note[0] == '\0' ? "" : "; ", it->note);
    weir_resolver_fail(it->resolver, why);
}

/* ---- responses of etcd ---- */

static weir_str
str_of(const ProtobufCBinaryData *bytes)
{
    return (weir_str){(const char *)bytes->data, bytes->len};
}

static void
put(struct etcd_resolver *it, const Mvccpb__KeyValue *pair)
{
    const char *why = "no memory";
    weir_str key = str_of(&pair->key);

    if (etcd_entries_put(&it->entries, key, str_of(&pair->value), &why) != WEIR_OK)
        pass_over(it, key, why);
}

static ProtobufCBinaryData
bytes_of(char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
}

/* Start a call that close_resolver can cancel. */
static weir_code
begin_call(struct etcd_resolver *it, int64_t timeout, char why[ETCD_WHY])
{
    WEIR_TRY(etcd_call_new(&it->session, timeout, &it->call, why));
    if (it->closing)
        weir_call_cancel(it->call);
    return WEIR_OK;
}

static weir_code
end_call(struct etcd_resolver *it, weir_code code, char why[ETCD_WHY])
{
    weir_call *call = it->call;

    it->call = NULL;
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    weir_call_free(call);
    return WEIR_OK;
}

static void
read_list(struct etcd_resolver *it, const Etcdserverpb__RangeResponse *response)
{
    it->note[0] = '\0';
    etcd_entries_begin(&it->entries);
    for (size_t i = 0; i < response->n_kvs; i++)
        put(it, response->kvs[i]);
    etcd_entries_end(&it->entries);
    it->revision = response->header == NULL ? 0 : response->header->revision;
}

static weir_code
list(struct etcd_resolver *it, char why[ETCD_WHY])
{
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    const Etcdserverpb__RangeResponse *response;
    weir_code code;

    WEIR_TRY(begin_call(it, LIST_TIMEOUT, why));
    request.key = bytes_of(it->prefix);
    request.range_end = bytes_of(it->prefix_end);
    code = etcdserverpb_KV_Range(it->call, &request, &response);
    if (code == WEIR_OK)
        read_list(it, response);
    return end_call(it, code, why);
}

static void
apply(struct etcd_resolver *it, const Etcdserverpb__WatchResponse *response)
{
    for (size_t i = 0; i < response->n_events; i++) {
        const Mvccpb__Event *event = response->events[i];

        if (event->kv == NULL)
            continue;
        if (event->type == MVCCPB__EVENT__EVENT_TYPE__DELETE)
            etcd_entries_delete(&it->entries, str_of(&event->kv->key));
        else
            put(it, event->kv);
    }
    if (response->n_events > 0)
        tell(it);
}

/* Watch until etcd ends the stream. OK: list again at once, since the revision is compacted. */
static weir_code
watch_on(struct etcd_resolver *it, weir_call *call)
{
    struct etcdserverpb_Watch_Watch_client stream;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    const Etcdserverpb__WatchResponse *response;
    weir_code code;

    create.key = bytes_of(it->prefix);
    create.range_end = bytes_of(it->prefix_end);
    create.start_revision = it->revision + 1;
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    WEIR_TRY(etcdserverpb_Watch_Watch(call, &stream));
    WEIR_TRY(etcdserverpb_Watch_Watch_client_send(stream, &request));
    while (etcdserverpb_Watch_Watch_client_recv(stream, &response)) {
        if (response->canceled && response->compact_revision > 0)
            return WEIR_OK;
        if (response->canceled)
            return weir_fail(
                call, WEIR_UNAVAILABLE, "the watch was cancelled: %s", response->cancel_reason);
        apply(it, response);
    }
    code = weir_call_code(call);
    return code != WEIR_OK ? code : weir_fail(call, WEIR_UNAVAILABLE, "the watch has ended");
}

static weir_code
watch(struct etcd_resolver *it, char why[ETCD_WHY])
{
    weir_code code;

    WEIR_TRY(begin_call(it, WEIR_NEVER, why));
    it->watching = true;
    code = watch_on(it, it->call);
    it->watching = false;
    return end_call(it, code, why);
}

/* ---- the fiber ---- */

static weir_code
follow(struct etcd_resolver *it, int64_t *backoff, char why[ETCD_WHY])
{
    while (!it->closing) {
        WEIR_TRY(list(it, why));
        *backoff = BACKOFF_FIRST;
        tell(it);
        WEIR_TRY(watch(it, why));
    }
    return WEIR_OK;
}

static void
run(void *arg)
{
    struct etcd_resolver *it = arg;
    weir_event *ended = weir_event_ref(it->ended);
    int64_t backoff = BACKOFF_FIRST;
    char why[ETCD_WHY], text[2 * ETCD_WHY];

    while (follow(it, &backoff, why) != WEIR_OK && !it->closing) {
        snprintf(text, sizeof(text), "etcd: %s", why);
        weir_resolver_fail(it->resolver, text);
        (void)!weir_event_wait_until(it->hurry, NULL, weir_now() + backoff);
        weir_event_clear(it->hurry);
        backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
    }
    weir_event_set(ended);
    weir_event_unref(ended);
}

/* ---- life cycle ---- */

static void
release(struct etcd_resolver *it)
{
    weir_channel_free(it->channel);
    etcd_session_fini(&it->session);
    etcd_entries_fini(&it->entries);
    weir_event_unref(it->hurry);
    weir_event_unref(it->ended);
    free(it->prefix);
    free(it->prefix_end);
    free(it);
}

/* Split "//HOST:PORT/SERVICE" into the addresses of etcd and the service. */
static weir_code
split_name(const char *name, char **out_servers, const char **out_service)
{
    const char *slash;

    if (strncmp(name, "//", 2) != 0)
        return WEIR_INVALID_ARGUMENT;
    name += 2;
    slash = strchr(name, '/');
    if (slash == NULL || slash == name || slash[1] == '\0' || strchr(slash + 1, '/') != NULL)
        return WEIR_INVALID_ARGUMENT;
    *out_servers = strndup(name, (size_t)(slash - name));
    *out_service = slash + 1;
    return *out_servers == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

/* The end of the range: '0' follows '/' in ASCII. */
static bool
set_prefix(struct etcd_resolver *it, const char *service)
{
    size_t size = strlen(service) + 2;

    it->prefix = malloc(size);
    it->prefix_end = malloc(size);
    if (it->prefix == NULL || it->prefix_end == NULL)
        return false;
    snprintf(it->prefix, size, "%s/", service);
    snprintf(it->prefix_end, size, "%s0", service);
    return true;
}

static weir_code
set_up(struct etcd_resolver *it, const char *servers, const char *service)
{
    const struct weir_etcd_resolver_options *options = it->options;
    const struct weir_channel_options to_etcd = {.tls = options->tls,
        .pool = options->pool,
        .balancer = "round_robin", /* so that after a failed member another is used */
        .keepalive_time = KEEPALIVE_TIME,
        .keepalive_timeout = KEEPALIVE_TIMEOUT};

    WEIR_TRY(weir_channel_new(it->loop, servers, &to_etcd, &it->channel));
    it->hurry = weir_event_new();
    it->ended = weir_event_new();
    if (it->hurry == NULL || it->ended == NULL || !set_prefix(it, service) ||
        !etcd_session_init(&it->session, it->channel, options->user, options->password))
        return WEIR_RESOURCE_EXHAUSTED;
    return WEIR_OK;
}

static weir_code
open_resolver(void *registered, const struct weir_resolver_target *target, weir_resolver *resolver,
    void **out_self)
{
    struct etcd_resolver *it;
    const char *service;
    char *servers;
    weir_code code;

    WEIR_TRY(split_name(target->name, &servers, &service));
    it = calloc(1, sizeof(*it));
    if (it == NULL) {
        free(servers);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    it->options = registered;
    it->resolver = resolver;
    it->loop = target->loop;
    code = set_up(it, servers, service);
    free(servers);
    if (code == WEIR_OK)
        *out_self = it;
    else
        release(it);
    return code;
}

static void
resolve(void *self)
{
    struct etcd_resolver *it = self;

    if (!it->runs)
        it->runs = weir_loop_spawn(it->loop, run, it) == WEIR_OK;
    else if (it->watching)
        tell(it);
    else
        weir_event_set(it->hurry);
    if (!it->runs)
        weir_resolver_fail(it->resolver, "no memory");
}

static void
close_resolver(void *self)
{
    struct etcd_resolver *it = self;

    it->closing = true;
    weir_event_set(it->hurry);
    if (it->call != NULL)
        weir_call_cancel(it->call);
    if (it->runs)
        (void)!weir_event_wait(it->ended, NULL);
    release(it);
}

static const struct weir_resolver_type type = {
    .scheme = "etcd", .open = open_resolver, .resolve = resolve, .close = close_resolver};

weir_code
weir_etcd_add_resolver(weir_catalog *catalog, const struct weir_etcd_resolver_options *options)
{
    static const struct weir_etcd_resolver_options defaults;

    return weir_catalog_add_resolver(
        catalog, &type, (void *)(uintptr_t)(options == NULL ? &defaults : options));
}
