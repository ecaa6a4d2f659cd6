/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin as a function over bytes. */
/* Threads: pure functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Answer a serialized CodeGeneratorRequest with a serialized CodeGeneratorResponse
 * (google/protobuf/compiler/ plugin.proto); a mistake in a .proto is told in its field error.
 * *out_response is the caller's to free. False: the bytes are no request. */
bool generate(const uint8_t *request, size_t len, uint8_t **out_response, size_t *out_len);
