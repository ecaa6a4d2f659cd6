/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long work has come, on one line of a terminal that is drawn anew. */
/* Threads: belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool shown;   /* is there a terminal to show it on? */
    bool drawn;   /* the line is on the terminal now */
    int64_t due;  /* when to draw next (weir_now) */
    int64_t size; /* of all the work; 0: not known */
};

/* Standard error is where it is shown, if that is a terminal. */
void progress_init(struct progress *progress, int64_t size);

/* Draw the line, unless it was drawn a moment ago. errors: below 0 for a work that counts none. */
void progress_tell(struct progress *progress, int64_t done, int64_t users, int64_t errors);

/* Take the line away, so that others can write. */
void progress_clear(struct progress *progress);
