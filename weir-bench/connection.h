/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server, which is reconnected when it is lost, and its calls. */
/* Threads: belongs to its worker's thread. */
#pragma once

#include "weir-bench/stream.h"

struct connection {
    struct worker *worker;
    struct net_connect *connect; /* while connecting */
    struct net_conn *net;        /* NULL while not connected */
    struct h2_conn *h2;
    bool ready;  /* the server's SETTINGS have arrived */
    bool leaves; /* the server accepts no new calls on it (GOAWAY) */
    bool was_ready;
    bool broken; /* a frame was invalid; closed after the read is processed */
    size_t kept; /* bytes of an incomplete frame, which are delivered again */
    char why[160];
    size_t address;          /* index of the next address to try */
    struct loop_timer again; /* until the next attempt, or the timeout of this one */
    struct loop_task flush;
    struct stream *streams, *free;
    struct h2_block *good_begin, *good_end; /* header blocks known to mean OK; references */
    struct arena arena;                     /* for the texts of other blocks */
};

/* False: no memory; connection_fini must be called all the same. */
bool connection_init(struct connection *conn, struct worker *worker);
void connection_fini(struct connection *conn);

void connection_open(struct connection *conn);

/* Permanently; no event follows. */
void connection_close(struct connection *conn);

/* Begin one call if the worker has one that may begin. False: the connection has no free stream, or
 * the worker has no call. */
bool connection_begin(struct connection *conn);

/* Without a rate: begin calls on all free streams. */
void connection_fill(struct connection *conn);

/* ---- for its streams ---- */

/* A stream has become free. */
void connection_put(struct connection *conn, struct stream *stream);

/* The status in response headers or trailers. The text is valid until the next call of either. */
weir_code connection_read_begin(
    struct connection *conn, struct h2_block *block, const char **out_text);
weir_code connection_read_end(
    struct connection *conn, struct h2_block *block, const char **out_text);
