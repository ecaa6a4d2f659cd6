/* SPDX-License-Identifier: Apache-2.0 */
/* The public channel: options, method headers, call objects. */
#include "client/client.h"

#include "base/options.h"
#include "client/session.h"
#include "server/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/in_process.h>

#define DEFAULT_MAX_RECEIVE (4 * 1024 * 1024)
#define DEFAULT_MAX_HEADER_LIST (16 * 1024)
/* gRFC A8 */
#define KEEPALIVE_TIME_MIN (10 * WEIR_SECOND)
#define KEEPALIVE_TIMEOUT (20 * WEIR_SECOND)

#define DEFAULT_CONNECT_TIMEOUT (20 * WEIR_SECOND)
#define DEFAULT_IDLE_TIMEOUT (30 * 60 * WEIR_SECOND)
/* connection-backoff.md */
#define DEFAULT_INITIAL_BACKOFF WEIR_SECOND
#define DEFAULT_MAX_BACKOFF (120 * WEIR_SECOND)
#define INITIAL_BACKOFF_MIN WEIR_MILLISECOND
#define BACKOFF_LIMIT (24 * 3600 * WEIR_SECOND)
#define DEFAULT_RETRY_BUFFER ((size_t)256 * 1024)

/* A heap string. NULL: no memory. */
static char *
join(const char *a, const char *b, const char *c)
{
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(size);

    if (text != NULL)
        snprintf(text, size, "%s%s%s", a, b, c);
    return text;
}

static void
release(struct weir_channel *channel)
{
    struct client_method *method, *next;

    for (method = channel->method_list; method != NULL; method = next) {
        next = method->next;
        free(method->path);
        free(method);
    }
    call_pool_fini(&channel->calls);
    call_pool_fini(&channel->loops_calls);
    call_shared_fini(&channel->shared);
    map_fini(&channel->methods);
    pthread_mutex_destroy(&channel->lock);
    free(channel->authority);
    free(channel->user_agent);
    free(channel->destination);
    weir_tls_free(channel->tls);
    rpc_chain_fini(&channel->chain);
    service_config_fini(channel);
    proxy_fini(&channel->proxy);
    target_fini(&channel->target);
    free(channel);
}

static void
set_backoff(struct weir_channel *channel, const struct weir_channel_options *options)
{
    int64_t initial =
        options->initial_backoff != 0 ? options->initial_backoff : DEFAULT_INITIAL_BACKOFF;
    int64_t max = options->max_backoff != 0 ? options->max_backoff : DEFAULT_MAX_BACKOFF;

    max = max > INITIAL_BACKOFF_MIN ? max : INITIAL_BACKOFF_MIN;
    initial = initial > INITIAL_BACKOFF_MIN ? initial : INITIAL_BACKOFF_MIN;
    channel->max_backoff = max < BACKOFF_LIMIT ? max : BACKOFF_LIMIT;
    channel->initial_backoff = initial < channel->max_backoff ? initial : channel->max_backoff;
}

static void
set_options(struct weir_channel *channel, const struct weir_channel_options *options)
{
    channel->tls = net_tls_ref(options->tls);
    channel->pool = options->pool;
    channel->catalog = options->catalog;
    channel->credentials = options->credentials;
    channel->shared.max_receive =
        options->max_receive_message != 0 ? options->max_receive_message : DEFAULT_MAX_RECEIVE;
    channel->shared.max_send = options->max_send_message;
    if (channel->shared.max_send == 0 || channel->shared.max_send > CALL_MAX_SEND)
        channel->shared.max_send = CALL_MAX_SEND;
    channel->shared.compression = options->compression;
    channel->keepalive = (struct rpc_keepalive){.time = WEIR_NEVER,
        .timeout = options->keepalive_timeout != 0 ? options->keepalive_timeout : KEEPALIVE_TIMEOUT,
        .without_calls = options->keepalive_without_calls};
    if (options->keepalive_time != 0)
        channel->keepalive.time = options->keepalive_time > KEEPALIVE_TIME_MIN
                                      ? options->keepalive_time
                                      : KEEPALIVE_TIME_MIN;
    channel->max_header_list =
        options->max_header_list != 0 ? options->max_header_list : DEFAULT_MAX_HEADER_LIST;
    channel->connect_timeout =
        options->connect_timeout != 0 ? options->connect_timeout : DEFAULT_CONNECT_TIMEOUT;
    channel->max_connections = options->max_connections != 0 ? options->max_connections : 1;
    channel->idle_timeout =
        options->idle_timeout != 0 ? options->idle_timeout : DEFAULT_IDLE_TIMEOUT;
    set_backoff(channel, options);
    channel->retry_buffer =
        options->retry_buffer != 0 ? options->retry_buffer : DEFAULT_RETRY_BUFFER;
}

