/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in a serialized google.protobuf.FileDescriptorProto. */
/* Threads: pure functions. */
#pragma once

#include <weir/service.h>

/* Does the file define this full name: a message, field, oneof, enum, value, service, method or
 * extension? */
bool descriptor_defines(const struct weir_file *file, const char *symbol);

/* Show the numbers of the extensions that the file defines for a message, until `visit` says false.
 */
void descriptor_each_extension(const struct weir_file *file, const char *extended,
    bool (*visit)(void *arg, int32_t number), void *arg);
