/* SPDX-License-Identifier: Apache-2.0 */
/* A whole run: its workers on their threads, and a line that tells how it goes. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "weir-bench/options.h"
#include "weir-bench/tally.h"

/* Load the server and add up what was found. 0, or the program's exit code after it has complained.
 */
int run(const struct options *options, struct tally *out_tally);
