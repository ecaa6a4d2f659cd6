/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c's structs into protobuf's bytes, written from their end to their beginning, so that
 * the length of a text or of a message within is known when its place comes, and nothing is
 * measured beforehand.
 *
 * The bytes are those of protobuf_c_message_pack. */
#include "wire/wire.h"

#include "base/bytes.h"
#include "base/hint.h"
#include "wire/protobuf.h"

/* A text or byte string that is left where it is has at least so many bytes. */
#define APART_LEAST 4096

/* The written bytes are from `at` on; those from `end` on belong to a part already. */
struct writer {
    uint8_t *start, *at;
    unsigned depth;           /* still to be had: each takes several frames on the stack */
    size_t apart;             /* bytes that were left where they are */
    uint8_t *end;             /* with parts only, as is what follows */
    struct wire_parts *parts; /* NULL: all of the message goes into the room */
};

static inline bool
has_room(const struct writer *writer, size_t len)
{
    return (size_t)(writer->at - writer->start) >= len;
}

static inline bool
put(struct writer *writer, const void *bytes, size_t len)
{
    if (!has_room(writer, len))
        return false;
    writer->at -= len;
    if (len > 0)
        memcpy(writer->at, bytes, len);
    return true;
}

/* Parts are found from the last to the first. */
static bool
add_part(struct writer *writer, const uint8_t *data, size_t len)
{
    struct wire_parts *parts = writer->parts;

    if (len == 0)
        return true;
    if (parts->first == 0)
        return false;
    parts->list[--parts->first] = (struct wire_part){data, len};
    parts->len += len;
    return true;
}

static COLD bool
leave_apart(struct writer *writer, const void *bytes, size_t len)
{
    if (writer->parts == NULL || len < APART_LEAST ||
        !add_part(writer, writer->at, (size_t)(writer->end - writer->at)) ||
        !add_part(writer, bytes, len))
        return false;
    writer->apart += len;
    writer->end = writer->at;
    return true;
}

static bool
put_long_varint(struct writer *writer, uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1), len = (bits + 6) / 7;
    uint8_t *at;

    if (!has_room(writer, len))
        return false;
    writer->at -= len;
    for (at = writer->at; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at = (uint8_t)value;
    return true;
}

static inline bool
put_varint(struct writer *writer, uint64_t value)
{
    if (value >= 0x80 || !has_room(writer, 1))
        return put_long_varint(writer, value);
    *--writer->at = (uint8_t)value;
    return true;
}

static bool
put_fixed32(struct writer *writer, uint32_t value)
{
    if (!has_room(writer, 4))
        return false;
    writer->at -= 4;
    store_le32(writer->at, value);
    return true;
}

static bool
put_fixed64(struct writer *writer, uint64_t value)
{
    if (!has_room(writer, 8))
        return false;
    writer->at -= 8;
    store_le64(writer->at, value);
    return true;
}

/* ---- values ---- */

static bool put_message(struct writer *writer, const ProtobufCMessage *message);

static inline bool
put_text(struct writer *writer, const char *text)
{
    size_t room = (size_t)(writer->at - writer->start);
    size_t len = text == NULL ? 0 : strnlen(text, room + 1);

    if (len > room && writer->parts != NULL)
        len += strlen(text + len);
    return (put(writer, text, len) || leave_apart(writer, text, len)) && put_varint(writer, len);
}

static bool
put_bytes(struct writer *writer, const ProtobufCBinaryData *data)
{
    return (put(writer, data->data, data->len) || leave_apart(writer, data->data, data->len)) &&
           put_varint(writer, data->len);
}

static bool
put_inner(struct writer *writer, const ProtobufCMessage *message)
{
    const uint8_t *end = writer->at;
    size_t apart = writer->apart;

    if (message != NULL) {
        if (writer->depth == 0)
            return false;
        writer->depth--;
        if (!put_message(writer, message))
            return false;
        writer->depth++;
    }
    return put_varint(writer, (size_t)(end - writer->at) + writer->apart - apart);
}

static inline uint64_t
zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static bool
put_value(struct writer *writer, ProtobufCType type, const void *member)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        /* A negative one is sent as if it had 64 bits. */
        return put_varint(writer, (uint64_t)(int64_t) * (const int32_t *)member);
    case PROTOBUF_C_TYPE_UINT32:
        return put_varint(writer, *(const uint32_t *)member);
    case PROTOBUF_C_TYPE_SINT32:
        return put_varint(writer, (uint32_t)zigzag(*(const int32_t *)member));
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return put_varint(writer, *(const uint64_t *)member);
    case PROTOBUF_C_TYPE_SINT64:
        return put_varint(writer, zigzag(*(const int64_t *)member));
    case PROTOBUF_C_TYPE_BOOL:
        return put_varint(writer, *(const protobuf_c_boolean *)member != 0);
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return put_fixed32(writer, *(const uint32_t *)member);
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return put_fixed64(writer, *(const uint64_t *)member);
    case PROTOBUF_C_TYPE_STRING:
        return put_text(writer, *(char *const *)member);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(writer, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return put_inner(writer, *(ProtobufCMessage *const *)member);
    }
    return false;
}

/* ---- fields ---- */

static inline bool
put_tag(struct writer *writer, uint32_t number, unsigned wire_type)
{
    return put_varint(writer, (uint64_t)number << 3 | wire_type);
}

