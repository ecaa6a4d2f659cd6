/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that are too slow on purpose: that take nothing of what they asked for, or that begin a
 * frame or a message and never end it.
 *
 * No connection has a timer for it: the pass over all of a loop's connections, every two seconds,
 * looks. Who takes CALL_PROGRESS bytes within the time, or all that there is, is getting on. */
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
    bool waits; /* one of the calls does */
};

/* One that has begun is woken on this turn of the loop, not here; of one that has not the status is
 * sent. */
static void
end_waiting_call(
    struct server_conn *conn, struct weir_call *call, enum weir_limit limit, const char *why)
{
    counter_add(&conn->home->stats.limit_hits[limit], 1);
    call_end(call, WEIR_RESOURCE_EXHAUSTED, why);
    call_advance(call);
}

static void
look_at_call(struct weir_call *call, void *arg)
{
    struct look *look = arg;
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
        end_waiting_call(look->conn, call, WEIR_LIMIT_MESSAGE_TIME,
            "the client does not send the rest of the message");
}

/* Calls that wait for nothing may be many, and are not looked at again and again. */
static void
end_waiting_calls(struct server_conn *conn, int64_t now)
{
    struct look look = {.conn = conn, .now = now};

    if (!conn->transport.has_waited)
        return;
    rpc_transport_each_call(&conn->transport, look_at_call, &look);
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
