/* SPDX-License-Identifier: Apache-2.0 */
/* The 17 gRPC status codes. The message of an error is kept by the call or object that failed. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include <weir/base.h>

WEIR_BEGIN_C

/* Values as on the wire (grpc doc/statuscodes.md). */
typedef enum weir_code {
    WEIR_OK = 0,
    WEIR_CANCELLED = 1,
    WEIR_UNKNOWN = 2,
    WEIR_INVALID_ARGUMENT = 3,
    WEIR_DEADLINE_EXCEEDED = 4,
    WEIR_NOT_FOUND = 5,
    WEIR_ALREADY_EXISTS = 6,
    WEIR_PERMISSION_DENIED = 7,
    WEIR_RESOURCE_EXHAUSTED = 8,
    WEIR_FAILED_PRECONDITION = 9,
    WEIR_ABORTED = 10,
    WEIR_OUT_OF_RANGE = 11,
    WEIR_UNIMPLEMENTED = 12,
    WEIR_INTERNAL = 13,
    WEIR_UNAVAILABLE = 14,
    WEIR_DATA_LOSS = 15,
    WEIR_UNAUTHENTICATED = 16
} weir_code;

/* The code's name, "NOT_FOUND"; "UNKNOWN" for any other number. Static. */
WEIR_API const char *weir_code_name(weir_code code);

/* Why an object cannot be created: one line that names the option. */
struct weir_error {
    char text[256];
};

/* Evaluate an expression; unless it is OK, return its code from the enclosing function. */
#define WEIR_TRY(expression)                     \
    do {                                         \
        weir_code weir_try_code_ = (expression); \
        if (weir_try_code_ != WEIR_OK)           \
            return weir_try_code_;               \
    } while (0)

WEIR_END_C
