/* SPDX-License-Identifier: Apache-2.0 */
/* The echo service on nghttp2 and epoll, one thread: a request's bytes go back as they came. What a
 * framework adds, messages that are read and written, a deadline, metadata, is not in it. */
/* Threads: one. */
#define _GNU_SOURCE
#include "link.h"
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256, SCRATCH = 256 * 1024, FIRST_BODY = 128 };

struct connection {
    int fd;
    nghttp2_session *session;
    uint8_t *out; /* what the socket did not take */
    size_t out_len, out_sent, out_cap;
    bool polls_out;
};

struct request {
    uint8_t *body;
    size_t len, cap, sent;
    uint8_t first[FIRST_BODY];
};

struct server {
    int epoll, listener;
    nghttp2_session_callbacks *callbacks;
    uint8_t scratch[SCRATCH];
};

static struct server server;

#define FIELD(name, value)                                                          \
    {                                                                               \
        (uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1, \
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE            \
    }

/* ---- a request ---- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct request *request = calloc(1, sizeof(*request));

    (void)user;
    if (request == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    request->body = request->first;
    request->cap = FIRST_BODY;
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, request);
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t len,
    void *user)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, stream);
    uint8_t *larger;

    (void)flags;
    (void)user;
    if (request->len + len > request->cap) {
        request->cap = 2 * (request->len + len);
        larger = malloc(request->cap);
        if (larger == NULL)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        memcpy(larger, request->body, request->len);
        if (request->body != request->first)
            free(request->body);
        request->body = larger;
    }
    memcpy(request->body + request->len, data, len);
    request->len += len;
    return 0;
}

static ssize_t
read_answer(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *user)
{
    static const nghttp2_nv trailers[] = {FIELD("grpc-status", "0")};
    struct request *request = source->ptr;
    size_t len = request->len - request->sent < room ? request->len - request->sent : room;

    (void)user;
    memcpy(out, request->body + request->sent, len);
    request->sent += len;
    if (request->sent == request->len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream, trailers, 1) != 0)
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)len;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    static const nghttp2_nv headers[] = {
        FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
    nghttp2_data_provider answer = {.read_callback = read_answer};

    (void)user;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    answer.source.ptr = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    return nghttp2_submit_response(session, frame->hd.stream_id, headers, 2, &answer);
}

static int
on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct request *request = nghttp2_session_get_stream_user_data(session, stream);

    (void)code;
    (void)user;
    if (request != NULL && request->body != request->first)
        free(request->body);
    free(request);
    return 0;
}

/* ---- a connection ---- */

static void
close_connection(struct connection *connection)
{
    nghttp2_session_del(connection->session);
    close(connection->fd);
    free(connection->out);
    free(connection);
}

static bool
put(struct connection *connection, const uint8_t *bytes, size_t len)
{
    uint8_t *larger;

    if (connection->out_len + len > connection->out_cap) {
        connection->out_cap = 2 * (connection->out_len + len);
        larger = realloc(connection->out, connection->out_cap);
        if (larger == NULL)
            return false;
        connection->out = larger;
    }
    memcpy(connection->out + connection->out_len, bytes, len);
    connection->out_len += len;
    return true;
}

static bool
poll_out(struct connection *connection, bool on)
{
    struct epoll_event event = {
        .events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0), .data.ptr = connection};

    if (connection->polls_out == on)
        return true;
    connection->polls_out = on;
    return epoll_ctl(server.epoll, EPOLL_CTL_MOD, connection->fd, &event) == 0;
}

/* Gather what the session has to say, and write it at once. */
static bool
flush(struct connection *connection)
{
    const uint8_t *bytes;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(connection->session, &bytes)) > 0)
        if (!put(connection, bytes, (size_t)len))
            return false;
    while (connection->out_sent < connection->out_len) {
        ssize_t wrote = send(connection->fd, connection->out + connection->out_sent,
            connection->out_len - connection->out_sent, MSG_NOSIGNAL);

        if (wrote < 0)
            return errno == EAGAIN && poll_out(connection, true);
        connection->out_sent += (size_t)wrote;
    }
    connection->out_sent = connection->out_len = 0;
    return len == 0 && poll_out(connection, false);
}

static bool
take(struct connection *connection)
{
    ssize_t len = recv(connection->fd, server.scratch, SCRATCH, 0);

    if (len <= 0)
        return len < 0 && errno == EAGAIN;
    return nghttp2_session_mem_recv(connection->session, server.scratch, (size_t)len) == len;
}

static void
accept_one(int fd)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
    struct connection *connection = calloc(1, sizeof(*connection));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    if (connection == NULL ||
        nghttp2_session_server_new(&connection->session, server.callbacks, connection) != 0) {
        free(connection);
        close(fd);
        return;
    }
    connection->fd = fd;
    if (nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, 2) != 0 ||
        epoll_ctl(server.epoll, EPOLL_CTL_ADD, fd, &event) != 0 || !flush(connection))
        close_connection(connection);
}

/* ---- the server ---- */

static bool
make_callbacks(void)
{
    if (nghttp2_session_callbacks_new(&server.callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(server.callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(server.callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(server.callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(server.callbacks, on_close);
    return true;
}

static void
handle(struct connection *connection)
{
    int fd;

    if (connection != NULL) {
        if (!take(connection) || !flush(connection))
            close_connection(connection);
        return;
    }
    while ((fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        accept_one(fd);
}

static int
serve(void)
{
    struct epoll_event events[MAX_EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, server.listener, &event) != 0)
        return 1;
    for (;;) {
        int count = epoll_wait(server.epoll, events, MAX_EVENTS, -1);

        if (count < 0 && errno != EINTR)
            return 1;
        for (int i = 0; i < count; i++)
            handle(events[i].data.ptr);
    }
}

int
main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "--listen") != 0) {
        fprintf(stderr, "usage: bench-nghttp2 --listen HOST:PORT\n");
        return 2;
    }
    server.listener = link_listen(argv[2]);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.listener < 0 || server.epoll < 0 || !make_callbacks()) {
        fprintf(stderr, "bench-nghttp2: cannot listen on %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    return serve();
}
