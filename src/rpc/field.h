/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a message's bytes, for messages that the library itself has no code for. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field {
    uint32_t number;
    const uint8_t *data; /* of a value with a length; else NULL */
    size_t len;
};

/* Take the field at *at. False: the end, or bytes that are no message. */
bool field_read(const uint8_t **at, const uint8_t *end, struct field *out_field);

/* The most that the head of a field takes, or one that is a number. */
#define FIELD_HEAD_MAX 15

/* Write a number, or what comes in front of `size` bytes. How many bytes were written. */
size_t field_put_number(uint8_t *to, uint32_t number, uint64_t value);
size_t field_put_head(uint8_t *to, uint32_t number, size_t size);
