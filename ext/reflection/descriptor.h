/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups in a serialized google.protobuf.FileDescriptorProto. */
/* Threads: pure functions. */
#pragma once

#include <weir/service.h>

/* Does the file define this fully qualified name: a message, field, oneof, enum, enum value,
 * service, method or extension? */
bool descriptor_defines(const struct weir_file *file, const char *symbol);

/* Call `visit` with the number of each extension that the file defines for a message, until it
 * returns false. */
void descriptor_each_extension(const struct weir_file *file, const char *extended,
    bool (*visit)(void *arg, int32_t number), void *arg);
