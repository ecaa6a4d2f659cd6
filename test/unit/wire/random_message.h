/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with random contents, of any type. */
/* Threads: one owner of a seed at a time. */
#pragma once

#include "base/arena.h"
#include "wire/protobuf.h"

static inline uint64_t
roll(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Of any magnitude, zero among them. */
static inline uint64_t
roll_number(uint64_t *seed)
{
    return roll(seed) % 4 == 0 ? 0 : roll(seed) >> roll(seed) % 64;
}

static inline char *
roll_text(uint64_t *seed, struct arena *arena, size_t *out_len)
{
    size_t len = (size_t)(roll(seed) % 8 == 0 ? roll(seed) % 300 : roll(seed) % 9);
    char *text = arena_zalloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)(roll(seed) % 255 + 1);
    *out_len = len;
    return text;
}

static inline ProtobufCMessage *roll_message(
    uint64_t *seed, struct arena *arena, const ProtobufCMessageDescriptor *type, unsigned depth);

static inline void
roll_value(uint64_t *seed, struct arena *arena, const ProtobufCFieldDescriptor *field, void *member,
    unsigned depth)
{
    ProtobufCBinaryData *data = member;
    uint64_t number = roll_number(seed);
    size_t len;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = roll_text(seed, arena, &len);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        data->data = (uint8_t *)roll_text(seed, arena, &data->len);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)member = roll_message(seed, arena, field->descriptor, depth - 1);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = number & 1;
        break;
    default:
        memcpy(member, &number, protobuf_shape(field->type).size);
        break;
    }
}

static inline void
roll_repeated(uint64_t *seed, struct arena *arena, const ProtobufCFieldDescriptor *field,
    char *message, unsigned depth)
{
    size_t count = (size_t)(roll(seed) % 7), size = protobuf_shape(field->type).size;
    char *elements = arena_zalloc(arena, count * size + 1);

    for (size_t i = 0; i < count; i++)
        roll_value(seed, arena, field, elements + i * size, depth);
    *(size_t *)(void *)(message + field->quantifier_offset) = count;
    *(char **)(void *)(message + field->offset) = elements;
}

/* Of a oneof, the last field that is rolled is chosen. */
static inline void
roll_field(uint64_t *seed, struct arena *arena, const ProtobufCFieldDescriptor *field,
    char *message, unsigned depth)
{
    char *quantifier = message + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        roll_repeated(seed, arena, field, message, depth);
        return;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        memset(message + field->offset, 0, protobuf_shape(field->type).size);
        memcpy(quantifier, &field->id, sizeof(field->id));
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0) {
        *(protobuf_c_boolean *)(void *)quantifier = true;
    }
    roll_value(seed, arena, field, message + field->offset, depth);
}

static inline void
roll_unknown(uint64_t *seed, struct arena *arena, ProtobufCMessage *message)
{
    static const ProtobufCMessageUnknownField some[] = {
        {.tag = 900,
            .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT,
            .len = 2,
            .data = (uint8_t *)"\x96\1"},
        {.tag = 901,
            .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
            .len = 3,
            .data = (uint8_t *)"\2ab"},
        {.tag = 902, .wire_type = PROTOBUF_C_WIRE_TYPE_32BIT, .len = 4, .data = (uint8_t *)"abcd"},
        {.tag = 903,
            .wire_type = PROTOBUF_C_WIRE_TYPE_64BIT,
            .len = 8,
            .data = (uint8_t *)"abcdefgh"},
    };

    message->n_unknown_fields = (unsigned)(roll(seed) % 5);
    message->unknown_fields = arena_zalloc(arena, sizeof some);
    memcpy(message->unknown_fields, some, sizeof some);
}

static inline ProtobufCMessage *
roll_message(
    uint64_t *seed, struct arena *arena, const ProtobufCMessageDescriptor *type, unsigned depth)
{
    ProtobufCMessage *message = arena_alloc(arena, type->sizeof_message);

    type->message_init(message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        bool wanted = field->label == PROTOBUF_C_LABEL_REQUIRED || roll(seed) % 3 == 0;

        if (wanted && (field->type != PROTOBUF_C_TYPE_MESSAGE || depth > 0))
            roll_field(seed, arena, field, (char *)message, depth);
    }
    if (roll(seed) % 4 == 0)
        roll_unknown(seed, arena, message);
    return message;
}
