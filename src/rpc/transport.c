/* SPDX-License-Identifier: Apache-2.0 */
/* Moves data between a socket and the calls of its HTTP/2 connection.
 *
 * Reading: net passes in bytes, h2 turns them into events, and each event is dispatched to its
 * call. Writing: code that adds to h2's output touches the transport; after a server's read batch,
 * or by a late task at the end of the turn, all of it is written at once. Bytes that the socket
 * does not accept remain in h2's output until the socket is writable. */
#include "rpc/transport.h"

#include "rpc/call.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Two for each of up to 64 frames of lent data, and one for the output before them. */
#define LENT_SPANS 129

/* ---- calls ---- */

struct visit {
    void (*f)(struct weir_call *call, void *arg);
    void *arg;
};

static void
visit_stream(struct h2_stream *stream, void *arg)
{
    const struct visit *visit = arg;

    if (stream->user != NULL && !stream->mark)
        visit->f(stream->user, visit->arg);
}

void
rpc_transport_each_call(
    const struct rpc_transport *transport, void (*f)(struct weir_call *call, void *arg), void *arg)
{
    struct visit visit = {f, arg};

    h2_conn_each_stream(transport->h2, visit_stream, &visit);
}

/* ---- the end ---- */

#define WORDS_MAX 64 /* bytes of a GOAWAY's debug data that are kept */
#define WHY_MAX 256

/* Keep the reason that the peer's GOAWAY gives, for messages about the end of the connection. The
 * data may be any bytes; without memory it is ignored. */
static void
note_last_words(struct rpc_transport *transport, const struct h2_event *event)
{
    char words[WORDS_MAX + 1], text[WORDS_MAX + 64];
    size_t len = event->len < WORDS_MAX ? event->len : WORDS_MAX, at;

    if (event->code == H2_NO_ERROR && len == 0)
        return;
    for (size_t i = 0; i < len; i++)
        words[i] = (char)(event->data[i] >= ' ' && event->data[i] <= '~' ? event->data[i] : '?');
    words[len] = '\0';
    at = (size_t)snprintf(text, sizeof(text), "%s", wire_name_of_reset(event->code));
    if (len > 0)
        snprintf(text + at, sizeof(text) - at, " \"%s\"", words);
    free(transport->last_words);
    transport->last_words = strdup(text);
}

static void
tell_of_loss(struct weir_call *call, void *why)
{
    call_on_lost(call, why);
}

/* The connection is lost: end its calls. */
static void
break_off(struct rpc_transport *transport, const char *why)
{
    transport->broken = true;
    rpc_transport_each_call(transport, tell_of_loss, (void *)(uintptr_t)why);
}

void
rpc_transport_lose(struct rpc_transport *transport, const char *why)
{
    char text[WHY_MAX];

    if (transport->broken)
        return;
    if (transport->last_words != NULL) {
        snprintf(text, sizeof(text), "%s; its GOAWAY said %s", why, transport->last_words);
        why = text;
    }
    break_off(transport, why);
    transport->events->lost(transport, why);
}

/* ---- output ---- */

static void
note_times(struct rpc_transport *transport)
{
    const struct rpc_counts *counts = &transport->counts;
    struct rpc_times *times = &transport->times;
    int64_t now = loop_now(transport->loop);

    if (counts->streams != times->streams_were)
        times->stream = now;
    if (counts->sent != times->sent_were)
        times->sent = now;
    if (counts->received != times->received_were)
        times->received = now;
    times->streams_were = counts->streams;
    times->sent_were = counts->sent;
    times->received_were = counts->received;
}

/* Write these spans, which are the output; returns how much the socket accepted. */
static size_t
write_spans(struct rpc_transport *transport, const struct net_span *spans, size_t count)
{
    size_t wrote = net_conn_write(transport->net, spans, count);

    h2_conn_wrote(transport->h2, wrote);
    transport->written += wrote;
    if (transport->traffic != NULL)
        counter_add(&transport->traffic->out, wrote);
    return wrote;
}

/* Without lent data the output is a single span. */
static void
write_output(struct rpc_transport *transport)
{
    struct h2_span from;
    struct net_span to;

    note_times(transport);
    transport->full = false;
    if (h2_conn_output(transport->h2, &from, 1) > 0) {
        to = (struct net_span){from.data, from.len};
        transport->full = write_spans(transport, &to, 1) < from.len;
    }
}

size_t
rpc_transport_write_lent(struct rpc_transport *transport)
{
    struct h2_span from[LENT_SPANS];
    struct net_span to[LENT_SPANS];
    size_t count, len;

    transport->full = false;
    while (!transport->full && (count = h2_conn_output(transport->h2, from, LENT_SPANS)) > 0) {
        len = 0;
        for (size_t i = 0; i < count; i++) {
            to[i] = (struct net_span){from[i].data, from[i].len};
            len += from[i].len;
        }
        transport->full = write_spans(transport, to, count) < len;
    }
    rpc_transport_touch(transport);
    return h2_conn_keep(transport->h2);
}

