/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the status codes. */
#include <weir/status.h>

static const char *const names[] = {
    [WEIR_OK] = "OK",
    [WEIR_CANCELLED] = "CANCELLED",
    [WEIR_UNKNOWN] = "UNKNOWN",
    [WEIR_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [WEIR_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [WEIR_NOT_FOUND] = "NOT_FOUND",
    [WEIR_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [WEIR_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [WEIR_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [WEIR_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [WEIR_ABORTED] = "ABORTED",
    [WEIR_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [WEIR_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [WEIR_INTERNAL] = "INTERNAL",
    [WEIR_UNAVAILABLE] = "UNAVAILABLE",
    [WEIR_DATA_LOSS] = "DATA_LOSS",
    [WEIR_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *
weir_code_name(weir_code code)
{
    size_t index = (size_t)code;

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : names[WEIR_UNKNOWN];
}
