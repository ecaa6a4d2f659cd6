/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection: temporarily ejects servers that fail more than the others (gRFC A50). */
/* Threads: options only; safe from any thread. */
#pragma once

#include <weir/base.h>

WEIR_BEGIN_C

/* Zero selects each field's default, which is given last. A call has failed if it ends with a code
 * other than OK, unless this client cancelled it. */
struct weir_outlier_options {
    int64_t interval;              /* nanoseconds between evaluations; default 10 s */
    int64_t ejection_time;         /* nanoseconds, multiplied by the number of ejections;
                                      default 30 s */
    int64_t max_ejection_time;     /* nanoseconds; default 300 s, or ejection_time if that is
                                      longer */
    unsigned max_ejection_percent; /* no ejections while this share is ejected; default 10 */

    /* Success rate: eject a server whose success rate is below the mean by more than
     * success_stdev_factor thousandths of the standard deviation. */
    bool ignore_success_rate;           /* default no */
    unsigned success_stdev_factor;      /* default 1900 */
    unsigned success_enforcing_percent; /* probability of ejecting an outlier; default 100 */
    unsigned success_minimum_hosts;     /* servers with success_request_volume calls; default 5 */
    unsigned success_request_volume;    /* calls in an interval; default 100 */

    /* Failure percentage: eject a server of whose calls more than failure_threshold percent failed.
     */
    bool ignore_failure_percentage;     /* default no */
    unsigned failure_threshold;         /* default 85 */
    unsigned failure_enforcing_percent; /* as above; default 100 */
    unsigned failure_minimum_hosts;     /* as above; default 5 */
    unsigned failure_request_volume;    /* as above; default 50 */
};

WEIR_END_C
