/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a tracer. */
/* Threads: what calls use is constant or atomic; the lock is the exporter's and of who stops it. */
#pragma once

#include "tracing/exporter.h"
#include <pthread.h>
#include <weir/channel.h>

#define TRACER_STRIPES 16

/* Calls count up on a line of the cache that those of other loops seldom touch. */
struct tracer_stripe {
    _Alignas(64) atomic_uint_fast64_t count;
};

struct weir_tracer {
    uint64_t secret[3]; /* what makes ids random */
    uint64_t threshold; /* of the 56 random bits of a trace's id: from here on it is recorded */
    struct tracer_stripe stripes[TRACER_STRIPES];
    struct queue queue;
    atomic_uint_fast64_t dropped_full;

    char *service_name, *service_version, *server_host;
    int server_port; /* 0: there is no address */
    weir_loop *loop; /* NULL: nothing is exported */
    weir_channel *channel;
    struct exporter exporter;
    int wake;          /* an eventfd: a batch is there, or it is time to stop */
    atomic_bool woken; /* of a batch that the exporter has not looked for yet */

    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool running, stopping, cut;
    int64_t stop_at;
    weir_call *call; /* an export under way */
};

/* Numbers for a call; no two alike. */
void tracer_ids(struct weir_tracer *tracer, const weir_call *call, uint64_t out_ids[3]);

/* Hand a span over, or count it as dropped. */
void tracer_push(struct weir_tracer *tracer, const struct span *span);

/* An exporter_send, to the collector. */
exporter_send tracer_send;

/* Spans in OTLP's own form, packed. NULL: no memory. The caller frees it with pack_free. */
struct pack;
struct pack *pack_new(const struct weir_tracer *tracer, const struct span *spans, size_t count);
void pack_free(struct pack *pack);
const ProtobufCMessage *pack_request(const struct pack *pack);
