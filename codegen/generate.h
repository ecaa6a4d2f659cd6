/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin as a pure function. */
/* Threads: pure functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Convert a serialized CodeGeneratorRequest to a serialized CodeGeneratorResponse
 * (google/protobuf/compiler/plugin.proto), to be freed by the caller; errors in a .proto are in its
 * field `error`. False: the bytes are not a request. */
bool generate(const uint8_t *request, size_t len, uint8_t **out_response, size_t *out_len);
