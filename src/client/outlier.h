/* SPDX-License-Identifier: Apache-2.0 */
/* The judge of a channel's servers (gRFC A50). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "loop/loop.h"
#include <weir/outlier.h>
#include <weir/value.h>

struct weir_channel;
struct weir_subchannel;

struct outlier_judge {
    bool on;
    struct weir_outlier_options options; /* 0 is 0, see outlier_fill */
    struct loop_timer timer;             /* runs while calls are counted */
    bool running;
    int64_t since; /* when it started */
};

/* What a subchannel has done since the last judgement, and what came of it. */
struct outlier_record {
    unsigned good, bad;
    unsigned times; /* ejected, and not forgiven yet */
    int64_t ejected_at;
    bool ejected;
};

/* INVALID_ARGUMENT, with the error: a time is below zero, or a percentage over 100. */
WEIR_CHECK weir_code outlier_check(
    const struct weir_outlier_options *options, struct weir_error *error);

/* Put the defaults in the place of what is 0, which from then on is no default any more. */
void outlier_fill(struct weir_outlier_options *options);

void outlier_init(struct outlier_judge *judge);

/* From now on judge by these, filled ones; NULL: nobody is judged, and who is ejected returns. What
 * was counted, and who is ejected, stays. A balancer_update must follow. */
void outlier_set(struct weir_channel *channel, const struct weir_outlier_options *options);
void outlier_stop(struct weir_channel *channel);

/* The options of outlier_detection_experimental, without its childPolicy, filled.
 * INVALID_ARGUMENT: they cannot be. */
WEIR_CHECK weir_code outlier_read(const struct weir_value *object,
    struct weir_outlier_options *options, struct weir_value_error *error);

/* A call of its has ended. */
void outlier_count(struct weir_subchannel *subchannel, bool good);
