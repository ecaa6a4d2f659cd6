/* SPDX-License-Identifier: Apache-2.0 */
/* What the public header does not show of W3C Trace Context. */
/* Threads: pure functions. */
#pragma once

#include <weir/tracing.h>

bool context_is_zero(const uint8_t *id, size_t len);

/* Is it a tracestate that may be passed on? One that is not is dropped whole. */
bool context_state_valid(weir_str state);
