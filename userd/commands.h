/* SPDX-License-Identifier: Apache-2.0 */
/* What userd does apart from serving: `userd admin create`, `userd keys create`, `userd db`. */
/* Threads: belong to the thread that starts the program. */
#pragma once

#include <stdbool.h>

/* Run the command that the first argument names, to its exit status; argc and argv without the
 * program's name. False: it names none. */
bool commands_run(int argc, char *const *argv, int *out_status);
