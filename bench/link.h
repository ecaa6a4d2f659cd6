/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP/2 connection as the benchmarks' own programs see it: frame headers, buffers, the
 * housekeeping that every peer owes (RFC 9113: SETTINGS and PING acknowledged, windows kept open).
 * It shares no code with what it measures. */
/* Threads: a link belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINK_FRAME_HEADER = 9,
    LINK_MAX_FRAME = 16384, /* SETTINGS_MAX_FRAME_SIZE, which we leave at its default */
    LINK_SCRATCH = 256 * 1024,
    LINK_PATIENCE = 60, /* seconds of silence, after which a peer is given up */
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
    bool polls_out;     /* EPOLLOUT is asked for */
    bool wants_preface; /* a server's end, before the client's preface */
    bool waits;         /* a read waits for bytes, as nothing polls */
    uint32_t received;  /* DATA bytes since the last WINDOW_UPDATE */
    size_t kept;        /* bytes of an unfinished frame */
    uint8_t keep[LINK_FRAME_HEADER + LINK_MAX_FRAME];
    uint8_t *out;
    size_t out_len, out_cap, out_sent;
};

/* A non-blocking socket that listens on "HOST:PORT", or a blocking one connected to it; -1 with
 * errno. */
int link_listen(const char *address);
int link_connect(const char *address);

/* Small writes at once, and no pacing, which within a machine costs as much again as it does to
 * send: what Weir does, too. */
void link_tune(int fd);

/* Poll an open link no more: reads and writes wait themselves, a read for LINK_PATIENCE at most.
 * False: errno says why. */
bool link_wait(struct link *link);

/* Take a socket over into a zeroed link: poll it, with the link as event data, and queue our side's
 * greeting. False: no memory or no room in epoll; the socket is still the caller's. */
bool link_open(struct link *link, int epoll, int fd, bool client);

/* Close the socket and free the buffer, not the link itself. */
void link_close(struct link *link);

/* One read, then on_frame for each whole frame; housekeeping frames are answered here and shown
 * too. scratch holds LINK_SCRATCH bytes. False: the peer is gone or broke the rules, or on_frame
 * said so. */
typedef bool link_on_frame(struct link *link, const struct link_frame *frame);
bool link_read(struct link *link, uint8_t *scratch, link_on_frame *on_frame);

/* Queue bytes. False: no memory, or the peer does not read. */
bool link_put(struct link *link, const void *bytes, size_t len);

/* Write what is queued, as far as the socket takes it. False: the peer is gone. */
bool link_flush(struct link *link);
