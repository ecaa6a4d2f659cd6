/* SPDX-License-Identifier: Apache-2.0 */
/* The results, for people and for programs. */
/* Threads: pure functions on their arguments. */
#pragma once

#include "weir-bench/options.h"
#include "weir-bench/tally.h"

void report_text(const struct options *options, const struct tally *tally, FILE *out);

/* False: write error, errno says which. */
bool report_json(const struct options *options, const struct tally *tally, FILE *out);

/* Latency by percentile, with a stretched scale for the tail. */
void report_svg(const struct options *options, const struct tally *tally, FILE *out);

/* "12.3 us": a time in nanoseconds with three digits. */
#define REPORT_TIME 24
void report_time(double nanoseconds, char out_text[REPORT_TIME]);
