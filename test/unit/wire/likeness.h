/* SPDX-License-Identifier: Apache-2.0 */
/* Our reading and writing of messages beside protobuf-c's. */
/* Threads: pure functions. */
#pragma once

#include "wire/protobuf.h"
#include "wire/wire.h"
#include <stdlib.h>

/* Its bytes, by protobuf-c; to be freed. */
static inline uint8_t *
likeness_pack(const ProtobufCMessage *message, size_t *out_len)
{
    uint8_t *bytes = malloc(protobuf_c_message_get_packed_size(message) + 1);

    if (bytes != NULL)
        *out_len = protobuf_c_message_pack(message, bytes);
    return bytes;
}

/* Its bytes, by us, in the arena; NULL: it lies too deep. */
static inline uint8_t *
likeness_write(struct arena *arena, const ProtobufCMessage *message, size_t *out_len)
{
    size_t most = 2 * protobuf_c_message_get_packed_size(message) + 65536;
    uint8_t *room = arena_alloc(arena, most), *bytes = NULL;

    if (room == NULL || !wire_message_pack(message, room, most, &bytes))
        return NULL;
    *out_len = (size_t)(room + most - bytes);
    return bytes;
}

/* What we read of the bytes, written by us; NULL: it is not to be read. Beyond a number of unknown
 * fields their tags stay as they came, in however many bytes: so only what has been read once is
 * written the same from then on. */
static inline uint8_t *
likeness_read_and_write(struct arena *arena, const ProtobufCMessageDescriptor *type,
    const uint8_t *bytes, size_t len, size_t *out_len)
{
    ProtobufCMessage *message;

    if (wire_message_unpack(type, bytes, len, arena, &message).result != WIRE_UNPACKED)
        return NULL;
    return likeness_write(arena, message, out_len);
}

/* Is what protobuf-c packs of it, with its zeros kept, read as what we write? */
static inline bool
likeness_keeps_zeros(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    struct arena arena;
    size_t written_len = 0, packed_len = 0, expected_len = 0, len = 0;
    const ProtobufCMessage *kept;
    uint8_t *written, *packed, *expected, *bytes;
    bool same = true;

    arena_init(&arena, NULL, 0);
    written = likeness_write(&arena, message, &written_len);
    kept = wire_message_keep_zeros(&arena, message);
    packed = kept == NULL ? NULL : likeness_pack(kept, &packed_len);
    if (written != NULL) {
        expected = likeness_read_and_write(&arena, type, written, written_len, &expected_len);
        bytes =
            packed == NULL ? NULL : likeness_read_and_write(&arena, type, packed, packed_len, &len);
        same = expected != NULL && bytes != NULL && packed_len == written_len &&
               len == expected_len && memcmp(bytes, expected, len) == 0;
    }
    free(packed);
    arena_fini(&arena);
    return same;
}

static inline void likeness_drop_signs(const ProtobufCMessage *message);

/* Of the messages in a field. */
static inline void
likeness_drop_signs_within(const ProtobufCFieldDescriptor *field, const char *message)
{
    const void *member = message + field->offset;
    const void *quantifier = message + field->quantifier_offset;
    ProtobufCMessage *const *inner = member;
    size_t count = 1;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        inner = *(ProtobufCMessage *const *const *)member;
        count = *(const size_t *)quantifier;
    } else if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
               *(const uint32_t *)quantifier != field->id) {
        count = 0;
    }
    for (size_t i = 0; i < count; i++)
        if (inner[i] != NULL)
            likeness_drop_signs(inner[i]);
}

/* Every plain number that is -0 becomes 0: protobuf-c does not send it, but we do. */
static inline void
likeness_drop_signs(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        char *member = (char *)(uintptr_t)message + field->offset;

        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            likeness_drop_signs_within(field, (const char *)message);
        else if (!protobuf_is_plain(field))
            continue;
        else if (field->type == PROTOBUF_C_TYPE_FLOAT && *(float *)(void *)member == 0)
            *(float *)(void *)member = 0;
        else if (field->type == PROTOBUF_C_TYPE_DOUBLE && *(double *)(void *)member == 0)
            *(double *)(void *)member = 0;
    }
}

/* Do we write what protobuf-c writes, but for the signs of zeros, which the message loses? And
 * nothing in less room? */
static inline bool
likeness_packs(const ProtobufCMessage *message)
{
    size_t len = 0;
    uint8_t *expected = likeness_pack(message, &len), *room = malloc(len + 7), *bytes = NULL;
    bool same = likeness_keeps_zeros(message);

    likeness_drop_signs(message);
    same = same && expected != NULL && room != NULL &&
           wire_message_pack(message, room, len + 7, &bytes) && bytes == room + 7 &&
           (len == 0 || memcmp(bytes, expected, len) == 0) &&
           (len == 0 || !wire_message_pack(message, room, len - 1, &bytes));

    free(room);
    free(expected);
    return same;
}

/* What we made of bytes goes the whole way round. If they are what protobuf-c writes, then we must
 * have read them as it does. */
