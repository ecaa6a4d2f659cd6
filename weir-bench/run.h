/* SPDX-License-Identifier: Apache-2.0 */
/* A whole run: its workers on their threads, and a progress line. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "weir-bench/options.h"
#include "weir-bench/tally.h"

/* Run the load and add up the results. Returns 0, or the exit code after an error was printed. */
int run(const struct options *options, struct tally *out_tally);
