/* SPDX-License-Identifier: Apache-2.0 */
/* How deep messages may lie, and do lie, in each other. */
#include "rpc/depth.h"

#include "rpc/field.h"

/* Steps that a search through types may take; a schema with more ways than that counts as
 * unbounded. */
#define SEARCH_STEPS 10000

/* True: the types below end within `depth` levels. A cycle runs out of levels, however it is
 * entered. */
static bool
types_end(const ProtobufCMessageDescriptor *type, unsigned depth, unsigned *steps)
{
    if (depth == 0 || *steps == 0)
        return false;
    --*steps;
    for (unsigned i = 0; i < type->n_fields; i++) {
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
            !types_end(type->fields[i].descriptor, depth - 1, steps))
            return false;
    }
    return true;
}

bool
depth_is_unbounded(const ProtobufCMessageDescriptor *type)
{
    unsigned steps = SEARCH_STEPS;

    return !types_end(type, DEPTH_MAX / 2, &steps);
}

bool
depth_is_within(
    const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len, unsigned max)
{
    const uint8_t *at = data, *end = data + len;
    struct field field;

    if (max == 0)
        return false;
    while (field_next(type, &at, end, &field)) {
        if (field.type != NULL && field.data != NULL &&
            field.type->type == PROTOBUF_C_TYPE_MESSAGE &&
            !depth_is_within(field.type->descriptor, field.data, field.len, max - 1))
            return false;
    }
    return true;
}
