/* SPDX-License-Identifier: Apache-2.0 */
/* The baseline for large messages: the cost of the sockets alone.
 *   bench-bulk --listen HOST:PORT                 receives a message into one buffer, sends it back
 *   bench-bulk --connect HOST:PORT TIMES SIZE     sends TIMES messages one by one, and compares
 *
 * A message is a four-byte length and that many bytes. For each readiness event of epoll, the
 * server reads as much as there is and writes as much as the socket accepts; the event comes when a
 * large part of the message has arrived. The client prints "answered N seconds S", like
 * bench-stream. */
/* Threads: one. */
#define _GNU_SOURCE
#include "link.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PREFIX = 4, SIZE_MAX_HERE = 16 * 1024 * 1024, PIECE = 512 * 1024 };

/* The prefix precedes the message in the same buffer. */
struct bulk {
    int fd;
    uint8_t *bytes;
    size_t have, sent;
    int lowat; /* the socket's SO_RCVLOWAT; 0 at first */
    bool polls_out;
};

/* Size of the message with its prefix; that of the prefix until it has arrived. 0: too large. */
static size_t
whole(const struct bulk *bulk)
{
    uint32_t len;

    if (bulk->have < PREFIX)
        return PREFIX;
    memcpy(&len, bulk->bytes, PREFIX);
    len = ntohl(len);
    return len > SIZE_MAX_HERE ? 0 : PREFIX + len;
}

/* Read until the socket is empty. False: the peer has gone, or violates the protocol. */
static bool
read_all(struct bulk *bulk)
{
    while (bulk->have < PREFIX || bulk->have < whole(bulk)) {
        size_t room = bulk->have < PREFIX ? PREFIX + SIZE_MAX_HERE : whole(bulk);
        ssize_t got = recv(bulk->fd, bulk->bytes + bulk->have, room - bulk->have, 0);

        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return false;
        bulk->have += (size_t)got;
        if (bulk->have >= PREFIX && whole(bulk) == 0)
            return false;
    }
    return true;
}

/* Set SO_RCVLOWAT to wake up when a large part of the message has arrived, or the next one begins.
 */
static void
wait_for_much(struct bulk *bulk)
{
    size_t left = bulk->have <= PREFIX ? 1 : whole(bulk) - bulk->have;
    int lowat = left == 0 ? 1 : left < PIECE ? (int)left : PIECE;

    if (lowat != bulk->lowat)
        (void)setsockopt(bulk->fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, sizeof lowat);
    bulk->lowat = lowat;
}

static bool
write_back(struct bulk *bulk, int epoll)
{
    size_t len = whole(bulk);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = bulk};
    bool blocked;

    while (bulk->sent < len) {
        ssize_t sent = send(bulk->fd, bulk->bytes + bulk->sent, len - bulk->sent, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent < 0)
            break;
        bulk->sent += (size_t)sent;
    }
    blocked = bulk->sent < len;
    if (!blocked)
        bulk->have = bulk->sent = 0;
    if (blocked == bulk->polls_out)
        return true;
    bulk->polls_out = blocked;
    event.events |= blocked ? EPOLLOUT : 0;
    return epoll_ctl(epoll, EPOLL_CTL_MOD, bulk->fd, &event) == 0;
}

static bool
on_event(struct bulk *bulk, int epoll)
{
    if (!read_all(bulk))
        return false;
    wait_for_much(bulk);
    return bulk->have < PREFIX || bulk->have < whole(bulk) || write_back(bulk, epoll);
}

static void
accept_one(int listener, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct bulk *bulk = calloc(1, sizeof *bulk);

    if (bulk == NULL)
        return;
    bulk->bytes = malloc(PREFIX + SIZE_MAX_HERE);
    bulk->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    event.data.ptr = bulk;
    link_tune(bulk->fd);
    if (bulk->bytes != NULL && bulk->fd >= 0 &&
        epoll_ctl(epoll, EPOLL_CTL_ADD, bulk->fd, &event) == 0)
        return;
    if (bulk->fd >= 0)
        close(bulk->fd);
    free(bulk->bytes);
    free(bulk);
}

static int
serve(const char *address)
{
    int listener = link_listen(address), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        fprintf(stderr, "bench-bulk: cannot listen on %s: %s\n", address, strerror(errno));
        return 1;
    }
    for (;;) {
        int count = epoll_wait(epoll, &event, 1, -1);
        struct bulk *bulk = event.data.ptr;

        if (count < 0 && errno != EINTR)
            return 1;
        if (count < 1)
            continue;
        if (bulk == NULL) {
            accept_one(listener, epoll);
        } else if (!on_event(bulk, epoll)) {
            close(bulk->fd);
            free(bulk->bytes);
            free(bulk);
        }
    }
}

static bool
exchange(int fd, const uint8_t *message, uint8_t *answer, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t some = send(fd, message + sent, len - sent, MSG_NOSIGNAL);

        if (some <= 0)
            return false;
        sent += (size_t)some;
    }
    for (size_t have = 0; have < len;) {
        ssize_t some = recv(fd, answer + have, len - have, 0);

        if (some <= 0)
            return false;
        have += (size_t)some;
    }
    return memcmp(message, answer, len) == 0;
}

static double
seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
call(const char *address, long times, long size)
{
    int fd = link_connect(address);
    size_t len = PREFIX + (size_t)size;
    uint8_t *message = malloc(len), *answer = malloc(len);
    uint32_t prefix = htonl((uint32_t)size);
    double start = seconds();
    bool good = fd >= 0 && message != NULL && answer != NULL;

    if (good) {
        link_tune(fd);
        memset(message, 'x', len);
        memcpy(message, &prefix, PREFIX);
    }
    for (long i = 0; i < times && good; i++)
        good = exchange(fd, message, answer, len);
    if (good)
        printf("answered %ld seconds %.6f\n", times, seconds() - start);
    else
        fprintf(stderr, "bench-bulk: %s: %s\n", address, strerror(errno));
    free(message);
    free(answer);
    if (fd >= 0)
        close(fd);
    return good ? 0 : 1;
}

static bool
parse_count(const char *text, long most, long *out_count)
{
    char *end;

    errno = 0;
    *out_count = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_count > 0 && *out_count <= most;
}

int
main(int argc, char **argv)
{
    long times, size;

    if (argc == 3 && strcmp(argv[1], "--listen") == 0)
        return serve(argv[2]);
    if (argc == 5 && strcmp(argv[1], "--connect") == 0 && parse_count(argv[3], INT32_MAX, &times) &&
        parse_count(argv[4], SIZE_MAX_HERE, &size))
        return call(argv[2], times, size);
    fprintf(stderr, "usage: bench-bulk --listen HOST:PORT | --connect HOST:PORT TIMES SIZE\n");
    return 2;
}
