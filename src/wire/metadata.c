/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of metadata: keys and values from the application, and -bin values from the peer
 * (PROTOCOL-HTTP2, Custom-Metadata). */
#include "wire/wire.h"

static bool
is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

/* Names that describe the message or connection, set only by the library. */
static bool
is_reserved(weir_str key)
{
    static const char *const names[] = {"te", "content-type", "content-length", "user-agent",
        "host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};

    /* Set by server applications, for retries (gRFC A6). */
    if (weir_str_equal(key, weir_str_of("grpc-retry-pushback-ms")))
        return false;
    if (key.len >= 5 && memcmp(key.data, "grpc-", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (weir_str_equal(key, weir_str_of(names[i])))
            return true;
    return false;
}

bool
wire_key_is_sendable(weir_str key)
{
    for (size_t i = 0; i < key.len; i++)
        if (!is_key_char(key.data[i]))
            return false;
    return key.len > 0 && !is_reserved(key);
}

bool
wire_value_is_sendable(weir_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    /* RFC 9113, section 8.2.1: a value with a space at either end makes the message malformed. */
    return value.len == 0 || (value.data[0] != ' ' && value.data[value.len - 1] != ' ');
}

bool
wire_key_is_binary(weir_str key)
{
    return key.len >= 4 && memcmp(key.data + key.len - 4, "-bin", 4) == 0;
}

bool
wire_field_is_malformed(const struct h2_field *field)
{
    return wire_key_is_binary(field->name) && !wire_base64_is_list(field->value);
}

bool
wire_metadata_is_malformed(const struct h2_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        const struct h2_field *field = &block->fields[i];

        if ((field->token == H2_TOKEN_NONE || field->token == H2_TOKEN_GRPC_OTHER) &&
            wire_field_is_malformed(field))
            return true;
    }
    return false;
}
