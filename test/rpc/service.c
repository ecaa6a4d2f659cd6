/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers behind the runtime's tests. */
#include "service.h"

#include "server/server.h"
#include <stdio.h>
#include <stdlib.h>

static const char *
argument(const char *text, const char *verb)
{
    size_t len = strlen(verb);

    return strncmp(text, verb, len) == 0 ? text + len : NULL;
}

static weir_code
echo_one(weir_call *call, const char *name, weir_str value)
{
    const char *header = weir_call_printf(call, "echo-%s", name);
    const char *trailer = weir_call_printf(call, "trail-%s", name);

    if (header == NULL || trailer == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    WEIR_TRY(weir_call_add_header(call, header, value));
    return weir_call_add_trailer(call, trailer, value);
}

static weir_code
echo_metadata(weir_call *call)
{
    size_t cursor = 0;
    weir_str key, value;

    while (weir_call_next_header(call, &cursor, &key, &value)) {
        const char *name = weir_call_dup(call, key);

        if (name == NULL)
            return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
        if (strcmp(name, "user-agent") == 0)
            continue;
        WEIR_TRY(echo_one(call, name, value));
    }
    return WEIR_OK;
}

static int32_t
count_metadata(weir_call *call)
{
    size_t cursor = 0;
    weir_str key, value;
    int32_t count = 0;

    while (weir_call_next_header(call, &cursor, &key, &value))
        count++;
    return count;
}

static weir_code
fill(weir_call *call, size_t size, Rpctest__Payload *out_response)
{
    out_response->data.data = weir_call_alloc(call, size);
    out_response->data.len = size;
    if (out_response->data.data == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    memset(out_response->data.data, 'x', size);
    return WEIR_OK;
}

static weir_code
proxy(struct running *running, weir_call *call, const char *rest, Rpctest__Payload *out_response)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *onward = weir_call_new(running->onward, call);
    weir_code code;

    if (onward == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    request.text = (char *)rest;
    code = rpctest_Test_Unary(onward, &request, &response);
    if (code == WEIR_OK)
        out_response->text = weir_call_dup(call, weir_str_of(response->text));
    else
        weir_fail(call, code, "onward: %s", weir_call_message(onward));
    weir_call_free(onward);
    return code;
}

static weir_code
nap(struct running *running, weir_call *call, int64_t duration)
{
    atomic_fetch_add(&running->seen.parked, 1);
    return weir_call_sleep(call, duration);
}

static weir_code
wait(struct running *running, weir_call *call)
{
    atomic_fetch_add(&running->seen.parked, 1);
    return weir_event_wait(running->never, call);
}

/* A stream that the inner server answers when it likes. */
static weir_code
leave_orphan(struct running *running, weir_call *call)
{
    struct rpctest_Test_Talk_client stream = {NULL};

    running->orphan = weir_call_new(running->onward, call);
    return rpctest_Test_Talk(running->orphan, &stream);
}

static weir_code
obey(struct running *running, weir_call *call, const Rpctest__Payload *request,
    Rpctest__Payload *out_response)
{
    const char *rest;

    out_response->text = request->text;
    out_response->data = request->data;
    out_response->number = request->number;
    out_response->real = request->real;
    if ((rest = argument(request->text, "sleep:")) != NULL)
        return nap(running, call, strtol(rest, NULL, 10) * WEIR_MILLISECOND);
    if (strcmp(request->text, "wait") == 0)
        return wait(running, call);
    if (strcmp(request->text, "orphan") == 0)
        return leave_orphan(running, call);
    if ((rest = argument(request->text, "fail:")) != NULL)
        return weir_fail(call, (weir_code)strtol(rest, NULL, 10), "as asked: %%, \n and \xC3\xBC");
    if ((rest = argument(request->text, "size:")) != NULL)
        return fill(call, strtoul(rest, NULL, 10), out_response);
    if ((rest = argument(request->text, "proxy:")) != NULL)
        return proxy(running, call, rest, out_response);
    if ((rest = argument(request->text, "late:")) != NULL && wait(running, call) != WEIR_OK)
        return proxy(running, call, rest, out_response);
    if (strcmp(request->text, "count") == 0)
        out_response->number = count_metadata(call);
    if (strcmp(request->text, "metadata") == 0)
        return echo_metadata(call);
    return WEIR_OK;
}

static weir_code
unary(void *self, weir_call *call, const Rpctest__Payload *request, Rpctest__Payload *out_response)
{
    struct running *running = self;
    weir_code code;

    atomic_fetch_add(&running->seen.started, 1);
    code = obey(running, call, request, out_response);
    atomic_store(&running->seen.last_code, weir_call_code(call));
    atomic_fetch_add(&running->seen.ended, 1);
    return code;
}

/* The sum of the numbers, and the count of messages as text. */
static weir_code
collect(void *self, struct rpctest_Test_Collect_server peer, Rpctest__Payload *out_response)
{
    struct running *running = self;
    const Rpctest__Payload *message;
    unsigned count = 0;
    int32_t sum = 0;

    atomic_fetch_add(&running->seen.started, 1);
    while (atomic_fetch_add(&running->seen.parked, 1), rpctest_Test_Collect_recv(peer, &message)) {
        sum += message->number;
        count++;
    }
    out_response->number = sum;
    out_response->text = weir_call_printf(peer.call, "%u", count);
    atomic_store(&running->seen.last_code, weir_call_code(peer.call));
    atomic_fetch_add(&running->seen.ended, 1);
    return weir_call_code(peer.call);
}

/* `number` messages, numbered from 0, with the request's data each. */
static weir_code
expand(void *self, const Rpctest__Payload *request, struct rpctest_Test_Expand_server peer)
{
    struct running *running = self;
    weir_code code = WEIR_OK;

    atomic_fetch_add(&running->seen.started, 1);
    for (int32_t i = 0; code == WEIR_OK && i < request->number; i++) {
        Rpctest__Payload reply = RPCTEST__PAYLOAD__INIT;

        reply.number = i;
        reply.data = request->data;
        atomic_fetch_add(&running->seen.parked, 1);
        code = rpctest_Test_Expand_send(peer, &reply);
    }
    atomic_store(&running->seen.last_code, weir_call_code(peer.call));
    atomic_fetch_add(&running->seen.ended, 1);
    return code;
}

static weir_code
talk(void *self, struct rpctest_Test_Talk_server peer)
{
    struct running *running = self;
    const Rpctest__Payload *message;

    atomic_fetch_add(&running->seen.started, 1);
    while (atomic_fetch_add(&running->seen.parked, 1), rpctest_Test_Talk_recv(peer, &message)) {
        Rpctest__Payload reply = RPCTEST__PAYLOAD__INIT;

        reply.text = weir_call_printf(peer.call, "re: %s", message->text);
        reply.data = message->data;
        if (rpctest_Test_Talk_send(peer, &reply) != WEIR_OK)
            break;
    }
    atomic_store(&running->seen.last_code, weir_call_code(peer.call));
    atomic_fetch_add(&running->seen.ended, 1);
    return weir_call_code(peer.call);
}

static weir_code
nest(void *self, weir_call *call, const Rpctest__Nested *request, Rpctest__Nested *out_response)
{
    (void)self;
    (void)call;
    out_response->inner = request->inner;
    return WEIR_OK;
}

const struct rpctest_Test_handlers service_handlers = {.Unary = unary,
    .Collect = collect,
    .Expand = expand,
    .Talk = talk,
    .Nest = nest,
    .Look = unary};

/* ---- the server ---- */

static void
must(weir_code code, const char *what, const weir_server *server)
{
    if (code == WEIR_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, weir_code_name(code),
        server == NULL ? "" : weir_server_error(server));
    abort();
}

static void *
serve(void *arg)
{
    struct running *running = arg;

    running->result = weir_server_run(running->server);
    return NULL;
}

void
running_start(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *interceptor)
{
    running_start_with(running, address, options, (weir_interceptor *[]){interceptor, NULL});
}

void
running_start_with(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *const *interceptors)
{
    running_start_prepared(running, address, options, interceptors, NULL);
}

void
running_start_prepared(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *const *interceptors,
    void (*prepare)(struct running *running))
{
    memset((void *)&running->seen, 0, sizeof(running->seen));
    running->orphan = NULL;
    running->never = weir_event_new();
    must(weir_server_new(options, &running->server), "new", NULL);
    must(rpctest_Test_add(running->server, &service_handlers, running), "add", running->server);
    for (; *interceptors != NULL; interceptors++)
        must(weir_server_wrap(running->server, *interceptors, running), "wrap", running->server);
    must(weir_server_listen(running->server, address), "listen", running->server);
    if (prepare != NULL)
        prepare(running);
    running->address = weir_server_address(running->server, 0);
    if (pthread_create(&running->thread, NULL, serve, running) != 0)
        abort();
}

static void
check_left(const struct server_loop *home)
{
    size_t fibers = fiber_stats(home->loop).live;
    size_t calls = (size_t)counter_read(&home->stats.calls_live);
    size_t held = (size_t)home->unread.held, used = (size_t)home->unread.used;

    if (calls == 0 && fibers == 0 && held == 0 && used == 0)
        return;
    fprintf(stderr, "%zu calls and %zu fibers are left, %zu bytes held and %zu let in\n", calls,
        fibers, held, used);
    abort();
}

struct weir_server_stats
running_stats(const struct running *running)
{
    struct weir_server_stats stats;

    weir_server_stats(running->server, &stats);
    return stats;
}

bool
running_is_empty(const struct running *running)
{
    struct weir_server_stats stats = running_stats(running);

    return stats.connections_live == 0 && stats.calls_live == 0 && stats.fibers_live == 0;
}

void
running_stop(struct running *running, int64_t grace)
{
    weir_server_drain(running->server, grace);
    pthread_join(running->thread, NULL);
    if (running->result != WEIR_OK && weir_server_error(running->server)[0] == '\0')
        abort(); /* a server that was cut short says so */
    for (unsigned i = 0; i < running->server->options.loops; i++)
        check_left(&running->server->loops[i]);
    weir_server_free(running->server);
    running->server = NULL;
    weir_event_unref(running->never);
}

int
running_finish(struct running *running)
{
    running_stop(running, 10 * WEIR_SECOND);
    return running->result == WEIR_OK ? 0 : -1;
}
