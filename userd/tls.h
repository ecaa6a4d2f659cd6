/* SPDX-License-Identifier: Apache-2.0 */
/* userd's TLS: the flags, and the log of reloaded certificates. */
/* Threads: belongs to the thread that starts the program; log lines may come from any. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include <weir/tls.h>

struct tls_options {
    const char *cert, *key; /* NULL: no TLS */
    const char *client_ca;  /* NULL: clients need no certificate */
};

/* Are the flags consistent? False: error is set. */
bool tls_options_check(const struct tls_options *options, char error[FLAGS_ERROR]);

/* Read the files; *out_tls is NULL without the flags. Borrows log. False: the error was printed. */
bool tls_open(const struct tls_options *options, const struct log *log, weir_tls **out_tls);
