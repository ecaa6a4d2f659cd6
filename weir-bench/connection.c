/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/connection.h"

#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT (10 * WEIR_SECOND)
#define PAUSE (100 * WEIR_MILLISECOND) /* before reconnecting */
#define SPANS 8

/* Wide enough that our own windows never limit the load. */
#define STREAM_WINDOW (1024 * 1024)
#define CONNECTION_WINDOW (16 * 1024 * 1024)

static void open_at(struct connection *conn, int64_t due);

static void
note(struct connection *conn, const char *why)
{
    snprintf(conn->why, sizeof(conn->why), "%s", why);
}

/* ---- closing ---- */

static void
drop_blocks(struct connection *conn)
{
    if (conn->good_begin != NULL)
        h2_block_unref(conn->good_begin);
    if (conn->good_end != NULL)
        h2_block_unref(conn->good_end);
    conn->good_begin = conn->good_end = NULL;
}

static void
end_streams(struct connection *conn)
{
    for (uint32_t i = 0; i < conn->worker->plan->options->streams; i++)
        if (conn->streams[i].h2 != NULL)
            stream_on_lost(&conn->streams[i], conn->why);
}

static void
drop(struct connection *conn)
{
    loop_timer_stop(conn->worker->loop, &conn->again);
    loop_task_cancel(&conn->flush);
    if (conn->connect != NULL)
        net_connect_cancel(conn->connect);
    if (conn->net != NULL)
        net_conn_close(conn->net);
    drop_blocks(conn);
    h2_conn_free(conn->h2);
    conn->connect = NULL;
    conn->net = NULL;
    conn->h2 = NULL;
    conn->leaves = conn->broken = false;
    conn->kept = 0;
}

/* Its calls end. A connection that was never ready tries each address once. */
static void
lose(struct connection *conn, const char *why)
{
    struct worker *worker = conn->worker;
    bool was_ready = conn->ready;

    note(conn, why);
    conn->ready = false;
    drop(conn);
    if (was_ready)
        worker_on_lost(worker);
    else
        conn->address++;
    end_streams(conn);
    if (worker->phase == WORKER_ENDED)
        return;
    if (conn->address < worker->plan->address_count || conn->was_ready)
        open_at(conn, weir_now() + (conn->was_ready ? PAUSE : 0));
    else
        worker_fail(worker, conn->why);
}

void
connection_close(struct connection *conn)
{
    conn->ready = false;
    drop(conn);
    note(conn, "given up");
}

/* ---- bytes ---- */

/* True if the socket accepted everything. */
static bool
flush(struct connection *conn)
{
    struct h2_span from[SPANS];
    struct net_span to[SPANS];
    size_t count, len, wrote;

    while ((count = h2_conn_output(conn->h2, from, SPANS)) > 0) {
        len = 0;
        for (size_t i = 0; i < count; i++) {
            to[i] = (struct net_span){from[i].data, from[i].len};
            len += from[i].len;
        }
        wrote = net_conn_write(conn->net, to, count);
        h2_conn_wrote(conn->h2, wrote);
        conn->worker->tally.bytes_sent += wrote;
        if (wrote < len)
            return false;
    }
    return true;
}

static void
touch(struct connection *conn)
{
    if (conn->h2 != NULL)
        loop_post_late(conn->worker->loop, &conn->flush);
}

static void
on_ready(struct connection *conn)
{
    loop_timer_stop(conn->worker->loop, &conn->again);
    conn->ready = conn->was_ready = true;
    conn->address = 0;
    worker_on_ready(conn->worker);
    connection_fill(conn);
}

static void
on_event(struct connection *conn, const struct h2_event *event)
{
    if (event->type == H2_FAILED) {
        snprintf(conn->why, sizeof(conn->why), "HTTP/2 error: %.*s", (int)event->len,
            (const char *)event->data);
        conn->broken = true;
    } else if (event->type == H2_READY) {
        on_ready(conn);
    } else if (event->type == H2_GOAWAY) {
        conn->leaves = true;
    } else if (event->stream != NULL && event->stream->user != NULL) {
        stream_on_event(event->stream->user, event);
    } else if (event->type == H2_HEADERS) {
        h2_stream_release(conn->h2, event->stream); /* a stream that the server opened */
    }
}

/* False: the connection is closed or must be. */
static bool
take_events(struct connection *conn, struct h2_input *in)
{
    struct h2_event event;

    for (;;) {
        h2_conn_next(conn->h2, in, &event);
        if (event.type == H2_NEED_INPUT)
            return true;
        on_event(conn, &event);
        if (conn->h2 == NULL)
            return false;
        if (conn->broken) {
            lose(conn, conn->why);
            return false;
        }
    }
}

static void
on_read(void *owner, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct connection *conn = owner;
    struct h2_input in = {data, len};

    *out_keep = 0;
    worker_read_clock(conn->worker);
    h2_conn_set_time(conn->h2, conn->worker->now);
    conn->worker->tally.bytes_received += len - conn->kept;
    if (!take_events(conn, &in))
        return;
    conn->kept = in.left;
    if (h2_conn_done(conn->h2)) {
        lose(conn, "the server has closed the connection");
        return;
    }
    *out_keep = in.left;
    touch(conn);
}

/* Write. If that makes room, streams that were waiting for it continue. The rest is written when
 * the socket becomes writable. */
