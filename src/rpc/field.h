/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a message's bytes, for checks that protobuf-c does not make. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
    const ProtobufCFieldDescriptor *type; /* NULL: unknown */
    const uint8_t *data;                  /* of a value with a length; else NULL */
    size_t len;
};

/* Take the field at *at. False: the end, or bytes that are no message, which unpacking refuses. */
bool field_next(const ProtobufCMessageDescriptor *type, const uint8_t **at, const uint8_t *end,
    struct field *out_field);
