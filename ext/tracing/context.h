/* SPDX-License-Identifier: Apache-2.0 */
/* What the public header does not show of W3C Trace Context. */
/* Threads: pure functions. */
#pragma once

#include <weir/tracing.h>

/* Section 3.3.1.5: what everybody passes on of a tracestate. */
#define CONTEXT_STATE_LEN 512

bool context_is_zero(const uint8_t *id, size_t len);

/* Is it a tracestate that may be passed on? One that is not is dropped whole. */
bool context_state_valid(weir_str state);
