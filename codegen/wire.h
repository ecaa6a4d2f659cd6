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

/* Do messages lie in messages no deeper than this? protobuf-c unpacks by recursion without a limit,
 * so a request is measured first. Malformed bytes pass: protobuf-c refuses them. */
bool wire_is_shallow(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max_depth);
