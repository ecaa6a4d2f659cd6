/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 frames over a socket, with one read and one write per readiness event. */
#define _GNU_SOURCE
#include "link.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    MAX_HOST = 256,
    MAX_OUTPUT = 64 * 1024 * 1024, /* a peer that does not read is disconnected */
};

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN (sizeof(PREFACE) - 1)

/* The connection's window: 1 GiB above the default, replenished when half of it is used. */
#define WINDOW (UINT32_C(1) << 30)

/* SETTINGS with INITIAL_WINDOW_SIZE = 2^31-1, then WINDOW_UPDATE of WINDOW on stream 0. */
static const uint8_t greeting[] = {0, 0, 6, FRAME_SETTINGS, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff,
    0xff, 0, 0, 4, FRAME_WINDOW_UPDATE, 0, 0, 0, 0, 0, 0x40, 0, 0, 0};

static const uint8_t settings_ack[] = {0, 0, 0, FRAME_SETTINGS, FLAG_ACK, 0, 0, 0, 0};
static const uint8_t window_update[] = {0, 0, 4, FRAME_WINDOW_UPDATE, 0, 0, 0, 0, 0, 0x20, 0, 0, 0};

static struct addrinfo *
lookup(const char *address)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    char host[MAX_HOST];

    errno = EINVAL;
    if (colon == NULL || (size_t)(colon - address) >= sizeof host)
        return NULL;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    return getaddrinfo(host, colon + 1, &hints, &found) == 0 ? found : NULL;
}

static int
close_keeping_errno(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
    return -1;
}

int
link_listen(const char *address)
{
    struct addrinfo *found = lookup(address);
    int one = 1, fd;

    if (found == NULL)
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
            bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0))
        fd = close_keeping_errno(fd);
    freeaddrinfo(found);
    return fd;
}

int
link_connect(const char *address)
{
    struct addrinfo *found = lookup(address);
    int fd;

    if (found == NULL)
        return -1;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0)
        fd = close_keeping_errno(fd);
    freeaddrinfo(found);
    return fd;
}

void
link_tune(int fd)
{
    static const char plain[] = "reno";
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof plain - 1);
}

bool
link_open(struct link *link, int epoll, int fd, bool client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};

    link->fd = fd;
    link->epoll = epoll;
    link->wants_preface = !client;
    if (client && !link_put(link, PREFACE, PREFACE_LEN))
        return false;
    if (!link_put(link, greeting, sizeof greeting) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(link->out);
        return false;
    }
    link_tune(fd);
    return true;
}

bool
link_wait(struct link *link)
{
    struct timeval patience = {.tv_sec = LINK_PATIENCE};

    link->waits = true;
    return epoll_ctl(link->epoll, EPOLL_CTL_DEL, link->fd, NULL) == 0 &&
           setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
}

void
link_close(struct link *link)
{
    close(link->fd);
    free(link->out);
}

static bool
reserve(struct link *link, size_t more)
{
    size_t need = link->out_len + more;
    size_t cap = link->out_cap == 0 ? 128 : link->out_cap;
    uint8_t *grown;

    if (need <= link->out_cap)
        return true;
    if (need > MAX_OUTPUT)
        return false;
    while (cap < need)
        cap *= 2;
    grown = realloc(link->out, cap);
    if (grown == NULL)
        return false;
    link->out = grown;
    link->out_cap = cap;
    return true;
}

bool
link_put(struct link *link, const void *bytes, size_t len)
{
    if (!reserve(link, len))
        return false;
    memcpy(link->out + link->out_len, bytes, len);
    link->out_len += len;
    return true;
}

/* Replenish the connection's window by halves (RFC 9113, section 6.9). */
static bool
credit(struct link *link, uint32_t len)
{
    link->received += len;
    if (link->received < WINDOW / 2)
        return true;
    link->received -= WINDOW / 2;
    return link_put(link, window_update, sizeof window_update);
}

static bool
put_ping_ack(struct link *link, const struct link_frame *frame)
{
    uint8_t ack[LINK_FRAME_HEADER + 8] = {0, 0, 8, FRAME_PING, FLAG_ACK};

    if (frame->len != 8)
        return false;
    memcpy(ack + LINK_FRAME_HEADER, frame->payload, 8);
    return link_put(link, ack, sizeof ack);
}

static bool
keep_house(struct link *link, const struct link_frame *frame)
{
    if (frame->type == FRAME_DATA)
        return credit(link, frame->len);
    if (frame->type == FRAME_SETTINGS && (frame->flags & FLAG_ACK) == 0)
        return link_put(link, settings_ack, sizeof settings_ack);
    if (frame->type == FRAME_PING && (frame->flags & FLAG_ACK) == 0)
        return put_ping_ack(link, frame);
    return true;
}

/* Process complete frames, and keep the rest for the next read. */
static bool
walk(struct link *link, const uint8_t *bytes, const uint8_t *end, link_on_frame *on_frame)
{
    while (end - bytes >= LINK_FRAME_HEADER) {
        struct link_frame frame = {.type = bytes[3],
            .flags = bytes[4],
            .stream_id = bytes + 5,
            .payload = bytes + LINK_FRAME_HEADER,
            .len = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2]};

        if (frame.len > LINK_MAX_FRAME)
            return false;
        if (end - frame.payload < (ptrdiff_t)frame.len)
            break;
        if (!keep_house(link, &frame) || !on_frame(link, &frame))
            return false;
        bytes = frame.payload + frame.len;
    }
    link->kept = (size_t)(end - bytes);
    memcpy(link->keep, bytes, link->kept);
    return true;
}

/* Keep an incomplete preface; *out_at is the offset after a complete one. */
static bool
take_preface(struct link *link, const uint8_t *bytes, size_t len, size_t *out_at)
{
    if (len < PREFACE_LEN) {
        memcpy(link->keep, bytes, len);
        link->kept = len;
        *out_at = len;
        return true;
    }
    link->wants_preface = false;
    *out_at = PREFACE_LEN;
    return memcmp(bytes, PREFACE, PREFACE_LEN) == 0;
}

bool
link_read(struct link *link, uint8_t *scratch, link_on_frame *on_frame)
{
    size_t len = link->kept, at = 0;
    ssize_t more;

    memcpy(scratch, link->keep, len);
    more = recv(link->fd, scratch + len, LINK_SCRATCH - len, link->waits ? 0 : MSG_DONTWAIT);
    if (more <= 0)
        return more < 0 && errno == EAGAIN && !link->waits;
    len += (size_t)more;
    if (link->wants_preface && !take_preface(link, scratch, len, &at))
        return false;
    return link->wants_preface || walk(link, scratch + at, scratch + len, on_frame);
}

static void
poll_for(struct link *link, bool out)
{
    struct epoll_event event = {.events = out ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = link};

    if (link->polls_out != out && epoll_ctl(link->epoll, EPOLL_CTL_MOD, link->fd, &event) == 0)
        link->polls_out = out;
}

bool
link_flush(struct link *link)
{
    ssize_t sent;

    if (link->out_len == link->out_sent)
        return true;
    sent = send(link->fd, link->out + link->out_sent, link->out_len - link->out_sent,
        MSG_NOSIGNAL | (link->waits ? 0 : MSG_DONTWAIT));
    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent > 0)
        link->out_sent += (size_t)sent;
    if (link->out_sent == link->out_len)
        link->out_sent = link->out_len = 0;
    poll_for(link, link->out_len > 0);
    return true;
}
