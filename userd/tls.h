/* SPDX-License-Identifier: Apache-2.0 */
/* userd's TLS: the flags, and what is said when certificates are read again. */
/* Threads: belongs to the thread that starts the program; what is logged may come from any. */
#pragma once

#include "usercommon/flags.h"
#include "userd/log.h"
#include <weir/tls.h>

struct tls_options {
    const char *cert, *key; /* NULL: no TLS */
    const char *client_ca;  /* NULL: clients show no certificate */
};

/* Do the flags go together? False: error is set. */
bool tls_options_check(const struct tls_options *options, char error[FLAGS_ERROR]);

/* Read the files; *out_tls is NULL without the flags. Borrows log. False: a message was printed. */
bool tls_open(const struct tls_options *options, const struct log *log, weir_tls **out_tls);
