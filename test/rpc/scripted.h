/* SPDX-License-Identifier: Apache-2.0 */
/* A server that does to each request what a script says. */
/* Threads: a scripted server is its own thread's; start and stop it from one other. */
#pragma once

#include "raw.h"
#include <pthread.h>
#include <stdatomic.h>
#include <weir/base.h>

enum script_act {
    SCRIPT_ANSWER,       /* headers, a Payload "x", OK: when the request is whole */
    SCRIPT_FAIL,         /* Trailers-Only with `code` */
    SCRIPT_FAIL_LATE,    /* headers, then trailers with `code` */
    SCRIPT_MESSAGE_FAIL, /* headers, a Payload "x", then trailers with `code` */
    SCRIPT_BEGIN,        /* headers, and nothing more */
    SCRIPT_RESET,        /* RST_STREAM with `code` */
    SCRIPT_GOAWAY,       /* GOAWAY that says it has seen none of the connection's requests */
    SCRIPT_SILENCE,      /* nothing at all */
    SCRIPT_HANG_UP       /* close the connection */
};

struct script_step {
    enum script_act act;
    int code;
    size_t after;         /* bytes of DATA to wait for; 0: act on the headers, but for an answer */
    const char *pushback; /* grpc-retry-pushback-ms of the trailers; NULL: none */
};

struct script_request {
    char previous[16]; /* grpc-previous-rpc-attempts; "" without */
    char timeout[24];  /* grpc-timeout */
    char token[64];    /* authorization */
    char authority[64];
    size_t tokens;     /* how many of them */
    int64_t at;        /* when its headers came */
    atomic_bool reset; /* by the client */
    struct buf data;
};

#define SCRIPT_MOST 64

struct scripted {
    const struct script_step *steps; /* one a request; the last one serves all that follow */
    size_t step_count;
    char address[32];
    int listener;
    pthread_t thread;
    atomic_bool ends;
    atomic_size_t count; /* requests so far */
    struct script_request requests[SCRIPT_MOST];
};

void scripted_start(struct scripted *server, const struct script_step *steps, size_t count);

/* After the client's channels are freed. */
void scripted_stop(struct scripted *server);