static void
flush_task(struct loop_task *task)
{
    struct connection *conn = container_of(task, struct connection, flush);
    struct h2_input nothing = {NULL, 0};
    struct h2_span span;

    while (flush(conn) && h2_conn_has_event(conn->h2))
        if (!take_events(conn, &nothing) || h2_conn_output(conn->h2, &span, 1) == 0)
            return;
}

static void
on_writable(void *owner)
{
    touch(owner);
}

static void
on_closed(void *owner, int errno_code)
{
    struct connection *conn = owner;
    char why[160];

    worker_read_clock(conn->worker);
    snprintf(why, sizeof(why), "%s", net_conn_why(conn->net, errno_code));
    lose(conn, why);
}

static const struct net_conn_events net_events = {
    .read = on_read, .writable = on_writable, .closed = on_closed};

/* ---- connecting ---- */

static void
connected(void *owner, struct net_conn *net, int errno_code)
{
    struct connection *conn = owner;
    const struct plan *plan = conn->worker->plan;
    const struct h2_options options = {.role = H2_CLIENT,
        .stream_window = STREAM_WINDOW,
        .connection_window = CONNECTION_WINDOW,
        .max_stream_window = CONNECTION_WINDOW};

    conn->connect = NULL;
    if (net == NULL) {
        lose(conn, strerror(errno_code));
        return;
    }
    conn->net = net;
    conn->h2 = h2_conn_new(&options);
    if (conn->h2 == NULL ||
        (plan->tls != NULL && net_conn_start_tls(net, plan->tls, plan->host) != WEIR_OK)) {
        lose(conn, "no memory");
        return;
    }
    net_conn_open(net, &net_events, conn);
    touch(conn);
}

void
connection_open(struct connection *conn)
{
    struct worker *worker = conn->worker;
    const struct plan *plan = worker->plan;
    size_t address = conn->address % plan->address_count;

    if (net_connect(worker->loop, &plan->addresses[address], CONNECT_TIMEOUT, connected, conn,
            &conn->connect) != WEIR_OK) {
        conn->connect = NULL;
        worker_fail(worker, "no memory");
    } else if (loop_timer_start(worker->loop, &conn->again, weir_now() + 2 * CONNECT_TIMEOUT) !=
               WEIR_OK) {
        worker_fail(worker, "no memory");
    }
}

static void
open_at(struct connection *conn, int64_t due)
{
    if (loop_timer_start(conn->worker->loop, &conn->again, due) != WEIR_OK)
        worker_fail(conn->worker, "no memory");
}

static void
time_is_up(struct loop_timer *timer)
{
    struct connection *conn = container_of(timer, struct connection, again);

    worker_read_clock(conn->worker);
    if (conn->net == NULL && conn->connect == NULL)
        connection_open(conn);
    else
        lose(conn, "no HTTP/2 SETTINGS in time");
}

/* ---- calls ---- */

bool
connection_begin(struct connection *conn)
{
    struct stream *stream = conn->free;
    int64_t due;

    if (!conn->ready || conn->leaves || stream == NULL || !worker_next(conn->worker, &due))
        return false;
    conn->free = stream->next_free;
    if (!stream_begin(stream, due)) {
        connection_put(conn, stream);
        return false;
    }
    touch(conn);
    return true;
}

void
connection_fill(struct connection *conn)
{
    if (conn->worker->rate > 0)
        return;
    while (connection_begin(conn))
        continue;
}

void
connection_put(struct connection *conn, struct stream *stream)
{
    stream->h2 = NULL;
    stream->next_free = conn->free;
    conn->free = stream;
}

/* ---- header blocks ---- */

/* A block keeps its identity while a reference is held: the decoder returns the same block for the
 * same bytes. */
static void
keep(struct h2_block **kept, struct h2_block *block)
{
    if (*kept != NULL)
        h2_block_unref(*kept);
    *kept = h2_block_ref(block);
}

weir_code
connection_read_begin(struct connection *conn, struct h2_block *block, const char **out_text)
{
    weir_str encoding;
    weir_code code;

    if (block == conn->good_begin)
        return WEIR_OK;
    arena_reset(&conn->arena);
    code = wire_response_read(block, &conn->arena, &encoding, out_text);
    if (code == WEIR_OK)
        keep(&conn->good_begin, block);
    return code;
}

weir_code
connection_read_end(struct connection *conn, struct h2_block *block, const char **out_text)
{
    weir_code code;

    if (block == conn->good_end)
        return WEIR_OK;
    arena_reset(&conn->arena);
    code = wire_trailers_read(block, &conn->arena, out_text);
    if (code == WEIR_OK)
        keep(&conn->good_end, block);
    return code;
}

/* ---- setup ---- */

bool
connection_init(struct connection *conn, struct worker *worker)
{
    uint32_t count = worker->plan->options->streams;

    conn->worker = worker;
    arena_init(&conn->arena, NULL, 0);
    loop_timer_init(&conn->again, time_is_up);
    loop_task_init(&conn->flush, flush_task);
    conn->streams = calloc(count, sizeof(*conn->streams));
    if (conn->streams == NULL)
        return false;
    for (uint32_t i = count; i-- > 0;) {
        conn->streams[i].conn = conn;
        connection_put(conn, &conn->streams[i]);
    }
    return true;
}

void
connection_fini(struct connection *conn)
{
    free(conn->streams);
    arena_fini(&conn->arena);
}
