/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, for people and for programs. */
/* Threads: pure functions on their arguments. */
#pragma once

#include "weir-bench/options.h"
#include "weir-bench/tally.h"

void report_text(const struct options *options, const struct tally *tally, FILE *out);

/* False: it could not be written, errno says why. */
bool report_json(const struct options *options, const struct tally *tally, FILE *out);

/* Latency by share of the calls, the tail drawn out. */
void report_svg(const struct options *options, const struct tally *tally, FILE *out);

/* "12.3 us": a time in nanoseconds in three digits. */
#define REPORT_TIME 24
void report_time(double nanoseconds, char out_text[REPORT_TIME]);
