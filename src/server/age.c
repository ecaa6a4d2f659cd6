/* SPDX-License-Identifier: Apache-2.0 */
/* The maximum age and idle time of connections (gRFC A9).
 *
 * Connections have no timers for this: they are checked by the pass over a loop's connections every
 * two seconds. An expired connection is drained as on shutdown, so that no call is lost. */
#include "server/server.h"

#include "base/random.h"
#include "rpc/deadline.h"

/* A jitter of 10 % either way, so that clients that connected at the same time do not reconnect at
 * the same time (gRFC A9). */
static int64_t
with_jitter(int64_t age)
{
    int64_t tenth = age / 10;

    if (age > WEIR_NEVER - tenth)
        return age;
    return age - tenth + (int64_t)(random_u64() % (uint64_t)(2 * tenth + 1));
}

void
server_conn_born(struct server_conn *conn)
{
    const struct weir_server_options *options = &conn->home->server->options;
    int64_t now = loop_now(conn->home->loop);

    conn->leaves_at = conn->ends_at = WEIR_NEVER;
    conn->since = conn->idle_since = now;
    if (options->max_connection_age > 0)
        conn->leaves_at = deadline_after(now, with_jitter(options->max_connection_age));
}

static void
send_away(struct server_conn *conn, const char *why)
{
    int64_t grace = conn->home->server->options.max_connection_age_grace;

    conn->leaves_at = WEIR_NEVER;
    conn->leaving = true;
    if (grace > 0)
        conn->ends_at = deadline_after(loop_now(conn->home->loop), grace);
    server_conn_drain(conn, why);
}

static bool
is_idle_too_long(const struct server_conn *conn, int64_t now)
{
    int64_t idle = conn->home->server->options.max_connection_idle;

    return idle > 0 && now - conn->idle_since >= idle;
}

/* May close the connection. */
void
server_conn_age(struct server_conn *conn)
{
    int64_t now = loop_now(conn->home->loop);

    if (conn->called || h2_conn_stream_count(conn->transport.h2) > 0)
        conn->idle_since = now;
    conn->called = false;
    if (now >= conn->ends_at) {
        h2_conn_shutdown(conn->transport.h2, H2_NO_ERROR, "max_age: grace time over");
        server_conn_close(conn, "the connection has reached its greatest age");
    } else if (conn->ready && !conn->leaving && now >= conn->leaves_at) {
        send_away(conn, "max_age");
    } else if (conn->ready && !conn->leaving && is_idle_too_long(conn, now)) {
        send_away(conn, "max_idle");
    }
}
