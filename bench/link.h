/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 connection for the benchmarks' own programs: frame headers, buffers, and the required
 * responses (RFC 9113: SETTINGS and PING acknowledgements, WINDOW_UPDATE). It shares no code with
 * the code that it measures. */
/* Threads: a link belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINK_FRAME_HEADER = 9,
    LINK_MAX_FRAME = 16384, /* SETTINGS_MAX_FRAME_SIZE, whose default we keep */
    LINK_SCRATCH = 256 * 1024,
    LINK_PATIENCE = 60, /* seconds of silence before we give up on the peer */
};

enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
};

enum {
    FLAG_ACK = 0x1,
    FLAG_END_STREAM = 0x1,
    FLAG_END_HEADERS = 0x4,
    FLAG_PADDED = 0x8,
    FLAG_PRIORITY = 0x20,
};

struct link_frame {
    uint8_t type, flags;
    const uint8_t *stream_id; /* four bytes, big-endian */
    const uint8_t *payload;
    uint32_t len;
};

struct link {
    int fd;
    int epoll;
    bool polls_out;     /* EPOLLOUT is polled for */
    bool wants_preface; /* a server that has not received the client's preface yet */
    bool waits;         /* reads block, because nothing polls */
    uint32_t received;  /* DATA bytes since the last WINDOW_UPDATE */
    size_t kept;        /* bytes of an incomplete frame */
    uint8_t keep[LINK_FRAME_HEADER + LINK_MAX_FRAME];
    uint8_t *out;
    size_t out_len, out_cap, out_sent;
};

/* A non-blocking socket listening on "HOST:PORT", or a blocking one connected to it; -1 on error,
 * with errno. */
int link_listen(const char *address);
int link_connect(const char *address);

/* Disable Nagle's algorithm, and pacing, which on one machine costs as much as sending itself; Weir
 * does the same. */
void link_tune(int fd);

/* Stop polling an open link: reads and writes block instead, a read for at most LINK_PATIENCE.
 * False: errno says why. */
bool link_wait(struct link *link);

/* Attach a socket to a zeroed link: poll it, with the link as event data, and queue our side's
 * preface and SETTINGS. False: no memory or no room in epoll; the socket still belongs to the
 * caller. */
bool link_open(struct link *link, int epoll, int fd, bool client);

/* Close the socket and free the buffer, but not the link itself. */
void link_close(struct link *link);

/* Read once, and call on_frame for each complete frame, including SETTINGS and PING, which are
 * answered here. scratch holds LINK_SCRATCH bytes. False: the peer has gone or violated the
 * protocol, or on_frame returned false. */
typedef bool link_on_frame(struct link *link, const struct link_frame *frame);
bool link_read(struct link *link, uint8_t *scratch, link_on_frame *on_frame);

/* Queue bytes. False: no memory, or the peer does not read. */
bool link_put(struct link *link, const void *bytes, size_t len);

/* Write as much of the queued bytes as the socket accepts. False: the peer has gone. */
bool link_flush(struct link *link);