/* A connection error detected on this side. */
static void
fail(struct rpc_transport *transport, const struct h2_event *event)
{
    char why[160];

    snprintf(why, sizeof(why), "HTTP/2 error: %.*s", (int)event->len, (const char *)event->data);
    transport->violated = event->code != H2_INTERNAL_ERROR;
    write_output(transport);
    rpc_transport_lose(transport, why);
}

/* The call that an event is for; NULL: none. */
static struct weir_call *
call_of(struct rpc_transport *transport, const struct h2_event *event)
{
    if (event->stream == NULL)
        return NULL;
    return event->stream->mark ? transport->events->awaited(transport, event) : event->stream->user;
}

/* May run a handler, and so may return much later, when the transport has been freed. */
static void
dispatch(struct rpc_transport *transport, const struct h2_event *event)
{
    struct weir_call *call = call_of(transport, event);

    if (event->type == H2_HEADERS && call == NULL) {
        transport->events->request(transport, event);
        return;
    }
    switch (event->type) {
    case H2_HEADERS:
        call_on_headers(call, event->block, event->end_stream);
        break;
    case H2_DATA:
        if (call != NULL)
            call_on_data(call, event->data, event->len, event->end_stream);
        break;
    case H2_TRAILERS:
        if (call != NULL)
            call_on_trailers(call, event->block);
        break;
    case H2_RESET:
        transport->given_up = true;
        if (call != NULL)
            call_on_reset(call, event);
        break;
    case H2_WRITABLE:
        if (call != NULL)
            call_advance(call);
        break;
    case H2_READY:
        transport->events->ready(transport);
        break;
    case H2_PING_ACK:
        rpc_keepalive_answered(transport);
        transport->events->ping_ack(transport, event->opaque);
        break;
    case H2_GOAWAY:
        note_last_words(transport, event);
        transport->events->goaway(transport, event);
        break;
    case H2_FAILED:
        fail(transport, event);
        break;
    case H2_NEED_INPUT:
        break;
    }
}

/* ---- the pump ----
 *
 * Events are dispatched on a fiber, and a handler that an event starts runs on the same fiber, as a
 * plain function call: most handlers never park, and then a whole read batch costs one switch. If a
 * handler parks, it keeps the fiber, with the frames of the pump below its own, and the rest of the
 * input goes to a pump on another fiber; the abandoned pump ends when the handler returns to it. */

/* A stream counts against MAX_CONCURRENT_STREAMS until its handler has returned, which after a
 * reset by the peer happens later in this turn. So the rest of the input waits, until the end of
 * the turn: otherwise a peer that respects the limit would be refused. Not if the buffer is full,
 * since then some of it has to be consumed. */
static bool
must_wait(const struct rpc_transport *transport)
{
    return transport->given_up && transport->input.left > 0 &&
           transport->input.left < LOOP_SCRATCH_SIZE && h2_conn_is_full(transport->h2);
}

static void
hold_up(struct rpc_transport *transport)
{
    transport->given_up = false;
    transport->held_up = true;
    net_conn_pause(transport->net);
    rpc_transport_touch(transport);
}

static void
pump(void *arg)
{
    struct rpc_transport *transport = arg;
    struct rpc_pump self = {.on_fiber = fiber_current() != NULL};
    struct h2_event event;

    transport->pump = &self;
    while (!must_wait(transport)) {
        h2_conn_next(transport->h2, &transport->input, &event);
        if (event.type == H2_NEED_INPUT)
            break;
        dispatch(transport, &event);
        if (self.abandoned)
            return;
        if (transport->broken)
            break;
    }
    transport->pump = NULL;
}

/* A handler has parked before all input was processed. */
static void
abandon_pump(struct rpc_transport *transport)
{
    struct weir_call *call = transport->pump->lent_to;
    const char *why;

    transport->pump->abandoned = true;
    transport->pump = NULL;
    if (call == NULL || call->lent == NULL || (why = call_keep_lent(call)) == NULL)
        return;
    call_end(call, WEIR_RESOURCE_EXHAUSTED, why);
    call_advance(call);
}

/* Process all events of this input. Returns the number of bytes left. */
static size_t
pump_all(struct rpc_transport *transport, const uint8_t *data, size_t len)
{
    transport->input = (struct h2_input){data, len};
    do {
        /* Without a stack for a fiber the pump runs here, where calls are refused because handlers
         * need a fiber, too. */
        if (fiber_start(transport->loop, pump, transport) != WEIR_OK)
            pump(transport);
        if (transport->pump == NULL)
            break;
        abandon_pump(transport);
    } while (!transport->broken);
    return transport->input.left;
}

bool
rpc_transport_is_written(const struct rpc_transport *transport)
{
    struct h2_span span;

    return h2_conn_output(transport->h2, &span, 1) == 0;
}

/* Write, then resume the streams that were waiting for room. These touch the transport again. */
static void
flush(struct rpc_transport *transport)
{
    write_output(transport);
    if (h2_conn_has_event(transport->h2))
        pump_all(transport, NULL, 0);
    if (transport->broken)
        return;
    if (h2_conn_done(transport->h2) && rpc_transport_is_written(transport))
        transport->events->drained(transport);
    else
        transport->events->flushed(transport);
}