/* :authority is the option if set, else the server name of the TLS options, else the target's name.
 */
static bool
set_texts(struct weir_channel *channel, const char *user_agent, const char *authority)
{
    const char *name = authority;

    if (name == NULL && channel->tls != NULL)
        name = net_tls_server_name(channel->tls);
    if (name == NULL)
        name = channel->target.authority;
    channel->authority = join(name, "", "");
    if (channel->proxy.address != NULL)
        channel->destination =
            join(channel->target.text, " through the proxy ", channel->proxy.address);
    else
        channel->destination = join(channel->target.text, "", "");
    channel->user_agent = user_agent == NULL ? join("grpc-c-weir/", weir_version(), "")
                                             : join(user_agent, " grpc-c-weir/", weir_version());
    return channel->authority != NULL && channel->user_agent != NULL &&
           channel->destination != NULL;
}

static void
retry_is_due(struct loop_timer *timer)
{
    client_wake(container_of(timer, struct weir_channel, retry));
}

static struct weir_channel *
allocate(weir_loop *loop)
{
    struct weir_channel *channel = calloc(1, sizeof(*channel));

    if (channel == NULL)
        return NULL;
    channel->loop = loop;
    list_init(&channel->subchannels);
    list_init(&channel->parting);
    list_init(&channel->waiting);
    list_init(&channel->watchers);
    loop_timer_init(&channel->retry, retry_is_due);
    rpc_chain_init(&channel->chain, chain_follow_policy);
    map_init(&channel->methods, 0);
    pthread_mutex_init(&channel->lock, NULL);
    return channel;
}

static bool
is_text(const char *text, const char *without)
{
    return text == NULL ||
           (wire_value_is_sendable(weir_str_of(text)) && strpbrk(text, without) == NULL);
}

static weir_code
refuse(const struct weir_channel_options *options, const char *why)
{
    return options_refuse(options->out_error, WEIR_INVALID_ARGUMENT, "%s", why);
}

/* Check the options that go into every request, and the times. */
static weir_code
check(const struct weir_channel_options *options)
{
    const struct options_time times[] = {OPTIONS_TIME(options, keepalive_time),
        OPTIONS_TIME(options, keepalive_timeout), OPTIONS_TIME(options, connect_timeout),
        OPTIONS_TIME(options, initial_backoff), OPTIONS_TIME(options, max_backoff),
        OPTIONS_TIME(options, idle_timeout)};

    WEIR_TRY(options_check_times(times, sizeof(times) / sizeof(times[0]), options->out_error));
    WEIR_TRY(
        options_check_choice("compression", options->compression, WEIR_GZIP, options->out_error));
    if (!is_text(options->user_agent, ""))
        return refuse(options, "user_agent has characters that a header cannot");
    if (!is_text(options->authority, " "))
        return refuse(options, "authority has characters that it cannot");
    return options->outliers == NULL ? WEIR_OK
                                     : outlier_check(options->outliers, options->out_error);
}

/* Report the result of a check of the target. The message has only the beginning of long texts. */
static weir_code
tell_of_target(
    const struct weir_channel_options *options, const char *target, weir_code code, const char *why)
{
    if (code == WEIR_RESOURCE_EXHAUSTED)
        return options_no_memory(options->out_error);
    return code == WEIR_OK
               ? WEIR_OK
               : options_refuse(options->out_error, code, "target \"%.80s\": %s", target, why);
}

