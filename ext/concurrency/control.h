/* SPDX-License-Identifier: Apache-2.0 */
/* The algorithm of the adaptive concurrency limit. */
/* Threads: safe from any. A call costs a few atomic operations; one thread at a time ends a window.
 */

/* Calls that wait for each other take longer. So the latency of each call is divided by its
 * method's minimum, and the mean of that ratio over a window of 100 ms measures the overload: above
 * the tolerance the limit is lowered in proportion, by half at most; below, it is raised by a tenth
 * if it was reached.
 *
 *     limit   ____/\/\/\/\/\    /\/\/\/\        every hundredth window is a probe: the limit is
 *                           \__/                divided by the tolerance, which empties the queue
 *
 * The minimum must be measured again from time to time, since a server may become slower
 * permanently, and under steady load no call is fast: it is taken from the calls that start in a
 * probe. */
#pragma once

#include <stdatomic.h>
#include <weir/concurrency.h>

#define CONTROL_WINDOW (100 * WEIR_MILLISECOND)
#define CONTROL_SAMPLES 10
#define CONTROL_PROBE_EVERY 100

/* Further methods share the last entry. */
#define CONTROL_METHODS 256

struct control_method {
    atomic_uint_fast64_t hash;  /* 0: free */
    atomic_int_fast64_t least;  /* nanoseconds; 0: unknown */
    atomic_int_fast64_t probed; /* 0: unknown; -1: known already */
};

struct control {
    double tolerance;
    int64_t unnoticed;
    unsigned least, most;

    atomic_uint limit, in_flight;
    atomic_uint_fast64_t shed;

    atomic_bool turning; /* the thread that set it may access the following fields up to the gap */
    double target;       /* the limit outside of probes */
    unsigned windows;

    atomic_int_fast64_t window_end, probe_start, probe_end;
    atomic_uint samples;
    atomic_uint_fast64_t suffered; /* sum of the window's samples, in units of 1/1024 */
    atomic_bool reached;
    struct control_method methods[CONTROL_METHODS];
};

/* The caller has set the fields above the gap, and target. */
void control_start(struct control *control, int64_t now);

/* False: over the limit; counted as shed. */
bool control_enter(struct control *control);

/* For streams: is there room? */
bool control_has_room(struct control *control);

/* What a call's duration tells: nothing; the method's latency; or a lower bound of it, if the
 * client's deadline ended the call. */
enum control_says { CONTROL_NOTHING, CONTROL_ALL, CONTROL_AT_LEAST };

/* An admitted call has ended. */
void control_leave(struct control *control, const char *method, int64_t started, int64_t now,
    enum control_says says);
