/* SPDX-License-Identifier: Apache-2.0 */
/* Packs protobuf-c's structs, writing from the end to the beginning, so that the length of a string
 * or nested message is known when it is written, without measuring beforehand.
 *
 * Each put function takes the position before which to write, and returns where its output starts:
 * so it stays in a register, unlike a member of the writer. NULL: no room, or messages are nested
 * too deep.
 *
 * The bytes are those of protobuf_c_message_pack, except for a plain float or double that is -0: it
 * is not the default, so it is sent. protobuf-c, which packs what is too large here, does not make
 * that distinction (see zeros.c). */
#include "wire/wire.h"

#include "base/bytes.h"
#include "base/copy.h"
#include "base/hint.h"
#include "wire/protobuf.h"

/* Minimum length of a string or byte string that is not copied. */
#define APART_LEAST 4096

/* The bytes from `end` on already belong to a part. */
struct writer {
    uint8_t *start;
    unsigned depth;           /* nesting levels left: each takes several stack frames */
    size_t apart;             /* bytes that were not copied */
    uint8_t *end;             /* this and the next only with parts */
    struct wire_parts *parts; /* NULL: the whole message is copied into the room */
};

static inline size_t
room_of(const struct writer *writer, const uint8_t *at)
{
    return (size_t)(at - writer->start);
}

static inline uint8_t *
put(const struct writer *writer, uint8_t *at, const void *bytes, size_t len)
{
    if (room_of(writer, at) < len)
        return NULL;
    copy_bytes(at - len, bytes, len);
    return at - len;
}

/* Parts are added from the last to the first. */
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

static COLD uint8_t *
leave_apart(struct writer *writer, uint8_t *at, const void *bytes, size_t len)
{
    if (writer->parts == NULL || len < APART_LEAST ||
        !add_part(writer, at, (size_t)(writer->end - at)) || !add_part(writer, bytes, len))
        return NULL;
    writer->apart += len;
    writer->end = at;
    return at;
}

static APART uint8_t *
put_long_varint(const struct writer *writer, uint8_t *at, uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1), len = (bits * 9 + 64) / 64;

    if (room_of(writer, at) < len)
        return NULL;
    at -= len;
    for (unsigned i = 0; i < len - 1; i++, value >>= 7)
        at[i] = (uint8_t)(value | 0x80);
    at[len - 1] = (uint8_t)value;
    return at;
}

static inline uint8_t *
put_varint(const struct writer *writer, uint8_t *at, uint64_t value)
{
    if (value >= 0x80 || at == writer->start)
        return put_long_varint(writer, at, value);
    *--at = (uint8_t)value;
    return at;
}

static uint8_t *
put_fixed32(const struct writer *writer, uint8_t *at, uint32_t value)
{
    if (room_of(writer, at) < 4)
        return NULL;
    store_le32(at - 4, value);
    return at - 4;
}

static uint8_t *
put_fixed64(const struct writer *writer, uint8_t *at, uint64_t value)
{
    if (room_of(writer, at) < 8)
        return NULL;
    store_le64(at - 8, value);
    return at - 8;
}

static inline uint8_t *
put_tag(const struct writer *writer, uint8_t *at, uint32_t number, unsigned wire_type)
{
    return put_varint(writer, at, (uint64_t)number << 3 | wire_type);
}

/* Write a number with its tag in front, usually a byte each. */
static inline uint8_t *
put_tagged(
    const struct writer *writer, uint8_t *at, uint32_t number, unsigned wire_type, uint64_t value)
{
    uint64_t tag = (uint64_t)number << 3 | wire_type;

    if ((tag | value) < 0x80 && room_of(writer, at) >= 2) {
        at[-1] = (uint8_t)value;
        at[-2] = (uint8_t)tag;
        return at - 2;
    }
    at = put_varint(writer, at, value);
    return at == NULL ? NULL : put_varint(writer, at, tag);
}

/* ---- values ---- */

static uint8_t *put_message(struct writer *writer, uint8_t *at, const ProtobufCMessage *message);

/* The length of a string; if longer than the room, some length greater than the room. */
static inline size_t
measure(const struct writer *writer, const uint8_t *at, const char *text)
{
    return strnlen(text, room_of(writer, at) + 1);
}

static uint8_t *
put_measured(struct writer *writer, uint8_t *at, const char *text, size_t len)
{
    if (len <= room_of(writer, at)) {
        at = put(writer, at, text, len);
    } else {
        if (writer->parts != NULL)
            len += strlen(text + len);
        at = leave_apart(writer, at, text, len);
    }
    return at == NULL ? NULL : put_varint(writer, at, len);
}

