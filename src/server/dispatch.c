/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatches requests: from the headers to a handler on a fiber, and from its return to the status.
 */
#include "server/server.h"

#include "base/hint.h"
#include "rpc/deadline.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- call objects ---- */

static struct server_loop *
home_of(const struct weir_call *call)
{
    return call->owner;
}

static struct server_loop *
home_of_transport(struct rpc_transport *transport)
{
    return container_of(transport, struct server_conn, transport)->home;
}

static inline void
put_back(struct weir_call *call)
{
    struct server_loop *home = home_of(call);

    call_pool_put(&home->pool, call);
    counter_sub(&home->stats.calls_live, 1);
    if (home->draining)
        server_loop_check_done(home);
}

static void
recycle(struct weir_call *call)
{
    put_back(call);
}

static APART struct weir_call *
make_call(struct server_loop *home)
{
    return call_new(home->loop, true, &home->shared, recycle, home);
}

static inline struct weir_call *
take_call(struct server_loop *home)
{
    struct weir_call *call = call_pool_take(&home->pool);

    if (call == NULL)
        call = make_call(home);
    if (call != NULL)
        call_init(call);
    return call;
}

/* ---- running ---- */

/* The path is "/SERVICE/METHOD", split at the last slash; wire_request_read has checked the first.
 */
static COLD weir_code
unknown_method(struct weir_call *call)
{
    const struct weir_server *server = home_of(call)->server;
    const char *service = call->path == NULL ? "" : call->path + 1;
    const char *slash = strrchr(service, '/');
    size_t len = slash == NULL ? strlen(service) : (size_t)(slash - service);

    if (slash == NULL || map_lookup(&server->names, (weir_str){service, len}) == NULL)
        return weir_fail(call, WEIR_UNIMPLEMENTED, "unknown service %.*s", (int)len, service);
    return weir_fail(call, WEIR_UNIMPLEMENTED, "unknown method %s for service %.*s", slash + 1,
        (int)len, service);
}

weir_code
server_run_handler(void *self, struct weir_call *call, struct weir_next *next)
{
    const struct server_entry *entry = call->entry;

    (void)self;
    (void)next;
    if (entry == NULL)
        return unknown_method(call);
    return entry->method->run(entry->handlers, entry->self, call);
}

/* Send the status and return the call object to its pool. */
static void
conclude(struct weir_call *call, weir_code code)
{
    struct server_counters *stats = &home_of(call)->stats;

    if (call->ended)
        code = call->code;
    counter_add(code == WEIR_OK ? &stats->calls_succeeded : &stats->calls_failed, 1);
    call_send_status(call, code, code == WEIR_OK ? NULL : call->message);
    if (!call->ended)
        call_fix_status(call, code, NULL);
    if (!call_may_go(call))
        return;
    call_fini(call);
    put_back(call);
}

static void
run_call(void *arg)
{
    struct weir_call *call = arg;

    conclude(call, weir_proceed(rpc_chain_first(&home_of(call)->server->chain), call));
}

/* The single message has arrived, or the method takes a stream, or the call has ended already. */
static void
start_call(struct weir_call *call)
{
    if (call->ended)
        conclude(call, call->code);
    else if (fiber_current() != NULL) /* on the transport's pump */
        run_call(call);
    else if (fiber_start(call->loop, run_call, call) != WEIR_OK)
        conclude(call, weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "too many calls"));
}

/* The whole content of the request has arrived, in the pump's input. */
static inline void
start_with(struct weir_call *call, struct rpc_pump *pump, const uint8_t *data, size_t len)
{
    call->receive_closed = true;
    call->lent = data;
    call->lent_len = len;
    if (!pump->on_fiber || len > CALL_LENT_MOST) {
        const char *why = call_keep_lent(call);

        if (why != NULL)
            call_end(call, WEIR_RESOURCE_EXHAUSTED, why);
        start_call(call);
        return;
    }
    pump->lent_to = call;
    run_call(call);
    /* The transport may have been freed by now, but not the pump, which is further down this stack.
     */
    pump->lent_to = NULL;
}

/* ---- requests ---- */

