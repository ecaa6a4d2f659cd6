/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, told to the person at the terminal. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/base.h>

/* One line on standard error: "PROGRAM: message". What is in the message may come from anybody: it
 * cannot break the line, nor drive the terminal. */
void complain(const char *program, const char *format, ...) WEIR_PRINTF(2, 3);
