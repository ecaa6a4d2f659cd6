/* SPDX-License-Identifier: Apache-2.0 */
/* The three standard streams. */
/* Threads: must be called before other threads are started. */
#pragma once

#include <stdbool.h>

/* Open replacements for standard streams that were closed when the program started, so that no
 * socket or file that is opened later becomes standard error. Reads and writes on them fail. False:
 * that failed, errno says why. */
bool streams_hold(void);
