/* SPDX-License-Identifier: Apache-2.0 */
/* The three standard streams. */
/* Threads: before there are others. */
#pragma once

#include <stdbool.h>

/* Take the places of those that the program was started without, so that no socket or file that is
 * opened later is taken for standard error; reading from one, or writing to it, is an error. False,
 * with errno: that cannot be done. */
bool streams_hold(void);
