/* SPDX-License-Identifier: Apache-2.0 */
/* Windows that grow, and the budget of what peers may send beyond the window they begin with.
 *
 * How much fits the line is measured as grpc-go does it: a PING goes out with a WINDOW_UPDATE, and
 * what comes until its answer was under way for one round trip. When that was most of the window,
 * and faster than ever, the window is the bottleneck: it grows to twice as much. The measure is the
 * connection's; but it is each stream for itself that grows, when its user has read half of its
 * window: one that nobody reads stays as it is. */
#include "http2/h2_internal.h"

bool
h2_borrow(struct h2_conn *conn, uint32_t len, unsigned share)
{
    if (conn->budget != NULL && conn->budget->used + len > conn->budget->limit / share) {
        h2_limit_hit(conn, H2_LIMIT_UNREAD);
        return false;
    }
    if (conn->budget != NULL)
        conn->budget->used += len;
    conn->borrowed += len;
    return true;
}

bool
h2_conn_budget_is_scarce(const struct h2_conn *conn)
{
    return conn->budget != NULL && conn->budget->used > conn->budget->limit / 2;
}

void
h2_give_back(struct h2_conn *conn, uint64_t len)
{
    if (conn->budget != NULL)
        conn->budget->used -= len;
    conn->borrowed -= len;
}

void
h2_flow_forget(struct h2_conn *conn, struct h2_slot *slot)
{
    uint64_t len = (uint64_t)slot->advance + slot->grown;

    slot->advance = slot->grown = 0;
    if (len > 0)
        h2_give_back(conn, len);
}

void
h2_flow_forget_all(struct h2_conn *conn)
{
    h2_give_back(conn, conn->borrowed);
}

#define PROBE UINT64_C(0x7765697262647021)
#define PROBE_REST_MAX 256u

/* What all streams of one connection may have grown by. */
#define GROWTH_MAX (UINT64_C(16) * 1024 * 1024)

/* Only when DATA has come since the last answer: its sender has then sent it after the last PING,
 * and counts neither that nor this one against us (gRFC A8). */
void
h2_probe(struct h2_conn *conn)
{
    if (conn->probing || conn->probed == 0 || conn->target >= conn->max_stream_window)
        return;
    if (conn->probe_rest > 0) {
        conn->probe_rest--;
        return;
    }
    conn->probing = true;
    conn->probed = 0;
    conn->probed_at = conn->now;
    h2_conn_ping(conn, PROBE);
}

/* The connection's window, which pushes nobody back, is to be no bottleneck. */
static void
widen_connection(struct h2_conn *conn)
{
    uint32_t more;

    if (conn->target <= conn->connection_window / 2)
        return;
    more = 2 * conn->target - conn->connection_window;
    conn->connection_window += more;
    conn->receive_window += (int32_t)more;
    h2_send_window_update(conn, 0, more);
}

bool
h2_flow_probed(struct h2_conn *conn, uint64_t opaque)
{
    int64_t took = conn->now > conn->probed_at ? conn->now - conn->probed_at : 1;
    uint64_t probed = conn->probed, bandwidth;

    if (!conn->probing || opaque != PROBE)
        return false;
    conn->probing = false;
    conn->probed = 0;
    bandwidth = (uint64_t)((double)probed * (double)WEIR_SECOND / (double)took);
    if (probed < (uint64_t)conn->target / 3 * 2 || bandwidth < conn->bandwidth) {
        conn->probe_rest = conn->probe_rest_next;
        conn->probe_rest_next =
            conn->probe_rest < PROBE_REST_MAX / 2 ? 2 * conn->probe_rest + 1 : PROBE_REST_MAX;
        return true;
    }
    conn->bandwidth = bandwidth;
    conn->probe_rest_next = 0;
    conn->target =
        2 * probed < conn->max_stream_window ? (uint32_t)(2 * probed) : conn->max_stream_window;
    widen_connection(conn);
    return true;
}

/* Growth never takes the last half of the budget, which messages larger than a window need. */
void
h2_grow(struct h2_conn *conn, struct h2_slot *slot)
{
    uint32_t window = conn->stream_window + slot->grown;
    uint32_t more = conn->target > window ? conn->target - window : 0;

    if (more == 0 || conn->borrowed + more > GROWTH_MAX || !h2_borrow(conn, more, 2))
        return;
    slot->grown += more;
    slot->credit += more;
}
