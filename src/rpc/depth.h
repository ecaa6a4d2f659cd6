/* SPDX-License-Identifier: Apache-2.0 */
/* A bound on messages inside messages: protobuf-c unpacks by recursion without one, on the fiber's
 * stack. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As deep as protobuf's own implementations go by default. */
#define DEPTH_MAX 100

/* Can a message of this type lie deeper than DEPTH_MAX / 2 in one of its own? Only then does each
 * message have to be measured. Asked once a method. */
bool depth_is_unbounded(const ProtobufCMessageDescriptor *type);

/* Do messages lie in messages no deeper than `max`? Bytes that are no message pass: unpacking
 * refuses them. */
bool depth_is_within(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max);
