/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of a long command, on one line of the terminal that is redrawn. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;   /* standard error is a terminal */
    bool drawn;   /* the line is on the terminal now */
    int64_t due;  /* when to draw next (weir_now) */
    int64_t size; /* of all the work; 0: unknown */
};

/* Progress is shown on standard error if that is a terminal. */
void progress_init(struct progress *progress, int64_t size);

/* Draw the line, unless it was drawn a moment ago. errors: negative if none are counted. */
void progress_tell(struct progress *progress, int64_t done, int64_t users, int64_t errors);

/* Remove the line, so that other output can be written. */
void progress_clear(struct progress *progress);
