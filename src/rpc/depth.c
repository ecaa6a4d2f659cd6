/* SPDX-License-Identifier: Apache-2.0 */
/* How deep messages may lie, and do lie, in each other. */
#include "rpc/depth.h"

/* Steps that a search through types may take; a schema with more ways than that counts as
 * unbounded. */
#define SEARCH_STEPS 10000

/* True: the types below end within `depth` levels. A cycle runs out of levels, however it is
 * entered. */
static bool
types_end(const ProtobufCMessageDescriptor *type, unsigned depth, unsigned *steps)
{
    if (depth == 0 || *steps == 0)
        return false;
    --*steps;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
            !types_end(type->fields[i].descriptor, depth - 1, steps))
            return false;
    }
    return true;
}

bool
depth_is_unbounded(const ProtobufCMessageDescriptor *type)
{
    unsigned steps = SEARCH_STEPS;

    return !types_end(type, DEPTH_MAX / 2, &steps);
}

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

/* Step over a field's value; of one with a length the bytes are *out_data, *out_len. */
static bool
skip_value(const uint8_t **at, const uint8_t *end, unsigned wire_type, const uint8_t **out_data,
    size_t *out_len)
{
    uint64_t len = 0, value;

    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(at, end, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        len = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        len = 4;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!read_varint(at, end, &len))
            return false;
        break;
    default:
        return false;
    }
    if (len > (uint64_t)(end - *at))
        return false;
    *out_data = *at;
    *out_len = (size_t)len;
    *at += len;
    return true;
}

bool
depth_is_within(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max)
{
    const uint8_t *at = data, *end = data + len, *inner = NULL;
    size_t inner_len = 0;
    uint64_t tag;

    if (max == 0)
        return false;
    while (at < end && read_varint(&at, end, &tag) &&
           skip_value(&at, end, tag & 7, &inner, &inner_len)) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));

        if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            (tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
            !depth_is_within(field->descriptor, inner, inner_len, max - 1))
            return false;
    }
    return true;
}
