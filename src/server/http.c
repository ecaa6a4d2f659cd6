/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a server's first loop. A connection handles one request at a time:
 *
 *   READING -> RUNNING -> WRITING -> READING ...
 *
 * READING and WRITING each have http_timeout in total; progress does not extend it. While a handler
 * runs, or a response waits for the client, nothing is read: pipelined requests stay in the kernel
 * or in the connection's unprocessed input. */
#include "server/http.h"

#include "http1/http1.h"
#include "rpc/deadline.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/http.h>

enum phase { READING, RUNNING, WRITING };

struct weir_http_exchange {
    struct http1_request request;
    const struct http1_reader *reader;
    const struct server_path *path;
    const char *type;
    struct buf body;
    int status;
    bool no_memory;
};

struct http_conn {
    struct server_loop *home;
    struct list link;
    struct net_conn *net; /* NULL: lost */
    struct http1_reader *reader;
    struct buf out;
    struct loop_timer timer;
    struct loop_timer turn; /* fires on the next turn, to process requests already read */
    struct loop_task task;  /* a parked handler has returned; later frees the connection */
    enum phase phase;
    bool parked; /* the handler did not return at once */
    bool last;   /* close once `out` is written */
    bool closed;
    struct weir_http_exchange exchange;
};

/* ---- the end ---- */

static void
reap(struct loop_task *task)
{
    struct http_conn *conn = container_of(task, struct http_conn, task);
    struct server_loop *home = conn->home;

    http1_reader_free(conn->reader);
    buf_fini(&conn->out);
    buf_fini(&conn->exchange.body);
    free(conn);
    server_loop_check_done(home);
}

static void
lose_net(struct http_conn *conn)
{
    if (conn->net != NULL)
        net_conn_close(conn->net);
    conn->net = NULL;
}

/* While a handler runs, the connection is not freed; that happens when it returns. */
static void
close_conn(struct http_conn *conn)
{
    lose_net(conn);
    if (conn->closed || conn->phase == RUNNING)
        return;
    conn->closed = true;
    loop_timer_stop(conn->home->loop, &conn->timer);
    loop_timer_stop(conn->home->loop, &conn->turn);
    list_remove(&conn->link);
    counter_sub(&conn->home->stats.http_live, 1);
    loop_task_cancel(&conn->task);
    loop_task_init(&conn->task, reap);
    loop_post(conn->home->loop, &conn->task);
}

/* ---- phases ---- */

static void
enter(struct http_conn *conn, enum phase phase)
{
    weir_loop *loop = conn->home->loop;
    int64_t timeout = conn->home->server->options.http_timeout;

    if (conn->phase == phase)
        return;
    conn->phase = phase;
    if (phase == RUNNING)
        loop_timer_stop(loop, &conn->timer);
    else if (loop_timer_start(loop, &conn->timer, deadline_after(loop_now(loop), timeout)) !=
             WEIR_OK)
        close_conn(conn);
}

/* True: the socket has accepted everything. */
static bool
flush(struct http_conn *conn)
{
    struct net_span span = {buf_head(&conn->out), buf_len(&conn->out)};

    if (conn->net == NULL || span.len == 0)
        return true;
    buf_take(&conn->out, net_conn_write(conn->net, &span, 1));
    return buf_len(&conn->out) == 0;
}

/* Wait for the next event, since nothing more can be done now. */
static void
settle(struct http_conn *conn)
{
    if (conn->closed)
        return;
    if (conn->phase == RUNNING && conn->parked) {
        if (conn->net != NULL)
            net_conn_pause(conn->net);
        return;
    }
    if (!flush(conn)) {
        net_conn_pause(conn->net);
        enter(conn, WRITING);
        return;
    }
    enter(conn, READING);
    buf_reset(&conn->out, 0);
    if (conn->last || conn->net == NULL || atomic_load(&conn->home->server->busy_loops) == 0)
        close_conn(conn);
    else if (!conn->closed)
        net_conn_resume(conn->net);
}

/* ---- answers ---- */

static void
answer(struct http_conn *conn, struct http1_answer *answer)
{
    answer->now = weir_unix_seconds();
    answer->close = conn->last = conn->last || conn->home->draining;
    if (!http1_answer_write(&conn->out, answer))
        conn->last = true;
}

static void
answer_status(struct http_conn *conn, int status, bool head)
{
    const char *reason = http1_reason(status);
    char text[64];
    struct http1_answer plain = {.status = status,
        .type = "text/plain; charset=utf-8",
        .head = head,
        .allow = status == 405};

    snprintf(text, sizeof(text), "%s\n", reason);
    plain.body = weir_str_of(text);
    answer(conn, &plain);
}

