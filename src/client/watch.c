/* SPDX-License-Identifier: Apache-2.0 */
/* The fiber of a watch. It may briefly outlive its connection, and holds the channel until it ends.
 */
#include "client/watch.h"

#include "client/session.h"
#include <stdlib.h>

struct conn_watch {
    const struct watch_type *type;
    struct conn_watch **place; /* in its subchannel, which may be gone once conn is NULL */
    struct weir_channel *channel;
    struct client_conn *conn; /* NULL: the fiber must end */
    struct weir_call *call;   /* in progress, else NULL */
    struct fiber *fiber;
    bool unimplemented; /* by the server: do not reopen the stream */
};

static const struct watch_type *const types[WATCH_KINDS] = {
    [WATCH_HEALTH] = &watch_health, [WATCH_LOAD] = &watch_load};

/* ---- the stream ---- */

static weir_code
begin(struct conn_watch *watch)
{
    struct client_conn *conn = watch->conn;
    struct weir_call *call = watch->call;
    const struct client_method *method = client_method_lookup(watch->channel, watch->type->method);
    struct h2_stream *stream = method == NULL ? NULL : h2_stream_open(conn->transport.h2);

    if (stream == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    call_attach(call, &conn->transport, stream);
    call->attached_at = 0; /* not counted at its subchannel */
    WEIR_TRY(attempt_send_headers(call, method));
    return watch->type->ask(conn, call);
}

/* Receive until the stream's end, which is OK here, or until something cannot be received. */
static weir_code
hear(struct conn_watch *watch, bool *out_heard)
{
    const struct watch_type *type = watch->type;
    struct weir_call *call = watch->call;
    ProtobufCMessage *message;

    for (;;) {
        call_renew_scratch(call);
        message = NULL;
        WEIR_TRY(call_take_message(call, type->method->output, &message));
        if (message == NULL)
            return WEIR_OK;
        *out_heard = true;
        if (watch->conn != NULL)
            type->heard(watch->conn, message);
    }
}

/* True: the server sent at least one message. */
static bool
ask_once(struct conn_watch *watch)
{
    struct weir_call *call = client_take_call(watch->channel);
    bool heard = false;
    weir_code code;

    if (call == NULL)
        return false;
    watch->call = call;
    call->method = watch->type->method;
    call->path = call->method->path;
    code = begin(watch);
    if (code == WEIR_OK)
        code = hear(watch, &heard);
    code = attempt_settle(call, code);
    watch->unimplemented = code == WEIR_UNIMPLEMENTED;
    watch->call = NULL;
    call_retire(call);
    return heard;
}

/* ---- the fiber ---- */

struct pause {
    struct loop_timer timer;
    struct fiber *fiber;
    bool over;
};

static void
pause_is_over(struct loop_timer *timer)
{
    struct pause *pause = container_of(timer, struct pause, timer);

    pause->over = true;
    fiber_wake(pause->fiber);
}

static void
rest(struct conn_watch *watch, int64_t duration)
{
    weir_loop *loop = watch->channel->loop;
    struct pause pause = {.fiber = watch->fiber};

    loop_timer_init(&pause.timer, pause_is_over);
    if (loop_timer_start(loop, &pause.timer, loop_now(loop) + duration) != WEIR_OK)
        return;
    while (!pause.over && watch->conn != NULL)
        fiber_park();
    loop_timer_stop(loop, &pause.timer);
}

/* Until the connection takes no more calls or the server turns out not to know the method. After a
 * stream with messages the next one is opened at once (gRFC A17), but only if it lasted as long as
 * the backoff, so that no server can make the client open streams without a pause. */
static void
keep_asking(struct conn_watch *watch)
{
    struct weir_channel *channel = watch->channel;
    int64_t backoff = channel->initial_backoff;

    while (watch->conn != NULL) {
        int64_t began = loop_now(channel->loop);
        bool heard = ask_once(watch);

        if (watch->conn == NULL || watch->unimplemented)
            return;
        if (heard)
            backoff = channel->initial_backoff;
        if (heard && loop_now(channel->loop) - began >= backoff) {
            watch->type->renewed(watch->conn);
            continue;
        }
        watch->type->lost(watch->conn);
        rest(watch, client_next_backoff(channel, &backoff));
    }
}

static void
watch_on_fiber(void *arg)
{
    struct conn_watch *watch = arg;
    struct weir_channel *channel = watch->channel;

    watch->fiber = fiber_current();
    keep_asking(watch);
    if (watch->conn != NULL)
        watch->type->given_up(watch->conn);
    if (watch->conn != NULL)
        *watch->place = NULL;
    free(watch);
    client_let_go(channel);
}

/* ---- life cycle ---- */

/* Without memory the stream is not opened. */
static void
start(struct client_conn *conn, const struct watch_type *type, struct conn_watch **place)
{
    struct weir_channel *channel = conn->subchannel->channel;
    struct conn_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return;
    *watch = (struct conn_watch){.type = type, .place = place, .channel = channel, .conn = conn};
    *place = watch;
    type->watched(conn);
    client_hold(channel);
    if (fiber_start(channel->loop, watch_on_fiber, watch) == WEIR_OK)
        return;
    *place = NULL;
    type->unwatched(conn);
    free(watch);
    client_let_go(channel);
}

void
watches_begin(struct client_conn *conn)
{
    struct weir_subchannel *subchannel = conn->subchannel;

    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        if (subchannel->watches[kind] != NULL)
            continue;
        types[kind]->unwatched(conn);
        if (subchannel->channel->leaving == NULL && types[kind]->wanted(conn))
            start(conn, types[kind], &subchannel->watches[kind]);
    }
}

static void
stop(struct conn_watch *watch)
{
    *watch->place = NULL;
    watch->conn = NULL;
    if (watch->call != NULL) {
        call_end(watch->call, WEIR_CANCELLED, "the connection takes no more calls");
        call_advance(watch->call);
    }
    if (watch->fiber != NULL)
        fiber_wake(watch->fiber);
}

void
watches_stop(struct client_conn *conn)
{
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        struct conn_watch *watch = conn->subchannel->watches[kind];

        if (watch != NULL && watch->conn == conn)
            stop(watch);
    }
}

static void
stop_in(const struct list *subchannels)
{
    list_each (link, subchannels) {
        struct weir_subchannel *subchannel = container_of(link, struct weir_subchannel, link);

        for (int kind = 0; kind < WATCH_KINDS; kind++) {
            if (subchannel->watches[kind] != NULL)
                stop(subchannel->watches[kind]);
        }
    }
}

void
watches_stop_all(struct weir_channel *channel)
{
    stop_in(&channel->subchannels);
    stop_in(&channel->parting);
}
