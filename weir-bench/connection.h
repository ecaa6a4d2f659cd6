/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server, made anew when it is lost, and the calls on it. */
/* Threads: its worker's. */
#pragma once

#include "weir-bench/stream.h"

struct connection {
    struct worker *worker;
    struct net_connect *connect; /* while it connects */
    struct net_conn *net;        /* NULL while it does not */
    struct h2_conn *h2;
    bool ready;  /* the server's SETTINGS have come */
    bool leaves; /* the server takes no new calls on it */
    bool was_ready;
    bool broken; /* by what was read; closed when that is through */
    size_t kept; /* bytes of a frame that is not whole yet, which come again */
    char why[160];
    size_t address;          /* the next to try */
    struct loop_timer again; /* until it connects again, or gives up connecting */
    struct loop_task flush;
    struct stream *streams, *free;
    struct h2_block *good_begin, *good_end; /* blocks that were found to be OK; references */
    struct arena arena;                     /* for texts of those that are not */
};

/* False: no memory; fini takes it all the same. */
bool connection_init(struct connection *conn, struct worker *worker);
void connection_fini(struct connection *conn);

void connection_open(struct connection *conn);

/* For good: no event follows. */
void connection_close(struct connection *conn);

/* Begin one call, if the worker has one that may begin. False: not here, or none. */
bool connection_begin(struct connection *conn);

/* Without a rate: begin calls on all that is free. */
void connection_fill(struct connection *conn);

/* ---- for its streams ---- */

/* A stream has become free. */
void connection_put(struct connection *conn, struct stream *stream);

/* What response headers, and trailers, say. The text lives until the next of either. */
weir_code connection_read_begin(
    struct connection *conn, struct h2_block *block, const char **out_text);
weir_code connection_read_end(
    struct connection *conn, struct h2_block *block, const char **out_text);