/* ---- handlers ---- */

static void
went_on(struct loop_task *task)
{
    struct http_conn *conn = container_of(task, struct http_conn, task);

    conn->parked = false;
    enter(conn, WRITING);
    settle(conn);
}

static void
conclude(struct http_conn *conn)
{
    struct weir_http_exchange *exchange = &conn->exchange;
    struct http1_answer own = {.status = exchange->status,
        .type = exchange->type,
        .body = {(const char *)buf_head(&exchange->body), buf_len(&exchange->body)},
        .head = exchange->request.method == HTTP1_HEAD};

    if (exchange->no_memory)
        answer_status(conn, 503, own.head);
    else
        answer(conn, &own);
    buf_fini(&exchange->body);
    exchange->body = (struct buf)BUF_EMPTY;
}

static void
run_handler(void *arg)
{
    struct http_conn *conn = arg;
    const struct server_path *path = conn->exchange.path;

    path->handler(path->self, &conn->exchange);
    conclude(conn);
    if (conn->parked)
        loop_post(conn->home->loop, &conn->task);
    else
        enter(conn, WRITING);
}

static void
start_handler(struct http_conn *conn)
{
    conn->parked = false;
    enter(conn, RUNNING);
    if (fiber_start(conn->home->loop, run_handler, conn) != WEIR_OK) {
        answer_status(conn, 503, conn->exchange.request.method == HTTP1_HEAD);
        enter(conn, WRITING);
    }
    conn->parked = conn->phase == RUNNING;
}

static void
take_request(struct http_conn *conn, const struct http1_request *request)
{
    const struct server_path *path = map_lookup(&conn->home->server->paths, request->path);

    counter_add(&conn->home->stats.http_requests, 1);
    conn->last |= !request->keep_alive;
    if (path == NULL) {
        answer_status(conn, 404, request->method == HTTP1_HEAD);
        enter(conn, WRITING);
    } else if (request->method == HTTP1_OTHER) {
        answer_status(conn, 405, false);
        enter(conn, WRITING);
    } else {
        conn->exchange = (struct weir_http_exchange){.request = *request,
            .reader = conn->reader,
            .path = path,
            .type = "text/plain; charset=utf-8",
            .status = 200};
        start_handler(conn);
    }
}

static bool
is_size_limit(int status)
{
    return status == 413 || status == 414 || status == 431;
}

static void
refuse(struct http_conn *conn)
{
    int status = http1_reader_status(conn->reader);

    counter_add(&conn->home->stats.limit_hits[is_size_limit(status) ? WEIR_LIMIT_HTTP_REQUEST
                                                                    : WEIR_LIMIT_HTTP_MALFORMED],
        1);
    conn->last = true;
    answer_status(conn, status, false);
}

/* ---- socket events ---- */

static bool
may_go_on(const struct http_conn *conn)
{
    return !conn->closed && conn->net != NULL && conn->phase != RUNNING && !conn->last;
}

static void
turn_has_come(struct loop_timer *timer)
{
    struct http_conn *conn = container_of(timer, struct http_conn, turn);

    if (conn->net != NULL)
        net_conn_resume(conn->net);
}

/* A client with many pipelined requests takes turns with the other clients. */
static void
leave_for_next_turn(struct http_conn *conn)
{
    weir_loop *loop = conn->home->loop;

    net_conn_pause(conn->net);
    if (loop_timer_start(loop, &conn->turn, loop_now(loop)) != WEIR_OK)
        close_conn(conn);
}

static void
on_read(void *owner, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct http_conn *conn = owner;
    struct http1_request request;
    enum http1_event event = HTTP1_REQUEST;
    bool others_wait = false;

    while (may_go_on(conn) && event != HTTP1_NEED_INPUT && flush(conn) && !others_wait) {
        event = http1_reader_next(conn->reader, &data, &len, &request);
        if (event == HTTP1_REQUEST)
            take_request(conn, &request);
        else if (event == HTTP1_FAILED)
            refuse(conn);
        others_wait = conn->net != NULL && net_conn_others_wait(conn->net);
    }
    *out_keep = conn->last ? 0 : len;
    if (event != HTTP1_NEED_INPUT || conn->phase != READING)
        settle(conn);
    if (event == HTTP1_REQUEST && len > 0 && conn->phase == READING && may_go_on(conn))
        leave_for_next_turn(conn);
}

static void
on_writable(void *owner)
{
    settle(owner);
}

