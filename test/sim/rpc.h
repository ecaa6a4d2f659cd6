/* SPDX-License-Identifier: Apache-2.0 */
/* A world for whole calls: a server and channels of Weir as they are, with their loops, fibers,
 * timers, transports and retries, in one thread. The clock, the network, the allocator and which
 * loop gets its turn are a seed's.
 *
 *   rpc.c       clock, allocator, loops; the world's beginning and end
 *   network.c   in the place of net/pipe.c: chunks that take their time, silences, cuts
 *   people.c    handlers and clients; what each call must be like follows from its key
 */
/* Threads: one. */
#pragma once

#include "chance.h"
#include "loop/loop.h"
#include "sim.h"
#include <stdbool.h>
#include <weir/weir.h>

enum { RPC_CHANNELS = 4, RPC_CLIENTS = 32 };

struct rpc_kind {
    unsigned channels, clients;
    bool cuts;    /* connections break, and fall silent for a while */
    bool poor;    /* some allocations fail */
    bool ages;    /* connections are told to go (GOAWAY) */
    bool retries; /* calls are tried again */
    bool hedges;  /* several attempts at once; not together with retries */
    bool wrapped; /* interceptors on both sides */
    bool hurried; /* calls have short deadlines */
    bool cancels; /* clients change their minds */
    bool packed;  /* messages are compressed */
    bool drowsy;  /* handlers sleep */
};

struct rpc_client {
    struct weir_channel *channel;
    weir_call *call;   /* NULL: none that can be cancelled */
    int64_t cancel_at; /* WEIR_NEVER: not */
};

struct rpc_world {
    struct rpc_kind kind;
    struct chance chance;
    struct sim_result *result;
    uint64_t events; /* so many; then nothing new begins, and all must come to its end */
    int64_t now;
    bool begun, ending;
    weir_server *server;
    weir_loop *server_loop, *client_loop;
    unsigned awake; /* clients that have not ended */
    struct rpc_client clients[RPC_CLIENTS];
    uint32_t next_key;
};

extern struct rpc_world *rpc_world;

/* Something happened; `what` goes into the trace. */
void rpc_note(uint64_t what);
void rpc_fault(const char *what);

/* A duration up to `most`. */
int64_t rpc_duration(int64_t most);

/* ---- network.c ---- */

/* When bytes come next; WEIR_NEVER: none are under way. */
int64_t network_next(void);
/* Let come what is due, and break what breaks. */
void network_run(void);
/* Break every connection that is left. */
void network_cut_all(void);

/* ---- people.c ---- */

WEIR_CHECK weir_code people_serve(weir_server *server);
void people_begin(void *client); /* a fiber's */
weir_interceptor people_pass;    /* takes note, and lets pass */
void people_reset(void);