/* A memoised header block has been checked before: its tag is the method's entry, with the low bit
 * set if the request has neither a timeout nor an encoding. */
#define TAG_PLAIN ((uintptr_t)1)

static const struct server_entry *
tagged_entry(const struct h2_block *block)
{
    return (const struct server_entry *)((uintptr_t)block->tag & ~TAG_PLAIN);
}

static bool
is_tagged_plain(const struct h2_block *block)
{
    return ((uintptr_t)block->tag & TAG_PLAIN) != 0;
}

/* Most requests are for the same method as the one before. */
static struct server_entry *
find_path(struct server_loop *home, weir_str path)
{
    struct server_entry *entry = home->last;

    if (entry != NULL && weir_str_equal(entry->path, path))
        return entry;
    entry = map_lookup(&home->server->methods, path);
    if (entry != NULL)
        home->last = entry;
    return entry;
}

static const struct server_entry *
find_entry(struct server_loop *home, struct h2_block *block, const struct wire_request *request)
{
    struct server_entry *entry;

    if (block->tag != NULL)
        return tagged_entry(block);
    entry = find_path(home, request->path);
    if (entry != NULL && request->timeout == WEIR_NEVER && request->encoding.data == NULL &&
        !request->by_get)
        block->tag = (void *)((uintptr_t)entry | TAG_PLAIN);
    else
        block->tag = entry;
    return entry;
}

/* A request that is not gRPC gets a plain HTTP response (PROTOCOL-HTTP2: 415 for another
 * content-type). */
static void
answer_http(struct rpc_transport *transport, struct h2_stream *stream, int http_status)
{
    char digits[4];
    struct h2_field status = {.name = weir_str_of(":status"), .indexing = H2_DO_NOT_INDEX};

    snprintf(digits, sizeof(digits), "%d", http_status);
    status.value = weir_str_of(digits);
    if (!h2_stream_send_headers(transport->h2, stream, NULL, 0, &status, 1, true))
        h2_stream_reset(transport->h2, stream, H2_INTERNAL_ERROR);
    h2_stream_release(transport->h2, stream);
    rpc_transport_touch(transport);
}

static void
set_deadline(struct weir_call *call, int64_t timeout)
{
    if (timeout == WEIR_NEVER)
        return;
    call->deadline = deadline_after(loop_now(call->loop), timeout);
    call_start_timer(call);
}

/* No encoding, an empty value being none, identity, or gzip; another is refused, with the list of
 * what is taken (compression.md). */
static void
set_encoding(struct weir_call *call, weir_str encoding)
{
    if (encoding.len == 0 || weir_str_equal(encoding, weir_str_of("identity")))
        return;
    call->gzip_in = weir_str_equal(encoding, weir_str_of("gzip"));
    if (call->gzip_in)
        return;
    weir_fail(call, WEIR_UNIMPLEMENTED, "grpc-encoding \"%.*s\" is not supported",
        (int)encoding.len, encoding.data);
    call_end(call, WEIR_UNIMPLEMENTED, NULL);
}

static void
set_method(struct weir_call *call, struct h2_block *block, const struct wire_request *request)
{
    const struct server_entry *entry = find_entry(home_of(call), block, request);

    call->entry = (void *)(uintptr_t)entry;
    if (entry == NULL) {
        call->path = arena_dup(&call->arena, request->path);
        return;
    }
    call->method = entry->method;
    call->path = entry->method->path;
}

/* Append the message of a GET as if it had arrived in DATA. */
static void
take_query(struct weir_call *call, weir_str query)
{
    uint8_t prefix[WIRE_PREFIX_SIZE];
    weir_str message;
    weir_code code = wire_get_unpack(&call->arena, query, &message);

    if (code == WEIR_INVALID_ARGUMENT) {
        weir_fail(call, code, "the message in the path is not base64url");
    } else if (code == WEIR_OK) {
        wire_prefix_pack(prefix, false, (uint32_t)message.len);
        if (!buf_append(&call->incoming, prefix, sizeof(prefix)) ||
            !buf_append(&call->incoming, message.data, message.len))
            code = WEIR_RESOURCE_EXHAUSTED;
    }
    if (code == WEIR_RESOURCE_EXHAUSTED)
        weir_fail(call, code, "no memory for the message");
    if (code != WEIR_OK)
        call_end(call, code, NULL);
}

