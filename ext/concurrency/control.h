/* SPDX-License-Identifier: Apache-2.0 */
/* How the concurrency limit finds itself. */
/* Threads: safe from any. A call costs a few atomic operations; one thread turns a window. */

/* Calls that wait for each other take longer. So each call's latency is divided by the least that
 * its method takes, and the mean of that over a window of 100 ms is what a call suffers: above the
 * tolerance the limit shrinks in proportion, by half at most; below, it grows by a tenth, provided
 * that it was reached.
 *
 *     limit   ____/\/\/\/\/\    /\/\/\/\        every hundredth window is a probe: the limit is
 *                           \__/                divided by the tolerance, which empties the queue
 *
 * What the least is has to be learned again now and then, since a server may become slower for
 * good, and under steady load no call is quick: so those that begin in a probe say what it is. */
#pragma once

#include <stdatomic.h>
#include <weir/concurrency.h>

#define CONTROL_WINDOW (100 * WEIR_MILLISECOND)
#define CONTROL_SAMPLES 10
#define CONTROL_PROBE_EVERY 100

/* Methods beyond that many share the last place. */
#define CONTROL_METHODS 256

struct control_method {
    atomic_uint_fast64_t hash;  /* 0: free */
    atomic_int_fast64_t least;  /* nanoseconds; 0: unknown */
    atomic_int_fast64_t probed; /* 0: unknown; -1: learnt already */
};

struct control {
    double tolerance;
    int64_t unnoticed;
    unsigned least, most;

    atomic_uint limit, in_flight;
    atomic_uint_fast64_t shed;

    atomic_bool turning; /* who has set it may touch what follows up to the gap */
    double target;       /* the limit outside probes */
    unsigned windows;

    atomic_int_fast64_t window_end, probe_start, probe_end;
    atomic_uint samples;
    atomic_uint_fast64_t suffered; /* of the window's samples together, in 1024ths */
    atomic_bool reached;
    struct control_method methods[CONTROL_METHODS];
};

/* The fields above the gap are set, and target. */
void control_start(struct control *control, int64_t now);

/* False: it is one too many, and was counted as shed. */
bool control_enter(struct control *control);

/* Streams: is there room? */
bool control_has_room(struct control *control);

/* What the time that a call took says: nothing; what the method takes; or, when the deadline that
 * its client chose cut it short, that it takes longer. */
enum control_says { CONTROL_NOTHING, CONTROL_ALL, CONTROL_AT_LEAST };

/* A call that was let in is over. */
void control_leave(struct control *control, const char *method, int64_t started, int64_t now,
    enum control_says says);
