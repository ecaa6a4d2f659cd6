/* SPDX-License-Identifier: Apache-2.0 */
/* Window growth, and the budget of what peers may send beyond the initial windows.
 *
 * The bandwidth-delay product is measured as in grpc-go: a PING is sent with a WINDOW_UPDATE, and
 * the bytes received until its acknowledgement took one round trip. If they were most of the
 * window, and the bandwidth was the highest so far, the window is the bottleneck and is doubled.
 * The measurement is of the connection, but each stream grows by itself, when its user has read
 * half of its window: a stream that is not read does not grow. */
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

/* Limit of the growth of all streams of one connection together. */
#define GROWTH_MAX (UINT64_C(16) * 1024 * 1024)

/* Only if DATA was received since the last answer: the peer then sent it after the last PING, and
 * counts neither that PING nor this one against us (gRFC A8). */
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

/* Keep the connection's window, which is not used for back-pressure, from becoming the bottleneck.
 */
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

/* Growth uses at most half of the budget; the rest is for messages larger than a window. */
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
