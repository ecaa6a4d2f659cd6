/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of a tracer. */
/* Threads: fields used by calls are constant or atomic; the lock is for the exporter and the thread
 * that stops it. */
#pragma once

#include "tracing/exporter.h"
#include <pthread.h>
#include <weir/channel.h>

#define TRACER_STRIPES 16

/* A counter on a cache line of its own, which other loops rarely touch. */
struct tracer_stripe {
    _Alignas(64) atomic_uint_fast64_t count;
};

struct weir_tracer {
    uint64_t secret[3]; /* key of the random ids */
    uint64_t threshold; /* a trace is recorded if its id's 56 random bits reach it */
    struct tracer_stripe stripes[TRACER_STRIPES];
    struct queue queue;
    atomic_uint_fast64_t dropped_full;

    char *service_name, *service_version, *server_host;
    int server_port; /* 0: no address */
    weir_loop *loop; /* NULL: no export */
    weir_channel *channel;
    struct exporter exporter;
    int wake;          /* eventfd: a batch is ready, or stop */
    atomic_bool woken; /* for a batch that the exporter has not seen yet */

    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool running, stopping, cut;
    int64_t stop_at;
    weir_call *call; /* the running export */
};

/* Unique random numbers for a call. */
void tracer_ids(struct weir_tracer *tracer, const weir_call *call, uint64_t out_ids[3]);

/* Queue a span, or count it as dropped. */
void tracer_push(struct weir_tracer *tracer, const struct span *span);

/* Sends to the collector. */
exporter_send tracer_send;

/* Spans converted to an OTLP request; freed with pack_free. NULL: no memory. */
struct pack;
struct pack *pack_new(const struct weir_tracer *tracer, const struct span *spans, size_t count);
void pack_free(struct pack *pack);
const ProtobufCMessage *pack_request(const struct pack *pack);
