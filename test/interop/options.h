/* SPDX-License-Identifier: Apache-2.0 */
/* The command lines of the two interop programs. */
/* Threads: for the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"

/* What both programs take: the first member of each one's options. */
struct options_common {
    bool help;
    bool use_tls;
};

#define OPTIONS_COMMON_FLAGS                                                                \
    {.name = "help",                                                                        \
        .help = "show this",                                                                \
        .expected = "no value",                                                             \
        .read = flag_switch,                                                                \
        .field = offsetof(struct options_common, help)},                                    \
    {                                                                                       \
        .name = "use_tls", .help = "speak TLS; default false", .expected = "true or false", \
        .read = flag_switch, .field = offsetof(struct options_common, use_tls)              \
    }

struct options_program {
    const char *name;
    const char *usage; /* what follows the name */
    const struct flag *flags;
    size_t flag_count;
};

/* Read a command line into a struct that begins with struct options_common. False: the program is
 * over, with this exit code; help was printed, or what is wrong. */
bool options_read(const struct options_program *program, int argc, char **argv, void *options,
    int *out_exit_code);