/* A server has answered most of what it has read, so it writes now, while the socket's memory is in
 * the cache. It waits for the end of the turn if woken fibers may add output, or if a full buffer
 * means that there is more to read. A client always waits, since its callers are such fibers. */
static void
write_soon(struct rpc_transport *transport, bool more_to_read)
{
    if (more_to_read || !transport->events->answers || loop_has_tasks(transport->loop)) {
        rpc_transport_touch(transport);
        return;
    }
    loop_task_cancel(&transport->flush);
    flush(transport);
}

/* How much of the unprocessed rest, which comes first in the next input, `ahead` covers. */
static uint32_t
told_of_rest(const struct rpc_transport *transport)
{
    const uint8_t *rest = transport->input.at;

    return transport->ahead > rest ? (uint32_t)(transport->ahead - rest) : 0;
}

static void
on_read(void *owner, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct rpc_transport *transport = owner;
    size_t left;

    *out_keep = 0;
    transport->active = true;
    transport->rested = false;
    transport->read_at = loop_now(transport->loop);
    h2_conn_set_time(transport->h2, transport->read_at);
    transport->ahead = data + transport->told;
    left = pump_all(transport, data, len);
    transport->told = told_of_rest(transport);
    if (transport->traffic != NULL)
        counter_add(&transport->traffic->in, len - left);
    if (transport->broken)
        return;
    *out_keep = left;
    transport->inside = left > 0;
    if (left < len)
        transport->whole_at = transport->read_at;
    if (must_wait(transport))
        hold_up(transport);
    else
        write_soon(transport, len == LOOP_SCRATCH_SIZE);
}

static void
flush_task(struct loop_task *task)
{
    struct rpc_transport *transport = container_of(task, struct rpc_transport, flush);

    if (transport->broken)
        return;
    if (transport->held_up)
        net_conn_resume(transport->net);
    transport->held_up = false;
    flush(transport);
}

static void
on_writable(void *owner)
{
    rpc_transport_touch(owner);
}

static void
on_closed(void *owner, int errno_code)
{
    struct rpc_transport *transport = owner;

    /* EPIPE and ECONNRESET: the peer closed with unread data, or while we were writing. */
    transport->peer_closed = errno_code == 0 || errno_code == EPIPE || errno_code == ECONNRESET;
    transport->timed_out = errno_code == ETIMEDOUT;
    transport->violated = errno_code == EPROTO;
    rpc_transport_lose(transport, net_conn_why(transport->net, errno_code));
}

static const struct net_conn_events net_events = {
    .read = on_read, .writable = on_writable, .closed = on_closed};

weir_code
rpc_transport_init(struct rpc_transport *transport, weir_loop *loop, struct net_conn *net,
    const struct h2_options *options, const struct rpc_transport_events *events)
{
    *transport = (struct rpc_transport){
        .loop = loop, .net = net, .events = events, .whole_at = loop_now(loop)};
    loop_task_init(&transport->flush, flush_task);
    loop_timer_init(&transport->keepalive_timer, rpc_keepalive_due);
    transport->h2 = h2_conn_new(options);
    if (transport->h2 == NULL) {
        net_conn_close(net);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    net_conn_open(net, &net_events, transport);
    rpc_transport_touch(transport);
    return WEIR_OK;
}

void
rpc_transport_touch(struct rpc_transport *transport)
{
    if (!loop_task_is_posted(&transport->flush) && !transport->broken)
        loop_post_late(transport->loop, &transport->flush);
}

/* The peer can send as much as both windows permit; part of that has been read already. */
void
rpc_transport_expect(
    struct rpc_transport *transport, const struct h2_stream *stream, size_t missing)
{
    size_t coming = h2_stream_window(stream);
    int32_t send, receive;

    h2_conn_windows(transport->h2, &send, &receive);
    if (receive < 0 || (size_t)receive < coming)
        coming = receive < 0 ? 0 : (size_t)receive;
    if (missing < coming)
        coming = missing;
    if (coming > transport->input.left)
        net_conn_expect(transport->net, coming - transport->input.left);
}

bool
rpc_transport_rest(struct rpc_transport *transport)
{
    bool rests = !transport->active && !transport->rested && !transport->broken;

    if (rests) {
        h2_conn_trim(transport->h2);
        net_conn_rest(transport->net);
        transport->rested = h2_conn_stream_count(transport->h2) == 0;
    }
    transport->active = false;
    return rests && transport->rested;
}

void
rpc_transport_close(struct rpc_transport *transport, const char *why)
{
    if (transport->closed)
        return;
    transport->closed = true;
    if (!transport->broken) {
        write_output(transport);
        break_off(transport, why);
    }
    loop_task_cancel(&transport->flush);
    loop_timer_stop(transport->loop, &transport->keepalive_timer);
    net_conn_close(transport->net);
    h2_conn_free(transport->h2);
    free(transport->last_words);
    transport->last_words = NULL;
}