static uint8_t *
put_text(struct writer *writer, uint8_t *at, const char *text)
{
    if (text == NULL)
        return put_varint(writer, at, 0);
    return put_measured(writer, at, text, measure(writer, at, text));
}

static uint8_t *
put_bytes(struct writer *writer, uint8_t *at, const ProtobufCBinaryData *data)
{
    if (data->len <= room_of(writer, at))
        at = put(writer, at, data->data, data->len);
    else
        at = leave_apart(writer, at, data->data, data->len);
    return at == NULL ? NULL : put_varint(writer, at, data->len);
}

/* Write a message without its length, which is returned in *out_len. */
static inline uint8_t *
put_contents(struct writer *writer, uint8_t *at, const ProtobufCMessage *message, size_t *out_len)
{
    const uint8_t *end = at;
    size_t apart = writer->apart;

    if (writer->depth == 0)
        return NULL;
    writer->depth--;
    at = put_message(writer, at, message);
    writer->depth++;
    if (at != NULL)
        *out_len = (size_t)(end - at) + writer->apart - apart;
    return at;
}

static uint8_t *
put_inner(struct writer *writer, uint8_t *at, const ProtobufCMessage *message)
{
    size_t len = 0;

    if (message != NULL)
        at = put_contents(writer, at, message, &len);
    return at == NULL ? NULL : put_varint(writer, at, len);
}

static inline uint64_t
zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/* The varint to send for a number. False: the type is not sent as a varint. */
static inline bool
varint_of(ProtobufCType type, const void *member, uint64_t *out_value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        /* Negative values are sign-extended to 64 bits. */
        *out_value = (uint64_t)(int64_t) * (const int32_t *)member;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
        *out_value = *(const uint32_t *)member;
        return true;
    case PROTOBUF_C_TYPE_SINT32:
        *out_value = (uint32_t)zigzag(*(const int32_t *)member);
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *out_value = *(const uint64_t *)member;
        return true;
    case PROTOBUF_C_TYPE_SINT64:
        *out_value = zigzag(*(const int64_t *)member);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *out_value = *(const protobuf_c_boolean *)member != 0;
        return true;
    default:
        return false;
    }
}

static uint8_t *
put_value(struct writer *writer, uint8_t *at, ProtobufCType type, const void *member)
{
    uint64_t value;

    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return put_fixed32(writer, at, *(const uint32_t *)member);
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return put_fixed64(writer, at, *(const uint64_t *)member);
    case PROTOBUF_C_TYPE_STRING:
        return put_text(writer, at, *(char *const *)member);
    case PROTOBUF_C_TYPE_BYTES:
        return put_bytes(writer, at, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return put_inner(writer, at, *(ProtobufCMessage *const *)member);
    default:
        return varint_of(type, member, &value) ? put_varint(writer, at, value) : NULL;
    }
}

/* ---- fields ---- */

static uint8_t *
put_element(
    struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field, const void *member)
{
    at = put_value(writer, at, field->type, member);
    return at == NULL ? NULL
                      : put_tag(writer, at, field->id, protobuf_shape(field->type).wire_type);
}

static uint8_t *
put_packed(struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field,
    const char *elements, size_t count)
{
    size_t size = protobuf_shape(field->type).size;
    const uint8_t *end = at;

    for (size_t i = count; i > 0 && at != NULL; i--)
        at = put_value(writer, at, field->type, elements + (i - 1) * size);
    return at == NULL ? NULL
                      : put_tagged(writer, at, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                            (size_t)(end - at));
}

static uint8_t *
put_repeated(
    struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field, const char *message)
{
    const char *elements = *(char *const *)(const void *)(message + field->offset);
    size_t count = *(const size_t *)(const void *)(message + field->quantifier_offset);
    size_t size = protobuf_shape(field->type).size;

    if (count > 0 && (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0)
        return put_packed(writer, at, field, elements, count);
    for (size_t i = count; i > 0 && at != NULL; i--)
        at = put_element(writer, at, field, elements + (i - 1) * size);
    return at;
}

/* Is this a default value, which proto3 omits? -0 is not. */
static bool
is_zero(ProtobufCType type, const void *member)
{
    if (type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)member)->len == 0;
    return protobuf_shape(type).size == sizeof(uint64_t) ? *(const uint64_t *)member == 0
                                                         : *(const uint32_t *)member == 0;
}

/* Optional strings and messages are set if their pointer is. */
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

/* ---- plain fields, sent if not zero ---- */

