/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that C cannot hold: U+0000 is a character to protobuf and the end to C. */
/* Threads: pure functions. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does no string of the message, or of those in it, hold a NUL? Unpacking would cut it off there,
 * unnoticed. Bytes that are no message pass: unpacking refuses them. */
bool text_is_whole(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len);
