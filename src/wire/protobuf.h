/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of protobuf's types on the wire and in protobuf-c's structs. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* The maximum nesting of messages inside the outermost one: the default of protobuf's own
 * implementations. */
#define PROTOBUF_DEPTH_MAX 100

struct protobuf_shape {
    uint8_t wire_type; /* ProtobufCWireType */
    uint8_t size;      /* in the struct */
};

static inline struct protobuf_shape
protobuf_shape(ProtobufCType type)
{
#define SHAPE(wire, member)                         \
    {                                               \
        PROTOBUF_C_WIRE_TYPE_##wire, sizeof(member) \
    }
    static const struct protobuf_shape shapes[] = {
        [PROTOBUF_C_TYPE_INT32] = SHAPE(VARINT, int32_t),
        [PROTOBUF_C_TYPE_SINT32] = SHAPE(VARINT, int32_t),
        [PROTOBUF_C_TYPE_SFIXED32] = SHAPE(32BIT, int32_t),
        [PROTOBUF_C_TYPE_INT64] = SHAPE(VARINT, int64_t),
        [PROTOBUF_C_TYPE_SINT64] = SHAPE(VARINT, int64_t),
        [PROTOBUF_C_TYPE_SFIXED64] = SHAPE(64BIT, int64_t),
        [PROTOBUF_C_TYPE_UINT32] = SHAPE(VARINT, uint32_t),
        [PROTOBUF_C_TYPE_FIXED32] = SHAPE(32BIT, uint32_t),
        [PROTOBUF_C_TYPE_UINT64] = SHAPE(VARINT, uint64_t),
        [PROTOBUF_C_TYPE_FIXED64] = SHAPE(64BIT, uint64_t),
        [PROTOBUF_C_TYPE_FLOAT] = SHAPE(32BIT, float),
        [PROTOBUF_C_TYPE_DOUBLE] = SHAPE(64BIT, double),
        [PROTOBUF_C_TYPE_BOOL] = SHAPE(VARINT, protobuf_c_boolean),
        [PROTOBUF_C_TYPE_ENUM] = SHAPE(VARINT, int32_t),
        [PROTOBUF_C_TYPE_STRING] = SHAPE(LENGTH_PREFIXED, char *),
        [PROTOBUF_C_TYPE_BYTES] = SHAPE(LENGTH_PREFIXED, ProtobufCBinaryData),
        [PROTOBUF_C_TYPE_MESSAGE] = SHAPE(LENGTH_PREFIXED, ProtobufCMessage *),
    };
#undef SHAPE

    return shapes[type];
}

/* A proto3 field that is neither repeated, optional nor in a oneof, as most are. */
static inline bool
protobuf_is_plain(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_NONE &&
           (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0;
}