static inline bool
likeness_reads_same(
    const ProtobufCMessage *ours, const ProtobufCMessage *theirs, const uint8_t *data, size_t len)
{
    size_t our_len = 0, their_len = 0;
    uint8_t *our_bytes = likeness_pack(ours, &our_len);
    uint8_t *their_bytes = likeness_pack(theirs, &their_len);
    bool canonical = their_len == len && memcmp(their_bytes, data, len) == 0;
    bool same = likeness_packs(ours) &&
                (!canonical || (our_len == len && memcmp(our_bytes, data, len) == 0));

    free(our_bytes);
    free(their_bytes);
    return same;
}

/* False: the bytes end before. */
static inline bool
likeness_varint(const uint8_t **at, const uint8_t *end, uint64_t *out_value)
{
    *out_value = 0;
    for (unsigned i = 0; i < 10 && *at < end; i++) {
        uint8_t byte = *(*at)++;

        *out_value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return false;
}

struct likeness_field {
    uint32_t number;
    unsigned wire_type;
    const uint8_t *bytes;
    size_t len;
};

/* False: it is not whole, or of a group. */
static inline bool
likeness_next(const uint8_t **at, const uint8_t *end, struct likeness_field *out_field)
{
    uint64_t tag, len = 0, value;

    if (!likeness_varint(at, end, &tag))
        return false;
    out_field->number = (uint32_t)(tag >> 3);
    out_field->wire_type = tag & 7;
    if (out_field->wire_type == PROTOBUF_C_WIRE_TYPE_VARINT && !likeness_varint(at, end, &value))
        return false;
    if (out_field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
        !likeness_varint(at, end, &len))
        return false;
    if (out_field->wire_type == PROTOBUF_C_WIRE_TYPE_64BIT)
        len = 8;
    if (out_field->wire_type == PROTOBUF_C_WIRE_TYPE_32BIT)
        len = 4;
    if (out_field->wire_type > PROTOBUF_C_WIRE_TYPE_32BIT || (uint64_t)(end - *at) < len)
        return false;
    out_field->bytes = *at;
    out_field->len = (size_t)len;
    *at += len;
    return true;
}

/* Where protobuf-c has its own ways: a field that is known but has another wire type; one of number
 * 0, which it takes when that is written in more bytes than one; a group, which it refuses; and a
 * message that comes twice. To merge them it may fail, and it forgets unknown fields of the first.
 */
static inline bool
likeness_is_odd(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    const uint8_t *at = data;
    unsigned *seen = calloc(type->n_fields, sizeof(*seen));
    struct likeness_field field;
    bool odd = false;

    while (seen != NULL && !odd && likeness_next(&at, data + len, &field)) {
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, field.number);

        if (field.wire_type == 3)
            odd = true;
        else if (known == NULL)
            odd = field.number == 0;
        else if (field.wire_type != protobuf_shape(known->type).wire_type)
            odd = field.wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ||
                  known->label != PROTOBUF_C_LABEL_REPEATED;
        else if (known->type == PROTOBUF_C_TYPE_MESSAGE)
            odd = (known->label != PROTOBUF_C_LABEL_REPEATED && seen[known - type->fields]++ > 0) ||
                  likeness_is_odd(known->descriptor, field.bytes, field.len);
    }
    free(seen);
    return odd;
}

/* Is it read the same when parts of it, however small, stay where they came in? */
static inline bool
likeness_stays(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
    const ProtobufCMessage *ours, enum wire_unpacked expected)
{
    uint8_t *own = malloc(len + 1);
    ProtobufCMessage *message = NULL;
    struct arena arena;
    enum wire_unpacked result;
    size_t packed = 0, packed_within = 0;
    uint8_t *bytes, *bytes_within;
    bool same;

    if (own == NULL)
        return false;
    if (len > 0)
        memcpy(own, data, len);
    arena_init(&arena, NULL, 0);
    result = wire_message_unpack_within(type, own, len, 1, &arena, &message).result;
    same = result == expected;
    if (same && result == WIRE_UNPACKED) {
        bytes = likeness_pack(ours, &packed);
        bytes_within = likeness_pack(message, &packed_within);
        same = bytes != NULL && bytes_within != NULL && packed == packed_within &&
               memcmp(bytes, bytes_within, packed) == 0;
        free(bytes);
        free(bytes_within);
    }
    arena_fini(&arena);
    free(own);
    return same;
}

/* Do we take what protobuf-c takes, and refuse what it refuses? But for oddities, and for the two
 * more things that we refuse. */
static inline bool
likeness_unpacks(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    struct arena arena;
    ProtobufCMessage *ours = NULL, *theirs = protobuf_c_message_unpack(type, NULL, len, data);
    uint8_t *exact = malloc(len + (len == 0)); /* a sanitizer sees what is read beyond it */
    enum wire_unpacked result;
    bool same;

    if (exact == NULL)
        return false;
    if (len > 0)
        memcpy(exact, data, len);
    arena_init(&arena, NULL, 0);
    result = wire_message_unpack(type, exact, len, &arena, &ours).result;
    free(exact);
    if (result != WIRE_UNPACKED)
        same = theirs == NULL || result == WIRE_TOO_DEEP || result == WIRE_HAS_NUL ||
               likeness_is_odd(type, data, len);
    else if (theirs == NULL)
        same = likeness_packs(ours) && likeness_is_odd(type, data, len);
    else
        same = likeness_reads_same(ours, theirs, data, len);
    same = same && likeness_stays(type, data, len, ours, result);
    if (theirs != NULL)
        protobuf_c_message_free_unpacked(theirs, NULL);
    arena_fini(&arena);
    return same;
}
