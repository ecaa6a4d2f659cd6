/* SPDX-License-Identifier: Apache-2.0 */
/* The request for messages alone, as protobuf-c's generator is to see it. */
/* Threads: pure functions. */
#pragma once

#include "memory.h"

/* Add to `out` the serialized CodeGeneratorRequest without its services. False: it is none. */
bool messages_only(const uint8_t *request, size_t len, struct text *out);
