/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection: a server that fails more than the others is left out for a while (gRFC A50).
 */
/* Threads: constants. */
#pragma once

#include <weir/base.h>

WEIR_BEGIN_C

/* Zero is the default of every field. Calls that end with another code than OK count as failed, but
 * for those that were cancelled here. */
struct weir_outlier_options {
    int64_t interval;              /* nanoseconds between judgements; 10 s */
    int64_t ejection_time;         /* times how often it was ejected; 30 s */
    int64_t max_ejection_time;     /* 300 s, or ejection_time if that is more */
    unsigned max_ejection_percent; /* none is ejected while so many are; 10 */

    /* Its share of calls that went well is below the mean by so many thousandths of the standard
     * deviation. */
    bool ignore_success_rate;           /* do not judge so */
    unsigned success_stdev_factor;      /* 1900 */
    unsigned success_enforcing_percent; /* how probably an outlier is ejected; 100 */
    unsigned success_minimum_hosts;     /* with success_request_volume calls in the interval; 5 */
    unsigned success_request_volume;    /* 100 */

    /* More than so many percent of its calls failed. */
    bool ignore_failure_percentage;     /* do not judge so */
    unsigned failure_threshold;         /* 85 */
    unsigned failure_enforcing_percent; /* 100 */
    unsigned failure_minimum_hosts;     /* 5 */
    unsigned failure_request_volume;    /* 50 */
};

WEIR_END_C