static bool
put_element(struct writer *writer, const ProtobufCFieldDescriptor *field, const void *member)
{
    return put_value(writer, field->type, member) &&
           put_tag(writer, field->id, protobuf_shape(field->type).wire_type);
}

static bool
put_packed(struct writer *writer, const ProtobufCFieldDescriptor *field, const char *elements,
    size_t count)
{
    size_t size = protobuf_shape(field->type).size;
    const uint8_t *end = writer->at;

    for (size_t i = count; i > 0; i--)
        if (!put_value(writer, field->type, elements + (i - 1) * size))
            return false;
    return put_varint(writer, (size_t)(end - writer->at)) &&
           put_tag(writer, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

static bool
put_repeated(struct writer *writer, const ProtobufCFieldDescriptor *field, const char *message)
{
    const char *elements = *(char *const *)(const void *)(message + field->offset);
    size_t count = *(const size_t *)(const void *)(message + field->quantifier_offset);
    size_t size = protobuf_shape(field->type).size;

    if (count > 0 && (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0)
        return put_packed(writer, field, elements, count);
    for (size_t i = count; i > 0; i--)
        if (!put_element(writer, field, elements + (i - 1) * size))
            return false;
    return true;
}

/* What proto3 does not send. */
static bool
is_zero(ProtobufCType type, const void *member)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
        return *(const float *)member == 0;
    case PROTOBUF_C_TYPE_DOUBLE:
        return *(const double *)member == 0;
    case PROTOBUF_C_TYPE_STRING:
        return *(char *const *)member == NULL || **(char *const *)member == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(void *const *)member == NULL;
    default:
        return protobuf_shape(type).size == sizeof(uint64_t) ? *(const uint64_t *)member == 0
                                                             : *(const uint32_t *)member == 0;
    }
}

/* Texts and messages that are optional say by their pointer whether they are there. */
static bool
is_set(const ProtobufCFieldDescriptor *field, const void *member, const void *quantifier)
{
    if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const void *pointer = *(void *const *)member;

        return pointer != NULL && pointer != field->default_value;
    }
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 ||
           *(const protobuf_c_boolean *)quantifier != 0;
}

static inline bool
put_plain_text(struct writer *writer, const ProtobufCFieldDescriptor *field, const char *text)
{
    return text == NULL || *text == '\0' ||
           (put_text(writer, text) &&
               put_tag(writer, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED));
}

static inline bool
put_plain_number(struct writer *writer, const ProtobufCFieldDescriptor *field, uint64_t value)
{
    return value == 0 ||
           (put_varint(writer, value) && put_tag(writer, field->id, PROTOBUF_C_WIRE_TYPE_VARINT));
}

/* A field of proto3 that is neither repeated, optional nor in a oneof, as most are: there when it
 * is not zero. No text. */
static bool
put_plain(struct writer *writer, const ProtobufCFieldDescriptor *field, const void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        return put_plain_number(writer, field, (uint64_t)(int64_t) * (const int32_t *)member);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        return put_plain_number(writer, field, *(const uint64_t *)member);
    default:
        return is_zero(field->type, member) || put_element(writer, field, member);
    }
}

static bool
put_field(struct writer *writer, const ProtobufCFieldDescriptor *field, const char *message)
{
    const void *member = message + field->offset, *quantifier;
    bool in_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0, there = true;

    if (field->label == PROTOBUF_C_LABEL_NONE && !in_oneof)
        return field->type == PROTOBUF_C_TYPE_STRING
                   ? put_plain_text(writer, field, *(char *const *)member)
                   : put_plain(writer, field, member);
    quantifier = message + field->quantifier_offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return put_repeated(writer, field, message);
    if (field->label != PROTOBUF_C_LABEL_REQUIRED && in_oneof)
        there = *(const uint32_t *)quantifier == field->id && is_set(field, member, quantifier);
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        there = is_set(field, member, quantifier);
    return !there || put_element(writer, field, member);
}

static bool
put_message(struct writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = message->n_unknown_fields; i > 0; i--) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i - 1];

        if (!put(writer, unknown->data, unknown->len) ||
            !put_tag(writer, unknown->tag, unknown->wire_type))
            return false;
    }
    for (unsigned i = type->n_fields; i > 0; i--)
        if (!put_field(writer, &type->fields[i - 1], (const char *)message))
            return false;
    return true;
}

bool
wire_message_pack(const ProtobufCMessage *message, uint8_t *room, size_t size, uint8_t **out_bytes)
{
    struct writer writer = {.start = room, .at = room + size, .depth = PROTOBUF_DEPTH_MAX};

    if (!put_message(&writer, message))
        return false;
    *out_bytes = writer.at;
    return true;
}

bool
wire_message_pack_parts(
    const ProtobufCMessage *message, uint8_t *room, size_t size, struct wire_parts *out_parts)
{
    uint8_t *end = room + size;
    struct writer writer = {
        .start = room, .at = end, .depth = PROTOBUF_DEPTH_MAX, .end = end, .parts = out_parts};

    out_parts->first = WIRE_PARTS;
    out_parts->len = 0;
    return put_message(&writer, message) &&
           add_part(&writer, writer.at, (size_t)(writer.end - writer.at));
}
