/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that make calls. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"
#include <weir/channel.h>

#define EXIT_OUTPUT 1
#define EXIT_USAGE 2
#define EXIT_CODE_BASE 64 /* plus the gRPC code */

/* Make the call of a command and print the response, or the error on standard error. Returns the
 * exit code. */
int calls_run(const struct command *command, weir_channel *channel, const struct args *args);

/* Print why a call failed. Returns the exit code. */
int calls_fail(const struct args *args, weir_code code, const char *message);

/* The same for a call that changes something: says as well if one of its attempts may have changed
 * it. Returns the exit code. */
int calls_fail_change(const struct args *args, weir_code code, const weir_call *call);

/* Print that the output cannot be written (errno) or held; prints nothing if the reader has gone.
 * Returns the exit code. */
int calls_fail_output(void);

/* A call with the rest of the timeout, which began at `began` (weir_now). NULL: no memory; the
 * error was printed. */
weir_call *calls_begin(weir_channel *channel, const struct args *args, int64_t began);

/* A field of a request: the text, or "" if it was not given. Borrows it. */
char *calls_text(const char *text);

/* ---- commands with more than one response, each in a file of its own; they return the exit code
 * ---- */

int stream_run(weir_channel *channel, const struct args *args);
int import_run(weir_channel *channel, const struct args *args);
int export_run(weir_channel *channel, const struct args *args);
int chat_run(weir_channel *channel, const struct args *args);
int health_run(weir_channel *channel, const struct args *args);

/* account.c */
int register_run(weir_channel *channel, const struct args *args);
int login_run(weir_channel *channel, const struct args *args);
int logout_run(weir_channel *channel, const struct args *args);
int whoami_run(weir_channel *channel, const struct args *args);
int passwd_run(weir_channel *channel, const struct args *args);