static APART uint8_t *
put_long_text(struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field,
    const char *text, size_t len)
{
    at = put_measured(writer, at, text, len);
    return at == NULL ? NULL : put_tag(writer, at, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

/* Fast path: a short string with a small field number, and room for it. */
static inline uint8_t *
put_plain_text(
    struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field, const char *text)
{
    size_t len, tag;

    if (text == NULL || *text == '\0')
        return at;
    len = measure(writer, at, text);
    tag = (size_t)field->id << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if ((len | tag) >= 0x80 || room_of(writer, at) < len + 2)
        return put_long_text(writer, at, field, text, len);
    at -= len;
    copy_few(at, (const uint8_t *)text, len);
    at[-1] = (uint8_t)len;
    at[-2] = (uint8_t)tag;
    return at - 2;
}

static APART uint8_t *
put_plain_message(
    struct writer *writer, uint8_t *at, uint32_t number, const ProtobufCMessage *message)
{
    size_t len;

    if (message == NULL)
        return at;
    at = put_contents(writer, at, message, &len);
    if (at == NULL)
        return NULL;
    return put_tagged(writer, at, number, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, len);
}

static inline uint8_t *
put_plain_varint(const struct writer *writer, uint8_t *at, uint32_t number, uint64_t value)
{
    return value == 0 ? at : put_tagged(writer, at, number, PROTOBUF_C_WIRE_TYPE_VARINT, value);
}

static inline uint8_t *
put_plain(
    struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field, const void *member)
{
    uint64_t value;

    if (field->type == PROTOBUF_C_TYPE_STRING)
        return put_plain_text(writer, at, field, *(char *const *)member);
    if (varint_of(field->type, member, &value))
        return put_plain_varint(writer, at, field->id, value);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return put_plain_message(writer, at, field->id, *(ProtobufCMessage *const *)member);
    return is_zero(field->type, member) ? at : put_element(writer, at, field, member);
}

/* ---- messages ---- */

/* Write a field that is not plain. */
static APART uint8_t *
put_other(
    struct writer *writer, uint8_t *at, const ProtobufCFieldDescriptor *field, const char *message)
{
    const void *member = message + field->offset, *quantifier = message + field->quantifier_offset;
    bool there = true;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return put_repeated(writer, at, field, message);
    if (field->label != PROTOBUF_C_LABEL_REQUIRED &&
        (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        there = *(const uint32_t *)quantifier == field->id && is_set(field, member, quantifier);
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        there = is_set(field, member, quantifier);
    return there ? put_element(writer, at, field, member) : at;
}

static APART uint8_t *
put_unknown(const struct writer *writer, uint8_t *at, const ProtobufCMessage *message)
{
    for (unsigned i = message->n_unknown_fields; i > 0 && at != NULL; i--) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i - 1];

        at = put(writer, at, unknown->data, unknown->len);
        if (at != NULL)
            at = put_tag(writer, at, unknown->tag, unknown->wire_type);
    }
    return at;
}

static INLINE uint8_t *
put_fields(struct writer *writer, uint8_t *at, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *first = message->descriptor->fields;
    const ProtobufCFieldDescriptor *field = first + message->descriptor->n_fields;

    if (message->n_unknown_fields > 0) {
        at = put_unknown(writer, at, message);
        if (at == NULL)
            return NULL;
    }
    while (field > first) {
        field--;
        at = protobuf_is_plain(field)
                 ? put_plain(writer, at, field, (const char *)message + field->offset)
                 : put_other(writer, at, field, (const char *)message);
        if (at == NULL)
            return NULL;
    }
    return at;
}

/* Write a nested message. */
static uint8_t *
put_message(struct writer *writer, uint8_t *at, const ProtobufCMessage *message)
{
    return put_fields(writer, at, message);
}

bool
wire_message_pack(const ProtobufCMessage *message, uint8_t *room, size_t size, uint8_t **out_bytes)
{
    struct writer writer = {.start = room, .depth = PROTOBUF_DEPTH_MAX};
    uint8_t *bytes = put_fields(&writer, room + size, message);

    if (bytes == NULL)
        return false;
    *out_bytes = bytes;
    return true;
}

bool
wire_message_pack_parts(
    const ProtobufCMessage *message, uint8_t *room, size_t size, struct wire_parts *out_parts)
{
    uint8_t *end = room + size, *at;
    struct writer writer = {
        .start = room, .depth = PROTOBUF_DEPTH_MAX, .end = end, .parts = out_parts};

    out_parts->first = WIRE_PARTS;
    out_parts->len = 0;
    at = put_message(&writer, end, message);
    return at != NULL && add_part(&writer, at, (size_t)(writer.end - at));
}
