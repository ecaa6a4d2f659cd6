/* SPDX-License-Identifier: Apache-2.0 */
/* Error messages for the person at the terminal. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/base.h>

/* Print one line on standard error: "PROGRAM: message". The message may contain untrusted text: it
 * can neither break the line nor control the terminal. */
void complain(const char *program, const char *format, ...) WEIR_PRINTF(2, 3);
