/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf fields on the wire, for messages for which the library has no generated code. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
    uint32_t number;
    const uint8_t *data; /* of a length-delimited field; else NULL */
    size_t len;
};

/* Read the field at *at and advance. False: the end, or malformed bytes. */
bool field_read(const uint8_t **at, const uint8_t *end, struct field *out_field);

/* The maximum size of a tag with a length, or of a whole varint field. */
#define FIELD_HEAD_MAX 15

/* Write a varint field, or the tag and length of a field of `size` bytes. Returns the number of
 * bytes written. */
size_t field_put_number(uint8_t *to, uint32_t number, uint64_t value);
size_t field_put_head(uint8_t *to, uint32_t number, size_t size);
