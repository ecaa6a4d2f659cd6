/* SPDX-License-Identifier: Apache-2.0 */
/* A reader for fields of serialized protobuf messages, without protobuf-c. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct wire_field {
    uint32_t number;
    unsigned type;       /* ProtobufCWireType */
    uint64_t value;      /* of a varint */
    const uint8_t *data; /* of a length-delimited field; borrowed */
    size_t len;
};

/* Read the field at *at and advance. False: the end, or malformed bytes (then *at is not end). */
bool wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *out_field);

/* Is the message safe for protobuf-c to unpack? Its recursion is not limited, so nesting is limited
 * to max_depth here; and it accepts the invalid field number 0 if encoded in two bytes, but not its
 * own packing of that. Malformed bytes pass: protobuf-c rejects them. */
bool wire_is_safe(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max_depth);
