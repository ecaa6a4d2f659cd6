/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are too slow, intentionally or not: they do not read what they requested, start a
 * frame or message and do not finish it, or delay a drain.
 *
 * Connections have no timers for this: they are checked by the pass over a loop's connections every
 * two seconds. A client makes progress if it reads CALL_PROGRESS bytes within the time limit, or
 * all there is. */
#include "server/server.h"

static bool
is_over(int64_t since, int64_t now, int64_t timeout)
{
    return now - since >= timeout;
}

static bool
leaves_it_untaken(struct server_conn *conn, int64_t now, int64_t timeout)
{
    uint64_t written = conn->transport.written;

    if (rpc_transport_is_written(&conn->transport) ||
        written - conn->untaken_written >= CALL_PROGRESS || conn->untaken_since == 0) {
        conn->untaken_since = now;
        conn->untaken_written = written;
        return false;
    }
    return is_over(conn->untaken_since, now, timeout);
}

struct look {
    struct server_conn *conn;
    int64_t now;
    bool waits; /* one of the calls waits */
};

#define NO_REST "the client does not send the rest of the message"

/* If the handler runs, it is woken later in this turn; if it has not started, the status is sent
 * here. */
static void
end_waiting_call(
    struct server_conn *conn, struct weir_call *call, enum weir_limit limit, const char *why)
{
    counter_add(&conn->home->stats.limit_hits[limit], 1);
    call_end(call, WEIR_RESOURCE_EXHAUSTED, why);
    call_advance(call);
}

/* A handler that ends on a drain cannot notice it while it is blocked in a send. */
#define DRAIN_PATIENCE (2 * WEIR_SECOND)

static bool
holds_up_drain(const struct look *look, const struct weir_call *call)
{
    int64_t since = look->conn->drains_since;

    if (since == 0 || call->waits_since == 0 || !call_hears_drain(call))
        return false;
    return is_over(
        since > call->waits_since ? since : call->waits_since, look->now, DRAIN_PATIENCE);
}

static void
end_with_connection(struct weir_call *call)
{
    call_end(call, WEIR_UNAVAILABLE, "the connection closes, and the client does not read");
    call_advance(call);
}

static void
look_at_call(struct weir_call *call, struct look *look)
{
    const struct weir_server_options *options = &look->conn->home->server->options;

    if (call->ended)
        return;
    if (call->comes_since != 0 && !call_awaits_rest(call))
        call->comes_since = 0;
    look->waits |= call->waits_since != 0 || call->comes_since != 0;
    if (call->waits_since != 0 && is_over(call->waits_since, look->now, options->window_timeout))
        end_waiting_call(
            look->conn, call, WEIR_LIMIT_WINDOW, "the client does not let the message come");
    else if (call->comes_since != 0 &&
             is_over(call->comes_since, look->now, options->message_timeout))
        end_waiting_call(look->conn, call, WEIR_LIMIT_MESSAGE_TIME, NO_REST);
    else if (holds_up_drain(look, call))
        end_with_connection(call);
}

/* A request without a call object (dispatch.c) has no space for a time: instead, the passes that
 * have seen it are counted, the first of which may follow right after its arrival. The counter ends
 * at 36 hours; a longer limit means none. */
static void
look_at_waiting(struct h2_stream *stream, struct look *look)
{
    struct server_conn *conn = look->conn;

    look->waits = true;
    if (is_over(
            0, stream->count * SERVER_PASS_PERIOD, conn->home->server->options.message_timeout)) {
        counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_MESSAGE_TIME], 1);
        server_end_waiting(&conn->transport, stream, WEIR_RESOURCE_EXHAUSTED, NO_REST);
    } else if (stream->count < UINT16_MAX) {
        stream->count++;
    }
}

static void
look_at_stream(struct h2_stream *stream, void *arg)
{
    if (stream->mark)
        look_at_waiting(stream, arg);
    else if (stream->user != NULL)
        look_at_call(stream->user, arg);
}

/* Skips connections whose calls do not wait for the client, since there may be many of them. */
static void
end_waiting_calls(struct server_conn *conn, int64_t now)
{
    struct look look = {.conn = conn, .now = now};

    if (!conn->transport.has_waited)
        return;
    h2_conn_each_stream(conn->transport.h2, look_at_stream, &look);
    conn->transport.has_waited = look.waits;
}

const char *
server_conn_stalls(struct server_conn *conn)
{
    const struct weir_server_options *options = &conn->home->server->options;
    const struct rpc_transport *transport = &conn->transport;
    int64_t now = loop_now(conn->home->loop);

    if (leaves_it_untaken(conn, now, options->stall_timeout))
        return "what is sent is not taken";
    if (transport->inside && is_over(transport->whole_at, now, options->stall_timeout))
        return "a frame was begun and not finished";
    end_waiting_calls(conn, now);
    return NULL;
}
