/* SPDX-License-Identifier: Apache-2.0 */
/* One call: what it sends, what comes back, when it is over. */
/* Threads: its worker's. */
#pragma once

#include "weir-bench/worker.h"

/* A place for one call after another. Zero but for `conn` at first. */
struct stream {
    struct connection *conn;
    struct h2_stream *h2; /* NULL: free */
    struct stream *next_free;
    uint64_t number;   /* of the call: another one may begin while an event is handled */
    int64_t due;       /* when the call began, or ought to have */
    int64_t sent_at;   /* the last message */
    uint64_t sent;     /* bytes */
    uint32_t received; /* messages */
    uint32_t left;     /* bytes of the message that is coming */
    uint32_t prefix_len;
    uint8_t prefix[WIRE_PREFIX_SIZE];
};

/* Begin a call. False: the server takes no more streams on this connection. */
bool stream_begin(struct stream *stream, int64_t due);

/* What comes for its HTTP/2 stream. */
void stream_on_event(struct stream *stream, const struct h2_event *event);

/* Its connection is lost. */
void stream_on_lost(struct stream *stream, const char *why);
