/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of serialized protobuf messages, read before and beside protobuf-c. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

struct wire_field {
    uint32_t number;
    unsigned type;       /* a ProtobufCWireType */
    uint64_t value;      /* of a varint */
    const uint8_t *data; /* of a length-delimited field; borrowed */
    size_t len;
};

/* Take the field at *at and move there. False: the end, or malformed bytes (then *at is not end).
 */
bool wire_next(const uint8_t **at, const uint8_t *end, struct wire_field *out_field);

/* May protobuf-c unpack it? It recurses without a limit, so messages may lie in messages to
 * max_depth only; and it takes a field number 0, which none has, when that is written in two bytes,
 * but not what it makes of that itself. Malformed bytes pass: protobuf-c refuses them. */
bool wire_is_safe(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max_depth);
