/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that tests of reading and writing are about. */
/* Threads: a table. */
#pragma once

#include "kinds.pb-c.h"
#include "required.pb-c.h"

#define KINDS_TYPES 5

static const ProtobufCMessageDescriptor *const kinds_types[KINDS_TYPES] = {&kinds__all__descriptor,
    &required__some__descriptor, &required__many__descriptor, &kinds__plain__descriptor,
    &kinds__mixed__descriptor};
