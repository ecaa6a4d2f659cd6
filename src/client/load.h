/* SPDX-License-Identifier: Apache-2.0 */
/* What servers tell of their load (gRFC A51): in the trailers of a call here, and beside calls in
 * load_stream.c. */
/* Threads: pure functions. */
#pragma once

#include "http2/h2.h"
#include <weir/balancer.h>

/* Of a number that a server tells: 0 if it is no load at all. */
double load_checked(double number);

/* False: they tell nothing that can be read. */
bool load_read(const struct h2_block *trailers, struct weir_load *out_load);
