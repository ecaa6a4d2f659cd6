/* SPDX-License-Identifier: Apache-2.0 */
/* Each command as a call. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"
#include <weir/channel.h>

#define EXIT_OUTPUT 1
#define EXIT_USAGE 2
#define EXIT_CODE_BASE 64 /* and the gRPC code */

/* Make the call of a command and print the answer, or on standard error what went wrong. The exit
 * code. */
int calls_run(const struct command *command, weir_channel *channel, const struct args *args);

/* Print why a call failed. The exit code. */
int calls_fail(const struct args *args, weir_code code, const char *message);

/* The same for a call that should have changed something: says as well if it may have, in one of
 * its attempts. The exit code. */
int calls_fail_change(const struct args *args, weir_code code, const weir_call *call);

/* Print that the answer cannot be written, as errno says, or held; nothing where nobody reads it
 * any more. The exit code. */
int calls_fail_output(void);

/* A call with what is left of the timeout, of which the clock runs since `began` (weir_now). NULL:
 * no memory, which is told. */
weir_call *calls_begin(weir_channel *channel, const struct args *args, int64_t began);

/* A field of a request: a text that was not given is empty. Borrows it. */
char *calls_text(const char *text);

/* ---- the commands that are more than one answer, each in a file of its own; the exit code ---- */

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
