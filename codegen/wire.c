/* SPDX-License-Identifier: Apache-2.0 */
/* Reads fields; groups are rejected, as in protobuf-c. */
#include "wire.h"

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

static bool
take(const uint8_t **at, const uint8_t *end, uint64_t len, struct wire_field *field)
{
    if (len > (uint64_t)(end - *at))
        return false;
    field->data = *at;
    field->len = (size_t)len;
    *at += len;
    return true;
}

bool
wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *out_field)
{
    const uint8_t *cursor = *at;
    struct wire_field field = {0};
    uint64_t tag;
    bool ok = false;

    if (cursor == end || !read_varint(&cursor, end, &tag))
        return false;
    field.number = (uint32_t)(tag >> 3);
    field.type = tag & 7;
    if (field.type == PROTOBUF_C_WIRE_TYPE_VARINT)
        ok = read_varint(&cursor, end, &field.value);
    else if (field.type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        ok = read_varint(&cursor, end, &field.value) && take(&cursor, end, field.value, &field);
    else if (field.type == PROTOBUF_C_WIRE_TYPE_64BIT)
        ok = take(&cursor, end, 8, &field);
    else if (field.type == PROTOBUF_C_WIRE_TYPE_32BIT)
        ok = take(&cursor, end, 4, &field);
    if (!ok)
        return false;
    *at = cursor;
    *out_field = field;
    return true;
}

bool
wire_is_safe(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max_depth)
{
    const uint8_t *at = data, *end = data + len;
    const ProtobufCFieldDescriptor *known;
    struct wire_field field;

    if (max_depth == 0)
        return false;
    while (wire_next(&at, end, &field)) {
        if (field.number == 0)
            return false;
        known = protobuf_c_message_descriptor_get_field(type, field.number);
        if (known == NULL || known->type != PROTOBUF_C_TYPE_MESSAGE ||
            field.type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            continue;
        if (!wire_is_safe(known->descriptor, field.data, field.len, max_depth - 1))
            return false;
    }
    return true;
}