static weir_code
set_up(struct weir_channel *channel, const char *target, const struct weir_channel_options *options)
{
    set_options(channel, options);
    WEIR_TRY(
        tell_of_target(options, target, target_parse(target, options->catalog, &channel->target),
            "not HOST:PORT, unix:PATH, a list of these, or of a resolver's scheme"));
    if ((!options->direct && proxy_init(&channel->proxy, &channel->target) != WEIR_OK) ||
        !set_texts(channel, options->user_agent, options->authority))
        return options_no_memory(options->out_error);
    WEIR_TRY(service_config_init(channel, options));
    /* Last, because a resolver that has started can be closed only on a fiber. */
    return tell_of_target(options, target, resolver_init(channel), "its resolver does not take it");
}

static weir_code
make(weir_loop *loop, const char *target, weir_server *server,
    const struct weir_channel_options *options, weir_channel **out_channel)
{
    struct weir_channel *channel;
    weir_code code;

    WEIR_TRY(check(options));
    channel = allocate(loop);
    if (channel == NULL)
        return options_no_memory(options->out_error);
    channel->server = server;
    code = set_up(channel, target, options);
    if (code == WEIR_OK)
        *out_channel = channel;
    else
        release(channel);
    return code;
}

static const struct weir_channel_options defaults;

weir_code
weir_channel_new(weir_loop *loop, const char *target, const struct weir_channel_options *options,
    weir_channel **out_channel)
{
    if (options == NULL)
        options = &defaults;
    if (options->tls != NULL && net_tls_is_server(options->tls))
        return refuse(options, "tls is a server's");
    return make(loop, target, NULL, options, out_channel);
}

/* The target is only a name for messages. */
weir_code
weir_channel_new_in_process(weir_loop *loop, weir_server *server,
    const struct weir_channel_options *options, weir_channel **out_channel)
{
    if (options == NULL)
        options = &defaults;
    if (options->tls != NULL)
        return refuse(options, "tls is of no use within a process");
    server_expect_pipes(server);
    return make(loop, "unix:in-process", server, options, out_channel);
}

/* A fiber of the loop may have freed a call whose cancellation is still queued: wait until all
 * tasks that have been sent to the loop so far have run. */
struct barrier {
    struct loop_task task;
    struct fiber *fiber;
    bool passed;
};

static void
barrier_passed(struct loop_task *task)
{
    struct barrier *barrier = container_of(task, struct barrier, task);

    barrier->passed = true;
    fiber_wake(barrier->fiber);
}

static void
let_all_arrive(weir_loop *loop)
{
    struct barrier barrier = {.fiber = fiber_current()};

    loop_task_init(&barrier.task, barrier_passed);
    loop_send(loop, &barrier.task);
    while (!barrier.passed)
        fiber_park();
}

void
client_hold(struct weir_channel *channel)
{
    channel->held++;
}

void
client_let_go(struct weir_channel *channel)
{
    if (--channel->held == 0 && channel->leaving != NULL)
        fiber_wake(channel->leaving);
}

static void
disconnect_on_fiber(void *arg)
{
    struct weir_channel *channel = arg;

    let_all_arrive(channel->loop);
    channel->leaving = fiber_current();
    watches_stop_all(channel);
    while (channel->held > 0)
        fiber_park();
    let_all_arrive(channel->loop); /* tasks sent by those calls */
    loop_timer_stop(channel->loop, &channel->retry);
    resolver_fini(&channel->resolver);
    balancer_close(channel);
    outlier_stop(channel);
}

