/* SPDX-License-Identifier: Apache-2.0 */
/* The request for messages alone, as protobuf-c's generator is to see it. */
/* Threads: pure functions. */
#pragma once

#include "memory.h"

enum messages {
    MESSAGES_READY,
    MESSAGES_REFUSED,   /* protobuf-c would make what does not compile, or would not live through it
                         */
    MESSAGES_NO_REQUEST /* the bytes are no CodeGeneratorRequest */
};

/* Add to `out` the serialized CodeGeneratorRequest without its services, with the fields renamed
 * that have to be (members.h); when it is refused, the CodeGeneratorResponse that says why. */
enum messages messages_only(const uint8_t *data, size_t len, struct text *out);
