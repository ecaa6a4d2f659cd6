/* SPDX-License-Identifier: Apache-2.0 */
/* `userd db`: what is done with a database as a whole. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

/* argc and argv from behind "db" on. The exit status: 0, 1 it failed, 2 it was not understood. */
int db_commands_run(int argc, char *const *argv);
