/* SPDX-License-Identifier: Apache-2.0 */
/* Code that wraps calls: one shape for all four kinds. */
/* Threads: an interceptor runs on the call's fiber; calls of several loops run it at the same time.
 */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

/* The rest of the chain, ending in the handler. Lives on the stack of the one who calls. */
typedef struct weir_next weir_next;

/* Do something, weir_proceed, do something; or answer without proceeding. */
typedef weir_code weir_interceptor(void *self, weir_call *call, weir_next *next);

/* Run the rest of the chain; its result is the status of the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_proceed(weir_next *next, weir_call *call);

WEIR_END_C
