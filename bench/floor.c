/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under every benchmark: what the sockets alone cost.
 *
 * One thread with epoll walks HTTP/2 frame headers and answers each request's END_STREAM with the
 * same prebuilt bytes, the stream id patched in; nothing is decoded. One read and one write a
 * readiness, as a real server does that gathers its output. */
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

/* HEADERS :status 200, content-type application/grpc; DATA with EchoMessage {text: 32 bytes} behind
 * its 5-byte prefix; HEADERS grpc-status 0 with END_STREAM. */
static const uint8_t answer[] = "\0\0\x14\1\4\0\0\0\0"
                                "\x88\x0f\x10\x10"
                                "application/grpc"
                                "\0\0\x27\0\0\0\0\0\0"
                                "\0\0\0\0\x22\x0a\x20"
                                "the quick brown fox jumps over a"
                                "\0\0\x0f\1\5\0\0\0\0"
                                "\0\x0bgrpc-status\1"
                                "0";

/* Where the three frames' stream ids are. */
enum {
    ANSWER_LEN = sizeof(answer) - 1,
    ID_HEADERS = 5,
    ID_DATA = LINK_FRAME_HEADER + 20 + 5,
    ID_TRAILERS = ID_DATA + 4 + 39 + 5,
};
_Static_assert(ANSWER_LEN == 3 * LINK_FRAME_HEADER + 20 + 39 + 15, "the answer's frames add up");

struct server {
    int epoll;
    int listener;
    uint8_t scratch[LINK_SCRATCH];
};

static bool
on_frame(struct link *link, const struct link_frame *frame)
{
    uint8_t *at;

    if ((frame->type != FRAME_DATA && frame->type != FRAME_HEADERS) ||
        (frame->flags & FLAG_END_STREAM) == 0)
        return true;
    if (!link_put(link, answer, ANSWER_LEN))
        return false;
    at = link->out + link->out_len - ANSWER_LEN;
    memcpy(at + ID_HEADERS, frame->stream_id, 4);
    memcpy(at + ID_DATA, frame->stream_id, 4);
    memcpy(at + ID_TRAILERS, frame->stream_id, 4);
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
        struct link *link = calloc(1, sizeof *link);

        if (link == NULL || !link_open(link, server->epoll, fd, false)) {
            free(link);
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

int
main(int argc, char **argv)
{
    static struct server server;

    if (argc != 3 || strcmp(argv[1], "--listen") != 0) {
        fprintf(stderr, "usage: bench-floor --listen HOST:PORT\n");
        return 2;
    }
    server.listener = link_listen(argv[2]);
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server.listener < 0 || server.epoll < 0) {
        fprintf(stderr, "bench-floor: cannot listen on %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    return serve(&server);
}