static bool
takes_one(const struct weir_method *method)
{
    return method->kind == WEIR_UNARY || method->kind == WEIR_SERVER_STREAM;
}

/* A handler that takes one message starts when that has arrived; one that takes a stream, and the
 * response for an unknown method, start at once. */
static bool
starts_at_once(const struct weir_call *call)
{
    return call->ended || call->receive_closed || call->method == NULL || !takes_one(call->method);
}

/* NULL: it has started or ended. Otherwise it needs its message. */
static struct weir_call *
begin(struct weir_call *call, const struct h2_event *event, const struct wire_request *request)
{
    atomic_store_explicit(&call->headers, h2_block_ref(event->block), memory_order_relaxed);
    call->receive_closed = event->end_stream;
    set_method(call, event->block, request);
    set_encoding(call, request->encoding);
    call_begin_compression(call);
    set_deadline(call, request->timeout);
    if (request->by_get && !call->ended)
        take_query(call, request->query);
    if (!starts_at_once(call))
        return call;
    start_call(call);
    return NULL;
}

static void
refuse(struct server_loop *home, struct rpc_transport *transport, struct h2_stream *stream)
{
    counter_add(&home->stats.calls_refused, 1);
    h2_stream_reset(transport->h2, stream, H2_REFUSED_STREAM);
    h2_stream_release(transport->h2, stream);
    rpc_transport_touch(transport);
}

static void
note_begun(struct server_conn *conn)
{
    struct server_counters *stats = &conn->home->stats;

    conn->called = true;
    counter_add(&stats->calls_started, 1);
    counter_add(&stats->calls_live, 1);
    atomic_store_explicit(
        &stats->last_call, (uint64_t)conn->transport.read_at, memory_order_relaxed);
}

/* ---- plain requests ----
 *
 * A request without timeout and encoding lacks only its message, which has usually arrived with the
 * headers. But clients with many calls may send all headers first and then all messages: until its
 * message arrives, such a request is only a marked stream with its header block, so that hundreds
 * of them in turn can use one call object that stays in the cache. */

static bool
is_plain(const struct h2_event *event)
{
    return is_tagged_plain(event->block) && !event->end_stream &&
           takes_one(tagged_entry(event->block)->method);
}

static void
let_wait(struct rpc_transport *transport, struct h2_stream *stream, struct h2_block *block)
{
    stream->mark = true;
    stream->user = h2_block_ref(block);
    transport->has_waited = true;
}

/* Adopts the block, even on failure. NULL: no memory. */
static inline struct weir_call *
begin_plain(struct rpc_transport *transport, struct h2_stream *stream, struct h2_block *block)
{
    const struct server_entry *entry = tagged_entry(block);
    struct weir_call *call = take_call(home_of_transport(transport));

    if (call == NULL) {
        h2_block_unref(block);
        return NULL;
    }
    atomic_store_explicit(&call->headers, block, memory_order_relaxed);
    call->entry = (void *)(uintptr_t)entry;
    call->method = entry->method;
    call->path = entry->method->path;
    call_attach(call, transport, stream);
    call_begin_compression(call);
    return call;
}

static struct h2_block *
end_waiting(struct h2_stream *stream)
{
    struct h2_block *block = stream->user;

    stream->mark = false;
    stream->user = NULL;
    return block;
}

static void
note_failed(struct server_loop *home)
{
    counter_sub(&home->stats.calls_live, 1);
    counter_add(&home->stats.calls_failed, 1);
}

static void
forget_waiting(struct server_loop *home, struct h2_stream *stream)
{
    h2_block_unref(end_waiting(stream));
    note_failed(home);
}

/* There is no memory for the request's call object. */
static COLD void
refuse_begun(struct rpc_transport *transport, struct h2_stream *stream)
{
    note_failed(home_of_transport(transport));
    refuse(home_of_transport(transport), transport, stream);
}

