/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of userd other than serving: `userd admin create`, `userd keys create`, `userd db`.
 */
/* Threads: belong to the thread that starts the program. */
#pragma once

#include <stdbool.h>

/* Run the command that the first argument names; *out_status is its exit status. argc and argv
 * exclude the program's name. False: it names no command. */
bool commands_run(int argc, char *const *argv, int *out_status);
