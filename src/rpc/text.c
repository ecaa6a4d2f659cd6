/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that C cannot hold. */
#include "rpc/text.h"

#include "rpc/field.h"
#include <string.h>

static bool
field_is_whole(const struct field *field)
{
    if (field->type == NULL || field->data == NULL)
        return true;
    if (field->type->type == PROTOBUF_C_TYPE_STRING)
        return field->len == 0 || memchr(field->data, '\0', field->len) == NULL;
    if (field->type->type == PROTOBUF_C_TYPE_MESSAGE)
        return text_is_whole(field->type->descriptor, field->data, field->len);
    return true;
}

bool
text_is_whole(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    const uint8_t *at = data, *end = data + len;
    struct field field;

    /* Few messages hold a zero byte at all: proto3 does not send a field that is 0. */
    if (len == 0 || memchr(data, '\0', len) == NULL)
        return true;
    while (field_next(type, &at, end, &field)) {
        if (!field_is_whole(&field))
            return false;
    }
    return true;
}
