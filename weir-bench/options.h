/* SPDX-License-Identifier: Apache-2.0 */
/* weir-bench's command line. */
/* Threads: read by the thread that starts the program; constant afterwards. */
#pragma once

#include "usercommon/flags.h"
#include <weir/call.h>

#define EXIT_USAGE 2

struct options {
    const char *target; /* "HOST:PORT" or "unix:PATH" */
    const char *method; /* "/package.Service/Method" */
    weir_method_kind kind;
    uint32_t messages; /* per call, for client streams */
    const char *message_file;
    struct flag_list headers;
    bool changing;
    int64_t timeout; /* of a call, in nanoseconds; 0: none */

    uint32_t connections, streams, threads;
    uint32_t rate;             /* calls per second; 0: as fast as they are answered */
    uint32_t calls;            /* in total; 0: no limit */
    int64_t duration, warm_up; /* nanoseconds */

    bool tls;
    const char *ca, *cert, *key, *server_name;

    const char *json, *svg;
    bool quiet, help, version;
};

/* False: error says in one line what is wrong. */
bool options_read(int argc, char *const *argv, struct options *options, char error[FLAGS_ERROR]);

/* What --help prints. */
void options_help(FILE *out);

/* "unary", "client-stream" and so on. */
const char *options_kind_name(weir_method_kind kind);
