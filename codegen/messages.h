/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the request that protobuf-c's generator gets: messages without services. */
/* Threads: pure functions. */
#pragma once

#include "memory.h"

enum messages {
    MESSAGES_READY,
    MESSAGES_REFUSED,   /* protobuf-c would generate code that does not compile, or would crash */
    MESSAGES_NO_REQUEST /* the bytes are not a CodeGeneratorRequest */
};

/* Add to `out` the serialized CodeGeneratorRequest without its services, and with fields renamed as
 * needed (members.h); or if rejected, a CodeGeneratorResponse with the reason. */
enum messages messages_only(const uint8_t *data, size_t len, struct text *out);
