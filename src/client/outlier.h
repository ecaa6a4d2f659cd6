/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection among a channel's servers (gRFC A50). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "loop/loop.h"
#include <weir/outlier.h>
#include <weir/value.h>

struct weir_channel;
struct weir_subchannel;

struct outlier_judge {
    bool on;
    struct weir_outlier_options options; /* filled: 0 means 0, see outlier_fill */
    struct loop_timer timer;             /* runs while there are calls to evaluate */
    bool running;
    int64_t since; /* when the current interval started */
};

/* A subchannel's calls in the current interval, and its ejections. */
struct outlier_record {
    unsigned good, bad;
    unsigned times; /* the ejection multiplier of gRFC A50 */
    int64_t ejected_at;
    bool ejected;
};

/* INVALID_ARGUMENT, with the error: a time is negative, or a percentage exceeds 100. */
WEIR_CHECK weir_code outlier_check(
    const struct weir_outlier_options *options, struct weir_error *error);

/* Replace fields that are 0 by their defaults. In filled options 0 means 0. */
void outlier_fill(struct weir_outlier_options *options);

void outlier_init(struct outlier_judge *judge);

/* Use these options, which must be filled, from now on; counts and ejections are kept. NULL turns
 * detection off, and ejected subchannels return. A balancer_update must follow. */
void outlier_set(struct weir_channel *channel, const struct weir_outlier_options *options);
void outlier_stop(struct weir_channel *channel);

/* Read the config of outlier_detection_experimental, except its childPolicy, into filled options.
 * INVALID_ARGUMENT: it is not valid. */
WEIR_CHECK weir_code outlier_read(const struct weir_value *object,
    struct weir_outlier_options *options, struct weir_value_error *error);

/* Count a call that has ended. */
void outlier_count(struct weir_subchannel *subchannel, bool good);
