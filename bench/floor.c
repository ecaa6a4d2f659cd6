/* SPDX-License-Identifier: Apache-2.0 */
/* The baseline of every benchmark: the cost of the sockets alone.
 *
 * One thread with epoll parses HTTP/2 frame headers, and answers each END_STREAM of a request with
 * the same prebuilt bytes, in which only the stream id is replaced; nothing is decoded. One read
 * and one write per readiness event, like a real server that batches its output. */
/* Threads: one. */
#define _GNU_SOURCE
#include "link.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_EVENTS = 256 };

/* The response of a gRPC server: HEADERS :status 200, content-type, grpc-accept-encoding; DATA with
 * EchoMessage {text: 32 bytes} after its 5-byte prefix; HEADERS grpc-status 0 with END_STREAM. The
 * first response of a connection adds the fields to the client's dynamic table (RFC 7541,
 * section 6.2.1), later ones refer to them: 64 content-type, 63 grpc-accept-encoding, 62
 * grpc-status. */
#define FRAME(len, type, flags) "\0\0" len type flags "\0\0\0\0"
#define MESSAGE               \
    FRAME("\x27", "\0", "\0") \
    "\0\0\0\0\x22\x0a\x20the quick brown fox jumps over a"

#define FIRST_FIELDS              \
    "\x88"                        \
    "\x5f\20application/grpc"     \
    "\x40\24grpc-accept-encoding" \
    "\15identity,gzip"
#define FIRST_STATUS "\x40\13grpc-status\0010"

static const char first_answer[] =
    FRAME("\x37", "\1", "\4") FIRST_FIELDS MESSAGE FRAME("\x0f", "\1", "\5") FIRST_STATUS;
static const char later_answer[] =
    FRAME("\3", "\1", "\4") "\x88\xc0\xbf" MESSAGE FRAME("\1", "\1", "\5") "\xbe";

enum {
    FIRST_HEADERS = 55,
    LATER_HEADERS = 3,
    DATA_LEN = 39,
    FIRST_TRAILERS = 15,
    LATER_TRAILERS = 1
};

_Static_assert(
    sizeof(first_answer) - 1 == 3 * LINK_FRAME_HEADER + FIRST_HEADERS + DATA_LEN + FIRST_TRAILERS,
    "the frames add up");
_Static_assert(
    sizeof(later_answer) - 1 == 3 * LINK_FRAME_HEADER + LATER_HEADERS + DATA_LEN + LATER_TRAILERS,
    "the frames add up");

struct connection {
    struct link link;
    bool answered;
};

struct server {
    int epoll;
    int listener;
    uint8_t scratch[LINK_SCRATCH];
};

/* Write the stream id into the three frames of a response. */
static void
patch(uint8_t *headers, size_t headers_len, const uint8_t *stream_id)
{
    uint8_t *data = headers + LINK_FRAME_HEADER + headers_len;
    uint8_t *trailers = data + LINK_FRAME_HEADER + DATA_LEN;

    memcpy(headers + 5, stream_id, 4);
    memcpy(data + 5, stream_id, 4);
    memcpy(trailers + 5, stream_id, 4);
}

static bool
on_frame(struct link *link, const struct link_frame *frame)
{
    struct connection *connection = (struct connection *)link;
    const char *answer = connection->answered ? later_answer : first_answer;
    size_t len = connection->answered ? sizeof(later_answer) - 1 : sizeof(first_answer) - 1;

    if ((frame->type != FRAME_DATA && frame->type != FRAME_HEADERS) ||
        (frame->flags & FLAG_END_STREAM) == 0)
        return true;
    if (!link_put(link, answer, len))
        return false;
    patch(link->out + link->out_len - len, connection->answered ? LATER_HEADERS : FIRST_HEADERS,
        frame->stream_id);
    connection->answered = true;
    return true;
}

static void
on_event(struct server *server, const struct epoll_event *event)
{
    struct link *link = event->data.ptr;
    bool alive = true;

    if ((event->events & ~(uint32_t)EPOLLOUT) != 0)
        alive = link_read(link, server->scratch, on_frame);
    if (!alive || !link_flush(link)) {
        link_close(link);
        free(link);
    }
}

static void
accept_all(struct server *server)
{
    int fd;

    while ((fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);

        if (connection == NULL || !link_open(&connection->link, server->epoll, fd, false)) {
            free(connection);
            close(fd);
        }
    }
}

static int
serve(struct server *server)
{
    struct epoll_event events[MAX_EVENTS];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event) != 0)
        return 1;
    for (;;) {
        int count = epoll_wait(server->epoll, events, MAX_EVENTS, -1);

        if (count < 0 && errno != EINTR)
            return 1;
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(server);
            else
                on_event(server, &events[i]);
        }
    }
}

/* The value of an option; NULL: it was not given. */
static const char *
option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

int
main(int argc, char **argv)
{
    static struct server server;
    const char *address = option(argc, argv, "--listen");
    const char *fd = option(argc, argv, "--socket"); /* an inherited listening socket */

    if (address == NULL || argc != (fd == NULL ? 3 : 5)) {
        fprintf(stderr, "usage: bench-floor --listen HOST:PORT [--socket FD]\n");
        return 2;
    }
    server.listener = fd == NULL ? link_listen(address) : (int)strtol(fd, NULL, 10);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.listener < 0 || server.epoll < 0) {
        fprintf(stderr, "bench-floor: cannot listen on %s: %s\n", address, strerror(errno));
        return 1;
    }
    return serve(&server);
}
