/* SPDX-License-Identifier: Apache-2.0 */
/* What userd does apart from serving: `userd admin create`, `userd keys create`, `userd db`. */
/* Threads: belong to the thread that starts the program. */
#pragma once

#include <stdbool.h>

/* Is the first argument that of a command? argc and argv without the program's name. */
bool commands_are_meant(int argc, char *const *argv);

/* Run it. The exit status. */
int commands_run(int argc, char *const *argv);