static void
on_closed(void *owner, int errno_code)
{
    (void)errno_code;
    close_conn(owner);
}

static const struct net_conn_events net_events = {
    .read = on_read, .writable = on_writable, .closed = on_closed};

static void
time_over(struct loop_timer *timer)
{
    struct http_conn *conn = container_of(timer, struct http_conn, timer);

    if (conn->phase == WRITING || http1_reader_is_inside(conn->reader))
        counter_add(&conn->home->stats.limit_hits[WEIR_LIMIT_HTTP_TIME], 1);
    if (conn->phase == READING && http1_reader_is_inside(conn->reader)) {
        conn->last = true;
        answer_status(conn, 408, false);
        flush(conn);
    }
    close_conn(conn);
}

/* ---- connections ---- */

static struct http_conn *
new_conn(struct server_loop *home, struct net_conn *net)
{
    struct http_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    conn->reader = http1_reader_new(NULL);
    if (conn->reader == NULL) {
        free(conn);
        return NULL;
    }
    conn->home = home;
    conn->net = net;
    conn->phase = WRITING; /* so that entering READING starts the timer */
    loop_timer_init(&conn->timer, time_over);
    loop_timer_init(&conn->turn, turn_has_come);
    loop_task_init(&conn->task, went_on);
    return conn;
}

void
server_http_start(struct server_loop *home, struct net_conn *net)
{
    bool full = counter_read(&home->stats.http_live) >= home->server->options.max_http_connections;
    struct http_conn *conn = full ? NULL : new_conn(home, net);

    if (full)
        counter_add(&home->stats.limit_hits[WEIR_LIMIT_HTTP_CONNECTIONS], 1);
    if (conn == NULL) {
        net_conn_close(net);
        return;
    }
    counter_add(&home->stats.http_live, 1);
    list_push(&home->http_conns, &conn->link);
    net_conn_open(net, &net_events, conn);
    enter(conn, READING);
}

bool
server_http_end(struct server_loop *home)
{
    bool cut = loop_now(home->loop) >= atomic_load(&home->server->drain_until);

    server_listeners_close(home->server, &home->http_listeners);
    list_each_safe (link, &home->http_conns) {
        struct http_conn *conn = container_of(link, struct http_conn, link);

        if (cut || conn->phase == READING)
            close_conn(conn);
    }
    return counter_read(&home->stats.http_live) == 0;
}

void
server_http_free(struct weir_server *server)
{
    struct server_path *next;

    for (struct server_path *path = server->first_path; path != NULL; path = next) {
        next = path->next;
        free(path);
    }
    map_fini(&server->paths);
}

/* ---- public ---- */

weir_code
weir_server_handle(weir_server *server, const char *path, weir_http_handler *handler, void *self)
{
    struct server_path *added;

    WEIR_TRY(server_check_setup(server, path));
    if (path[0] != '/')
        return server_fail(server, WEIR_INVALID_ARGUMENT, path, "a path begins with /");
    if (map_lookup(&server->paths, weir_str_of(path)) != NULL)
        return server_fail(server, WEIR_ALREADY_EXISTS, path, "is handled already");
    added = malloc(sizeof(*added));
    if (added == NULL)
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, path, "no memory");
    *added = (struct server_path){server->first_path, handler, self};
    server->first_path = added;
    if (!map_put(&server->paths, weir_str_of(path), added))
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, path, "no memory");
    return WEIR_OK;
}

weir_str
weir_http_query(const weir_http_exchange *exchange)
{
    return exchange->request.query;
}

weir_str
weir_http_header(const weir_http_exchange *exchange, const char *name)
{
    return http1_reader_field(exchange->reader, name);
}

void
weir_http_status(weir_http_exchange *exchange, int status)
{
    exchange->status = status < 200 || status > 599 ? 500 : status;
}

void
weir_http_type(weir_http_exchange *exchange, const char *type)
{
    exchange->type = type;
}

void
weir_http_write(weir_http_exchange *exchange, const void *bytes, size_t len)
{
    exchange->no_memory |= !buf_append(&exchange->body, bytes, len);
}

void
weir_http_printf(weir_http_exchange *exchange, const char *format, ...)
{
    va_list args, again;
    uint8_t *room;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    room = len < 0 ? NULL : buf_reserve(&exchange->body, (size_t)len + 1);
    if (room == NULL) {
        exchange->no_memory = true;
    } else {
        vsnprintf((char *)room, (size_t)len + 1, format, again);
        buf_commit(&exchange->body, (size_t)len);
    }
    va_end(again);
    va_end(args);
}
