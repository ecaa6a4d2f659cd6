/* SPDX-License-Identifier: Apache-2.0 */
/* One call: what it sends and receives, and how it ends. */
/* Threads: belongs to its worker's thread. */
#pragma once

#include "weir-bench/worker.h"

/* A slot for one call after another. Initially zero except for `conn`. */
struct stream {
    struct connection *conn;
    struct h2_stream *h2; /* NULL: free */
    struct stream *next_free;
    uint64_t number;   /* of the call: another one may begin in this slot while an event is
                          processed */
    int64_t due;       /* when the call began, or should have begun */
    int64_t sent_at;   /* time of the last message */
    uint64_t sent;     /* bytes */
    uint32_t received; /* messages */
    uint32_t left;     /* bytes missing from the message being received */
    uint32_t prefix_len;
    uint8_t prefix[WIRE_PREFIX_SIZE];
};

/* Begin a call. False: the server accepts no more streams on this connection. */
bool stream_begin(struct stream *stream, int64_t due);

/* Process an event of its HTTP/2 stream. */
void stream_on_event(struct stream *stream, const struct h2_event *event);

/* End the call, because its connection is lost. */
void stream_on_lost(struct stream *stream, const char *why);