/* NULL: no memory; the stream was released. */
static inline struct weir_call *
begin_waiting(struct rpc_transport *transport, struct h2_stream *stream)
{
    struct weir_call *call = begin_plain(transport, stream, end_waiting(stream));

    if (call == NULL)
        refuse_begun(transport, stream);
    else
        call->start = start_call;
    return call;
}

struct weir_call *
server_awaited(struct rpc_transport *transport, const struct h2_event *event)
{
    if (event->type == H2_RESET) {
        forget_waiting(home_of_transport(transport), event->stream);
        h2_stream_release(transport->h2, event->stream);
        return NULL;
    }
    return begin_waiting(transport, event->stream);
}

COLD void
server_end_waiting(
    struct rpc_transport *transport, struct h2_stream *stream, weir_code code, const char *why)
{
    struct weir_call *call = begin_waiting(transport, stream);

    if (call == NULL)
        return;
    call_end(call, code, why);
    call_advance(call);
}

/* Take the message, the only part missing, which has usually arrived already. call: NULL for a
 * plain request. */
static inline void
take_message(struct rpc_transport *transport, const struct h2_event *event, struct weir_call *call)
{
    const uint8_t *data;
    size_t len;

    if (!h2_stream_take_content(transport->h2, event->stream, &transport->input, &data, &len)) {
        if (call == NULL) {
            let_wait(transport, event->stream, event->block);
        } else {
            call->start = start_call;
            call_note_part(call);
        }
        return;
    }
    if (call == NULL)
        call = begin_plain(transport, event->stream, h2_block_ref(event->block));
    if (call == NULL)
        refuse_begun(transport, event->stream);
    else
        start_with(call, transport->pump, data, len);
}

static void
drop_waiting(struct h2_stream *stream, void *arg)
{
    if (stream->mark)
        forget_waiting(arg, stream);
}

void
server_drop_waiting(struct server_conn *conn)
{
    h2_conn_each_stream(conn->transport.h2, drop_waiting, conn->home);
}

/* ---- dispatch ---- */

/* The HTTP status that rejects a GET, or 0: only safe unary methods can be called by GET, and the
 * headers must be the whole request. */
static int
judge_get(
    struct server_loop *home, const struct h2_event *event, const struct wire_request *request)
{
    const struct server_entry *entry = find_path(home, request->path);

    if (entry != NULL && (entry->method->kind != WEIR_UNARY || !entry->method->safe))
        return 405;
    return event->end_stream ? 0 : 400;
}

/* NULL: there is nothing more to do. Otherwise the call needs its message. */
static APART struct weir_call *
take_request(struct server_conn *conn, const struct h2_event *event)
{
    struct rpc_transport *transport = &conn->transport;
    struct wire_request request = {.timeout = WEIR_NEVER};
    enum wire_verdict verdict = WIRE_GRPC;
    struct weir_call *call;
    int http_status = 0;
    weir_code code = WEIR_OK;
    const char *why = NULL;

    if (!is_tagged_plain(event->block))
        verdict = wire_request_read(event->block, &request, &http_status, &code, &why);
    if (verdict == WIRE_GRPC && request.by_get)
        http_status = judge_get(conn->home, event, &request);
    if (http_status != 0) {
        answer_http(transport, event->stream, http_status);
        return NULL;
    }
    call = take_call(conn->home);
    if (call == NULL) {
        refuse(conn->home, transport, event->stream);
        return NULL;
    }
    note_begun(conn);
    call_attach(call, transport, event->stream);
    if (verdict == WIRE_STATUS) {
        call->message = why;
        conclude(call, code);
        return NULL;
    }
    return begin(call, event, &request);
}

void
server_dispatch(struct rpc_transport *transport, const struct h2_event *event)
{
    struct server_conn *conn = container_of(transport, struct server_conn, transport);
    struct weir_call *call = NULL;

    if (is_plain(event)) {
        note_begun(conn);
    } else {
        call = take_request(conn, event);
        if (call == NULL)
            return;
    }
    take_message(transport, event, call);
}
