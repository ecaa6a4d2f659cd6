/* SPDX-License-Identifier: Apache-2.0 */
/* The status of calls that were ended by HTTP/2 or HTTP without a grpc-status. */
#include "wire/wire.h"

/* PROTOCOL-HTTP2, Errors; codes not listed there are INTERNAL. */
static const struct {
    weir_code code;
    const char *message;
} resets[] = {
    [H2_NO_ERROR] = {WEIR_INTERNAL, "stream reset: NO_ERROR"},
    [H2_PROTOCOL_ERROR] = {WEIR_INTERNAL, "stream reset: PROTOCOL_ERROR"},
    [H2_INTERNAL_ERROR] = {WEIR_INTERNAL, "stream reset: INTERNAL_ERROR"},
    [H2_FLOW_CONTROL_ERROR] = {WEIR_INTERNAL, "stream reset: FLOW_CONTROL_ERROR"},
    [H2_SETTINGS_TIMEOUT] = {WEIR_INTERNAL, "stream reset: SETTINGS_TIMEOUT"},
    [H2_STREAM_CLOSED] = {WEIR_INTERNAL, "stream reset: STREAM_CLOSED"},
    [H2_FRAME_SIZE_ERROR] = {WEIR_INTERNAL, "stream reset: FRAME_SIZE_ERROR"},
    [H2_REFUSED_STREAM] = {WEIR_UNAVAILABLE, "stream reset: REFUSED_STREAM"},
    [H2_CANCEL] = {WEIR_CANCELLED, "stream reset: CANCEL"},
    [H2_COMPRESSION_ERROR] = {WEIR_INTERNAL, "stream reset: COMPRESSION_ERROR"},
    [H2_CONNECT_ERROR] = {WEIR_INTERNAL, "stream reset: CONNECT_ERROR"},
    [H2_ENHANCE_YOUR_CALM] = {WEIR_RESOURCE_EXHAUSTED, "stream reset: ENHANCE_YOUR_CALM"},
    [H2_INADEQUATE_SECURITY] = {WEIR_PERMISSION_DENIED, "stream reset: INADEQUATE_SECURITY"},
    [H2_HTTP_1_1_REQUIRED] = {WEIR_INTERNAL, "stream reset: HTTP_1_1_REQUIRED"},
};

weir_code
wire_status_of_reset(enum h2_code code, const char **out_message)
{
    size_t index = code;

    if (index >= sizeof resets / sizeof resets[0]) {
        *out_message = "stream reset with an unknown error code";
        return WEIR_UNKNOWN;
    }
    *out_message = resets[index].message;
    return resets[index].code;
}

const char *
wire_name_of_reset(enum h2_code code)
{
    size_t index = code;

    if (index >= sizeof resets / sizeof resets[0])
        return "an unknown error code";
    return resets[index].message + sizeof("stream reset: ") - 1;
}

weir_code
wire_status_of_http(int http_status)
{
    /* An interim response that ends the stream violates RFC 9113, section 8.1. */
    if (http_status >= 100 && http_status < 200)
        return WEIR_INTERNAL;
    switch (http_status) {
    case 400:
        return WEIR_INTERNAL;
    case 401:
        return WEIR_UNAUTHENTICATED;
    case 403:
        return WEIR_PERMISSION_DENIED;
    case 404:
        return WEIR_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return WEIR_UNAVAILABLE;
    default:
        return WEIR_UNKNOWN;
    }
}
