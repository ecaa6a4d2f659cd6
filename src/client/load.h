/* SPDX-License-Identifier: Apache-2.0 */
/* What servers tell of their load in the trailers of a call (gRFC A51). */
/* Threads: pure functions. */
#pragma once

#include "http2/h2.h"
#include <weir/balancer.h>

/* False: they tell nothing that can be read. */
bool load_read(const struct h2_block *trailers, struct weir_load *out_load);
