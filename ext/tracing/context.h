/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of W3C Trace Context. */
/* Threads: pure functions. */
#pragma once

#include <weir/tracing.h>

/* Section 3.3.1.5: the length of a tracestate that everybody must propagate. */
#define CONTEXT_STATE_LEN 512

bool context_is_zero(const uint8_t *id, size_t len);

/* Is it a valid tracestate? An invalid one is discarded completely. */
bool context_state_valid(weir_str state);