weir_code
weir_channel_wrap(weir_channel *channel, weir_interceptor *interceptor, void *self)
{
    if (channel->calls_started > 0)
        return WEIR_FAILED_PRECONDITION;
    return rpc_chain_add(&channel->chain, interceptor, self) ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

void
weir_channel_free(weir_channel *channel)
{
    if (channel == NULL)
        return;
    while (fiber_run_on(channel->loop, disconnect_on_fiber, channel) != WEIR_OK)
        ; /* a stack becomes free when another fiber ends */
    release(channel);
}

/* ---- header fields ---- */

static struct h2_field
field(const char *name, const char *value)
{
    return (struct h2_field){
        .name = weir_str_of(name), .value = weir_str_of(value), .indexing = H2_INDEX};
}

static struct client_method *
method_new(const struct weir_channel *channel, const struct weir_method *asked)
{
    struct client_method *method = calloc(1, sizeof(*method));

    if (method == NULL)
        return NULL;
    method->path = join(asked->path, "", "");
    if (method->path == NULL) {
        free(method);
        return NULL;
    }
    method->fields[CLIENT_METHOD_FIELD] = field(":method", "POST");
    method->fields[1] = field(":scheme", channel->tls == NULL ? "http" : "https");
    method->fields[CLIENT_PATH_FIELD] = field(":path", method->path);
    method->fields[3] = field(":authority", channel->authority);
    method->fields[4] = field("te", "trailers");
    method->fields[5] = field("content-type", "application/grpc");
    method->fields[6] = field("user-agent", channel->user_agent);
    method->fields[7] = field("grpc-accept-encoding", "gzip");
    return method;
}

static struct client_method *
method_add(struct weir_channel *channel, const struct weir_method *asked)
{
    struct client_method *method = method_new(channel, asked);

    if (method == NULL)
        return NULL;
    if (!map_put(&channel->methods, weir_str_of(method->path), method)) {
        free(method->path);
        free(method);
        return NULL;
    }
    method->next = channel->method_list;
    channel->method_list = method;
    return method;
}

const struct client_method *
client_method_lookup(struct weir_channel *channel, const struct weir_method *asked)
{
    struct client_method *method = channel->last_method;

    if (method != NULL && strcmp(method->path, asked->path) == 0)
        return method;
    method = map_lookup(&channel->methods, weir_str_of(asked->path));
    if (method == NULL)
        method = method_add(channel, asked);
    channel->last_method = method;
    return method;
}

/* ---- call objects ---- */

void
weir_call_set_cacheable(weir_call *call, bool cacheable)
{
    call->cacheable = cacheable;
}

void
weir_call_set_wait_for_ready(weir_call *call, bool wait)
{
    call->wait_for_ready = wait;
    call->wait_chosen = true;
}

static void
recycle(struct weir_call *call)
{
    struct weir_channel *channel = call->owner;

    config_leave(call);
    if (call->counted) {
        if (call->ended && call->code == WEIR_OK)
            channel->calls_succeeded++;
        else
            channel->calls_failed++;
    }
    if (call->is_loops) {
        call_pool_put(&channel->loops_calls, call);
        return;
    }
    pthread_mutex_lock(&channel->lock);
    call_pool_put(&channel->calls, call);
    pthread_mutex_unlock(&channel->lock);
}

/* Is this a fiber of the channel's loop? */
static bool
is_at_home(const struct weir_channel *channel)
{
    const struct fiber *fiber = fiber_current();

    return fiber != NULL && fiber_loop(fiber) == channel->loop;
}

static struct weir_call *
take_locked(struct weir_channel *channel)
{
    struct weir_call *call;

    pthread_mutex_lock(&channel->lock);
    call = call_pool_take(&channel->calls);
    pthread_mutex_unlock(&channel->lock);
    return call;
}

struct weir_call *
client_take_call(struct weir_channel *channel)
{
    bool at_home = is_at_home(channel);
    struct weir_call *call = at_home ? call_pool_take(&channel->loops_calls) : take_locked(channel);

    if (call == NULL)
        call = call_new(channel->loop, false, &channel->shared, recycle, channel);
    if (call == NULL)
        return NULL;
    call_init(call);
    call->is_loops = at_home;
    return call;
}

weir_call *
weir_call_new(weir_channel *channel, weir_call *parent)
{
    struct weir_call *call = client_take_call(channel);

    if (call == NULL)
        return NULL;
    call_begin_compression(call);
    call->credentials = channel->credentials;
    if (parent == NULL)
        return call;
    call->deadline = parent->deadline;
    if (!call_inherit_values(call, parent)) {
        weir_call_free(call);
        return NULL;
    }
    if (parent->ended)
        call_end(call, parent->code, "the call that this one was made in has ended");
    else
        list_push(&parent->children, &call->sibling);
    return call;
}

void
weir_call_free(weir_call *call)
{
    if (call == NULL)
        return;
    list_remove(&call->sibling);
    if (is_at_home(call->owner))
        call_retire(call);
    else
        call_send_away(call);
}
