/* SPDX-License-Identifier: Apache-2.0 */
/* Limits on the behaviour of a peer, beyond which it gets ENHANCE_YOUR_CALM (RFC 9113, section
 * 10.5).
 *
 * Three token buckets, refilled with the time that the user sets:
 *   resets        the peer's RST_STREAM for a young stream without an answer (CVE-2023-44487);
 *                 answered streams return tokens, since clients that hedge reset the others
 *   local_resets  RST_STREAM that the peer provokes from us: stream errors, streams over the limit
 *                 (CVE-2025-8671); a client that does not know a limit yet stays far below;
 *                 a header list over its limit costs several, as it is work to decode
 *   idle_frames   frames that carry nothing; useful ones return tokens, so that a peer that
 *                 sends a WINDOW_UPDATE for every DATA it receives never runs out
 * and counts of the replies and responses that wait in the output. */
#include "http2/h2_internal.h"

struct allowance {
    int32_t burst;
    int32_t per_second;
};

static const struct allowance resets = {H2_RESETS_MAX, 33};
static const struct allowance local_resets = {1000, 100};
static const struct allowance idle_frames = {1000, 100};

#define LIST_PRICE 4 /* tokens for each multiple of max_header_list */

#define REPLIES_WAITING_MAX 1000
#define ANSWERS_PER_STREAM 4

void
h2_limits_init(struct h2_conn *conn)
{
    conn->resets.tokens = resets.burst;
    conn->local_resets.tokens = local_resets.burst;
    conn->idle_frames.tokens = idle_frames.burst;
}

/* A fraction of a token's interval carries over to the next time. */
static void
refill(struct h2_bucket *bucket, const struct allowance *allowance, int64_t now)
{
    int64_t interval = WEIR_SECOND / allowance->per_second, tokens;

    /* The first call only sets the time. */
    if (bucket->since == 0 || bucket->tokens >= allowance->burst) {
        bucket->since = now;
        return;
    }
    tokens = (now - bucket->since) / interval;
    if (tokens <= 0)
        return;
    bucket->since += tokens * interval;
    tokens += bucket->tokens;
    bucket->tokens = tokens < allowance->burst ? (int32_t)tokens : allowance->burst;
}

static bool
take(struct h2_conn *conn, struct h2_bucket *bucket, const struct allowance *allowance)
{
    if (conn->now != bucket->since)
        refill(bucket, allowance, conn->now);
    if (bucket->tokens <= 0)
        return false;
    bucket->tokens--;
    return true;
}

bool
h2_reset_allowed(struct h2_conn *conn)
{
    return take(conn, &conn->resets, &resets);
}

/* A client that gives up after a while makes no rapid reset: the stream counted against
 * max_concurrent_streams all that time. */
static bool
has_waited(const struct h2_conn *conn, uint32_t id)
{
    int64_t span = conn->now - conn->span_at;

    if (span >= 2 * H2_RESET_PATIENCE)
        return true;
    return id <= (span >= H2_RESET_PATIENCE ? conn->aging_id : conn->aged_id);
}

bool
h2_stream_reset_allowed(struct h2_conn *conn, uint32_t id)
{
    return has_waited(conn, id) || h2_reset_allowed(conn);
}

bool
h2_local_reset_allowed(struct h2_conn *conn)
{
    return take(conn, &conn->local_resets, &local_resets);
}

/* A list over the limit is still decoded, only to keep the table in sync. */
void
h2_pay_for_list(struct h2_conn *conn, size_t list_size)
{
    size_t price = LIST_PRICE * (list_size / conn->max_header_list);

    if (price > (size_t)local_resets.burst)
        price = (size_t)local_resets.burst;
    conn->local_resets.tokens -= (int32_t)price;
}

bool
h2_idle_frame_allowed(struct h2_conn *conn)
{
    return take(conn, &conn->idle_frames, &idle_frames);
}

/* Replies wait in the output among other bytes. They are counted in two generations: once
 * everything that was in the output at the last change (replies_mark) is written, the old
 * generation is gone. So a peer that reads is not penalised because the output never quite empties.
 */
bool
h2_reply_allowed(struct h2_conn *conn)
{
    conn->replies_new++;
    return conn->replies_old + conn->replies_new <= REPLIES_WAITING_MAX;
}

/* gRFC A8, counted as in grpc-go: a PING after something useful is free, and two more that are too
 * early are tolerated. */
#define PING_STRIKES_MAX 2

bool
h2_ping_allowed(struct h2_conn *conn)
{
    int64_t interval = conn->held > 0 ? conn->ping_interval : conn->ping_interval_idle;
    int64_t quiet = conn->now - conn->pinged_at;

    conn->pinged_at = conn->now;
    if (conn->ping_free) {
        conn->ping_free = false;
        conn->ping_strikes = 0;
        return true;
    }
    if (quiet >= interval)
        return true;
    return ++conn->ping_strikes <= PING_STRIKES_MAX;
}

bool
h2_conn_pinged_too_often(const struct h2_conn *conn)
{
    return conn->ping_strikes > PING_STRIKES_MAX;
}

/* A client has at most max_streams responses unread; counted in generations like replies, that may
 * appear a few times as many. */
bool
h2_answers_are_read(const struct h2_conn *conn)
{
    return (uint64_t)conn->answers_old + conn->answers_new <=
           (uint64_t)ANSWERS_PER_STREAM * conn->max_streams;
}

void
h2_replies_written(struct h2_conn *conn)
{
    if (buf_len(&conn->out) == 0)
        conn->replies_new = conn->answers_new = 0;
    else if (conn->written < conn->replies_mark)
        return;
    conn->replies_old = conn->replies_new;
    conn->answers_old = conn->answers_new;
    conn->replies_new = conn->answers_new = 0;
    conn->replies_mark = conn->written + buf_len(&conn->out);
}

void
h2_limit_hit(struct h2_conn *conn, enum h2_limit limit)
{
    if (conn->stats != NULL)
        counter_add(&conn->stats->limit_hits[limit], 1);
}

enum h2_step
h2_fail_limit(struct h2_conn *conn, struct h2_event *event, enum h2_limit limit, const char *why)
{
    h2_limit_hit(conn, limit);
    return h2_fail(conn, event, H2_ENHANCE_YOUR_CALM, why);
}
