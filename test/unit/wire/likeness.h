/* SPDX-License-Identifier: Apache-2.0 */
/* Our reading and writing of messages beside protobuf-c's. */
/* Threads: pure functions. */
#pragma once

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

/* Do we write what protobuf-c writes? And nothing in less room? */
static inline bool
likeness_packs(const ProtobufCMessage *message)
{
    size_t len = 0;
    uint8_t *expected = likeness_pack(message, &len), *room = malloc(len + 7), *bytes = NULL;
    bool same = expected != NULL && room != NULL &&
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

static inline bool likeness_has_oddity(const ProtobufCMessage *message);

static inline bool
likeness_field_has_oddity(const ProtobufCFieldDescriptor *field, const char *message)
{
    const char *member = message + field->offset, *quantifier = message + field->quantifier_offset;
    ProtobufCMessage *const *inner = (ProtobufCMessage *const *)(const void *)member;
    size_t count = 1;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        count = *(const uint32_t *)(const void *)quantifier == field->id ? 1 : 0;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        count = *(const size_t *)(const void *)quantifier;
        inner = *(ProtobufCMessage *const *const *)(const void *)member;
    }
    for (size_t i = 0; i < count; i++)
        if (inner[i] != NULL && likeness_has_oddity(inner[i]))
            return true;
    return false;
}

/* Is there a field whose number is known but not with its wire type? Or one of number 0, which
 * protobuf-c takes when it is written in more bytes than one? */
static inline bool
likeness_has_oddity(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < message->n_unknown_fields; i++)
        if (message->unknown_fields[i].tag == 0 ||
            protobuf_c_message_descriptor_get_field(type, message->unknown_fields[i].tag) != NULL)
            return true;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (likeness_field_has_oddity(&type->fields[i], (const char *)message))
            return true;
    return false;
}

/* Do we take what protobuf-c takes, and refuse what it refuses? But for the two more things that we
 * refuse, and for oddities: protobuf-c is strict with wire types, but not with that of bool; and
 * sometimes it fails to merge a message that comes twice, which makes the bytes fewer. */
static inline bool
likeness_unpacks(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
    struct arena arena;
    ProtobufCMessage *ours = NULL, *theirs = protobuf_c_message_unpack(type, NULL, len, data);
    enum wire_unpacked result;
    bool same;

    arena_init(&arena, NULL, 0);
    result = wire_message_unpack(type, data, len, &arena, &ours);
    if (result != WIRE_UNPACKED)
        same = theirs == NULL || result == WIRE_TOO_DEEP || result == WIRE_HAS_NUL ||
               likeness_has_oddity(theirs);
    else if (theirs == NULL)
        same = likeness_packs(ours) &&
               (likeness_has_oddity(ours) || protobuf_c_message_get_packed_size(ours) < len);
    else
        same = likeness_reads_same(ours, theirs, data, len);
    if (theirs != NULL)
        protobuf_c_message_free_unpacked(theirs, NULL);
    arena_fini(&arena);
    return same;
}
