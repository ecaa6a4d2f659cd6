/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format of protobuf, as far as iterating over fields requires. */
#include "rpc/field.h"

static bool
read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;

        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* The length of a value that is not a varint. */
static bool
read_length(const uint8_t **at, const uint8_t *end, unsigned wire_type, uint64_t *out_len)
{
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        *out_len = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        *out_len = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!read_varint(at, end, out_len))
            return false;
        break;
    default:
        return false;
    }
    return *out_len <= (uint64_t)(end - *at);
}

bool
field_read(const uint8_t **at, const uint8_t *end, struct field *out_field)
{
    uint64_t tag, len;

    if (*at >= end || !read_varint(at, end, &tag))
        return false;
    *out_field = (struct field){.number = (uint32_t)(tag >> 3)};
    if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_VARINT)
        return read_varint(at, end, &len);
    if (!read_length(at, end, tag & 7, &len))
        return false;
    if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
        out_field->data = *at;
        out_field->len = (size_t)len;
    }
    *at += len;
    return true;
}

static size_t
put_varint(uint8_t *to, uint64_t value)
{
    size_t len = 0;

    for (; value >= 0x80; value >>= 7)
        to[len++] = (uint8_t)(value | 0x80);
    to[len++] = (uint8_t)value;
    return len;
}

size_t
field_put_number(uint8_t *to, uint32_t number, uint64_t value)
{
    size_t len = put_varint(to, (uint64_t)number << 3 | PROTOBUF_C_WIRE_TYPE_VARINT);

    return len + put_varint(to + len, value);
}

size_t
field_put_head(uint8_t *to, uint32_t number, size_t size)
{
    size_t len = put_varint(to, (uint64_t)number << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);

    return len + put_varint(to + len, size);
}
