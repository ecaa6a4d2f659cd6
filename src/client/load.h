/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports of servers (gRFC A51): here those in a call's trailers; out-of-band ones are in
 * load_stream.c. */
/* Threads: pure functions. */
#pragma once

#include "http2/h2.h"
#include <weir/balancer.h>

/* The number as reported, or 0 if it cannot be a load. */
double load_checked(double number);

/* False: there is no valid report in them. */
bool load_read(const struct h2_block *trailers, struct weir_load *out_load);
