/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's bytes into protobuf-c's structs, in one pass and into an arena.
 *
 * It makes of them what protobuf_c_message_unpack makes, without that function's list of all fields
 * found before the first is read. Two things that it would let pass are refused here: messages too
 * deep in each other, which recursion could not bear, and a U+0000 in a text, which C would take
 * for the text's end. Many unknown fields are kept as one. And what is known by number but has
 * another wire type counts as unknown, as it does for protobuf's own implementations.
 *
 * What is large may stay where it came in. The end of such a text goes where the next field
 * begins, once that was read.
 *
 * A repeated field grows as it comes. Its array always has room for the power of two at or above
 * the number of its elements, so that number tells the room as well. */
#include "wire/wire.h"

#include "base/bytes.h"
#include "base/hint.h"
#include "wire/protobuf.h"

#define LEAST_ROOM 4u

/* Fields of a message of which it is noted without allocation whether they came. */
#define FEW_FIELDS 64u

/* Unknown fields that are kept one by one. */
#define LOOSE_FIELDS 256u

struct reader {
    const uint8_t *at, *end; /* of the message at hand */
    struct arena *arena;
    size_t large;   /* what stays where it is; SIZE_MAX: nothing does */
    uint8_t *open;  /* the end that such a text is still to get; NULL: none */
    unsigned depth; /* how many more messages may lie in each other */
    unsigned loose; /* how many more unknown fields are kept one by one */
    enum wire_unpacked result;
};

static bool
fail(struct reader *reader, enum wire_unpacked result)
{
    reader->result = result;
    return false;
}

/* ---- numbers ---- */

static bool
read_long_varint(struct reader *reader, unsigned max_bytes, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < max_bytes && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return fail(reader, WIRE_MALFORMED);
}

static inline bool
read_varint(struct reader *reader, unsigned max_bytes, uint64_t *out_value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *out_value = *reader->at++;
        return true;
    }
    return read_long_varint(reader, max_bytes, out_value);
}

static inline bool
take(struct reader *reader, size_t len, const uint8_t **out_bytes)
{
    if ((size_t)(reader->end - reader->at) < len)
        return fail(reader, WIRE_MALFORMED);
    *out_bytes = reader->at;
    reader->at += len;
    return true;
}

/* What comes behind its length. */
static inline bool
take_counted(struct reader *reader, const uint8_t **out_bytes, size_t *out_len)
{
    uint64_t len;

    if (!read_varint(reader, 5, &len))
        return false;
    if (len > INT32_MAX)
        return fail(reader, WIRE_MALFORMED);
    *out_len = (size_t)len;
    return take(reader, (size_t)len, out_bytes);
}

/* A number that came as a varint, into a member of the given type. Negative int32 come as ten
 * bytes; their lower half is what counts. */
static void
store_varint(ProtobufCType type, uint64_t value, void *member)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SINT32:
        *(uint32_t *)member = (uint32_t)value >> 1 ^ -((uint32_t)value & 1);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)member = value;
        break;
    case PROTOBUF_C_TYPE_SINT64:
        *(uint64_t *)member = value >> 1 ^ -(value & 1);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = value != 0;
        break;
    default:
        *(uint32_t *)member = (uint32_t)value;
        break;
    }
}

/* A number of any type. */
static bool
read_number(struct reader *reader, ProtobufCType type, void *member)
{
    unsigned wire_type = protobuf_shape(type).wire_type;
    const uint8_t *bytes;
    uint64_t value;

    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) {
        if (!read_varint(reader, 10, &value))
            return false;
        store_varint(type, value, member);
    } else if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT) {
        if (!take(reader, 4, &bytes))
            return false;
        *(uint32_t *)member = load_le32(bytes);
    } else {
        if (!take(reader, 8, &bytes))
            return false;
        *(uint64_t *)member = load_le64(bytes);
    }
    return true;
}

/* ---- what has a length ---- */

static inline bool
read_text(struct reader *reader, char **out_text)
{
    const uint8_t *bytes;
    size_t len;
    char *text;

    if (!take_counted(reader, &bytes, &len))
        return false;
    if (len > 0 && memchr(bytes, '\0', len) != NULL)
        return fail(reader, WIRE_HAS_NUL);
    if (len >= reader->large) {
        *out_text = (char *)(uintptr_t)bytes;
        reader->open = (uint8_t *)(uintptr_t)bytes + len;
        return true;
    }
    text = arena_alloc(reader->arena, len + 1);
    if (text == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    memcpy(text, bytes, len);
    text[len] = '\0';
    *out_text = text;
    return true;
}

static bool
dup_bytes(struct reader *reader, const uint8_t *bytes, size_t len, uint8_t **out_copy)
{
    uint8_t *copy = arena_alloc(reader->arena, len);

    if (copy == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    memcpy(copy, bytes, len);
    *out_copy = copy;
    return true;
}

static bool
read_bytes(struct reader *reader, ProtobufCBinaryData *out_data)
{
    const uint8_t *bytes;
    size_t len;

    if (!take_counted(reader, &bytes, &len))
        return false;
    out_data->len = len;
    out_data->data = len >= reader->large ? (uint8_t *)(uintptr_t)bytes : NULL;
    return len == 0 || out_data->data != NULL || dup_bytes(reader, bytes, len, &out_data->data);
}

static bool read_fields(struct reader *reader, ProtobufCMessage *message);

static ProtobufCMessage *
new_message(struct reader *reader, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = arena_alloc(reader->arena, type->sizeof_message);

    if (message == NULL)
        reader->result = WIRE_NO_MEMORY;
    else
        type->message_init(message);
    return message;
}

/* A message in a message; one that has come before is added to, as protobuf merges. */
static bool
read_message(
    struct reader *reader, const ProtobufCFieldDescriptor *field, ProtobufCMessage **message)
{
    const uint8_t *bytes, *end = reader->end;
    size_t len;

    if (!take_counted(reader, &bytes, &len))
        return false;
    if (reader->depth == 0)
        return fail(reader, WIRE_TOO_DEEP);
    if (*message == NULL || *message == field->default_value)
        *message = new_message(reader, field->descriptor);
    if (*message == NULL)
        return false;
    reader->at = bytes;
    reader->end = bytes + len;
    reader->depth--;
    if (!read_fields(reader, *message))
        return false;
    reader->depth++;
    reader->end = end;
    return true;
}

static bool
read_value(struct reader *reader, const ProtobufCFieldDescriptor *field, void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return read_text(reader, member);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(reader, field, member);
    default:
        return read_number(reader, field->type, member);
    }
}

/* ---- repeated fields ---- */

static size_t
room_for(size_t count)
{
    size_t room = LEAST_ROOM;

    while (room < count)
        room *= 2;
    return count == 0 ? 0 : room;
}

/* Make room for `more` elements behind `count`. */
static bool
grow(struct reader *reader, void **array, size_t count, size_t more, size_t size)
{
    size_t room = room_for(count + more);
    void *larger;

    if (room == room_for(count))
        return true;
    larger = arena_alloc(reader->arena, room * size);
    if (larger == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    if (count > 0)
        memcpy(larger, *array, count * size);
    *array = larger;
    return true;
}

static bool
read_element(
    struct reader *reader, const ProtobufCFieldDescriptor *field, void **array, size_t *count)
{
    size_t size = protobuf_shape(field->type).size;
    char *element;

    if (!grow(reader, array, *count, 1, size))
        return false;
    element = (char *)*array + *count * size;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        *(ProtobufCMessage **)(void *)element = NULL;
    if (!read_value(reader, field, element))
        return false;
    ++*count;
    return true;
}

/* How many numbers there are in bytes; 0 when they do not divide. */
static size_t
count_packed(ProtobufCType type, const uint8_t *bytes, size_t len)
{
    unsigned wire_type = protobuf_shape(type).wire_type;
    size_t count = 0;

    if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT)
        return len % 4 == 0 ? len / 4 : 0;
    if (wire_type == PROTOBUF_C_WIRE_TYPE_64BIT)
        return len % 8 == 0 ? len / 8 : 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] < 0x80;
    return count;
}

static bool
read_packed(
    struct reader *reader, const ProtobufCFieldDescriptor *field, void **array, size_t *count)
{
    size_t size = protobuf_shape(field->type).size, len, more;
    struct reader numbers = *reader;
    char *element;

    if (!take_counted(reader, &numbers.at, &len))
        return false;
    numbers.end = numbers.at + len;
    more = count_packed(field->type, numbers.at, len);
    if (more == 0)
        return len == 0 || fail(reader, WIRE_MALFORMED);
    if (!grow(reader, array, *count, more, size))
        return false;
    element = (char *)*array + *count * size;
    for (size_t i = 0; i < more; i++, element += size)
        if (!read_number(&numbers, field->type, element))
            return fail(reader, WIRE_MALFORMED);
    *count += more;
    return numbers.at == numbers.end || fail(reader, WIRE_MALFORMED);
}

static bool
read_repeated(
    struct reader *reader, const ProtobufCFieldDescriptor *field, unsigned wire_type, char *message)
{
    void **array = (void **)(void *)(message + field->offset);
    size_t *count = (size_t *)(void *)(message + field->quantifier_offset);

    if (wire_type == protobuf_shape(field->type).wire_type)
        return read_element(reader, field, array, count);
    return read_packed(reader, field, array, count);
}

/* ---- fields ---- */

/* Another field of the same oneof takes the place of the one that came before. */
static void
choose_case(const ProtobufCFieldDescriptor *field, char *message)
{
    uint32_t *chosen = (uint32_t *)(void *)(message + field->quantifier_offset);

    if (*chosen != field->id)
        memset(message + field->offset, 0, protobuf_shape(field->type).size);
    *chosen = field->id;
}

static bool
read_field(
    struct reader *reader, const ProtobufCFieldDescriptor *field, unsigned wire_type, char *message)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(reader, field, wire_type, message);
    if (field->label == PROTOBUF_C_LABEL_NONE && field->type == PROTOBUF_C_TYPE_STRING &&
        (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return read_text(reader, (char **)(void *)(message + field->offset));
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        choose_case(field, message);
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
        *(protobuf_c_boolean *)(void *)(message + field->quantifier_offset) = true;
    return read_value(reader, field, message + field->offset);
}

/* Numbers may come packed whatever the schema says, and singly where it says packed. */
static inline bool
fits(const ProtobufCFieldDescriptor *field, unsigned wire_type)
{
    return wire_type == protobuf_shape(field->type).wire_type ||
           (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
               field->label == PROTOBUF_C_LABEL_REPEATED);
}

/* Where a value of no known field ends; groups are refused. */
static bool
skip_value(struct reader *reader, unsigned wire_type)
{
    const uint8_t *bytes;
    uint64_t value;
    size_t len;

    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(reader, 10, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take(reader, 8, &bytes);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return take_counted(reader, &bytes, &len);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take(reader, 4, &bytes);
    default:
        return fail(reader, WIRE_MALFORMED);
    }
}

/* Bytes behind those of an unknown field, which have room as an array has. */
static bool
append_unknown(struct reader *reader, ProtobufCMessageUnknownField *field, const uint8_t *bytes)
{
    size_t len = (size_t)(reader->at - bytes);
    void *data = field->data;

    if (!grow(reader, &data, field->len, len, 1))
        return false;
    if (data == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    field->data = data;
    if (len > 0)
        memcpy(field->data + field->len, bytes, len);
    field->len += len;
    return true;
}

/* Room for another unknown field; the last of a message that is not kept loose stays the last. */
static bool
grow_unknown(struct reader *reader, ProtobufCMessage *message)
{
    void *array = message->unknown_fields;

    if (reader->loose == 0) {
        array = arena_alloc(reader->arena, sizeof(ProtobufCMessageUnknownField));
        if (array == NULL)
            return fail(reader, WIRE_NO_MEMORY);
    } else {
        reader->loose--;
        if (!grow(
                reader, &array, message->n_unknown_fields, 1, sizeof(ProtobufCMessageUnknownField)))
            return false;
    }
    message->unknown_fields = array;
    return true;
}

/* Kept, so that a message which is passed on loses nothing. Two bytes may be a field, whose struct
 * has twenty times as many: so after the first LOOSE_FIELDS, what comes joins the last one of its
 * message, tag and all, which packs to the same bytes. */
static APART bool
keep_unknown(struct reader *reader, const uint8_t *tag, uint32_t number, unsigned wire_type,
    ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField field = {.tag = number, .wire_type = wire_type};
    const uint8_t *start = reader->at;

    if (!skip_value(reader, wire_type))
        return false;
    if (reader->loose == 0 && message->n_unknown_fields > 0)
        return append_unknown(reader, &message->unknown_fields[message->n_unknown_fields - 1], tag);
    if (!append_unknown(reader, &field, start) || !grow_unknown(reader, message))
        return false;
    message->unknown_fields[message->n_unknown_fields++] = field;
    return true;
}

/* Fields mostly come in the order of their numbers. `next`: where to look first. */
static inline const ProtobufCFieldDescriptor *
find_field(const ProtobufCMessageDescriptor *type, uint32_t number, unsigned next)
{
    if (next < type->n_fields && type->fields[next].id == number)
        return &type->fields[next];
    if (next > 0 && type->fields[next - 1].id == number)
        return &type->fields[next - 1];
    return protobuf_c_message_descriptor_get_field(type, number);
}

/* Those of 64 fields, from `first` on, that have not come. */
static inline uint64_t
missing_of(const ProtobufCMessageDescriptor *type, unsigned first, uint64_t seen)
{
    unsigned left = type->n_fields - first;

    return ~seen & (left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1);
}

/* Have all fields come that must, unless they have a default? */
static inline bool
is_complete(const ProtobufCMessageDescriptor *type, const uint64_t *seen)
{
    for (unsigned first = 0; first < type->n_fields; first += 64) {
        uint64_t missing = missing_of(type, first, seen[first / 64]);

        for (; missing != 0; missing &= missing - 1) {
            const ProtobufCFieldDescriptor *field =
                &type->fields[first + (unsigned)__builtin_ctzll(missing)];

            if (field->label == PROTOBUF_C_LABEL_REQUIRED && field->default_value == NULL)
                return false;
        }
    }
    return true;
}

/* A bit for each field that has come: `few`, if they are few. NULL: no memory. */
static uint64_t *
make_seen(struct reader *reader, const ProtobufCMessageDescriptor *type, uint64_t *few)
{
    uint64_t *seen = few;

    *few = 0;
    if (type->n_fields > FEW_FIELDS)
        seen = arena_zalloc(reader->arena, (type->n_fields + 63) / 64 * sizeof(*seen));
    if (seen == NULL)
        reader->result = WIRE_NO_MEMORY;
    return seen;
}

/* A field's number, which is never 0, and how its value lies there. */
static inline bool
read_tag(struct reader *reader, uint32_t *out_number, unsigned *out_wire_type)
{
    uint64_t tag;

    if (!read_varint(reader, 5, &tag))
        return false;
    *out_number = (uint32_t)(tag >> 3);
    *out_wire_type = tag & 7;
    return *out_number != 0 || fail(reader, WIRE_MALFORMED);
}

/* Write the end of a text that stays. */
static inline void
end_text(uint8_t *end)
{
    if (end != NULL)
        *end = '\0';
}

static bool
read_fields(struct reader *reader, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const ProtobufCFieldDescriptor *field;
    uint64_t few, *seen = make_seen(reader, type, &few);
    const uint8_t *tag;
    uint8_t *open;
    uint32_t number;
    unsigned wire_type, next = 0;

    if (seen == NULL)
        return false;
    while (reader->at < reader->end) {
        tag = reader->at;
        open = reader->open; /* its end is at `tag` */
        reader->open = NULL;
        if (!read_tag(reader, &number, &wire_type))
            return false;
        field = find_field(type, number, next);
        if (field != NULL && fits(field, wire_type)) {
            if (!read_field(reader, field, wire_type, (char *)message))
                return false;
            next = (unsigned)(field - type->fields);
            seen[next / 64] |= UINT64_C(1) << next % 64;
            next++;
        } else if (!keep_unknown(reader, tag, number, wire_type, message)) {
            return false;
        }
        end_text(open);
    }
    return is_complete(type, seen) || fail(reader, WIRE_MALFORMED);
}

static inline enum wire_unpacked
unpack(
    struct reader *reader, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message)
{
    ProtobufCMessage *message = new_message(reader, type);

    if (message == NULL || !read_fields(reader, message))
        return reader->result;
    *out_message = message;
    return WIRE_UNPACKED;
}

enum wire_unpacked
wire_message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
    struct arena *arena, ProtobufCMessage **out_message)
{
    struct reader reader = {.at = data,
        .end = len > 0 ? data + len : data,
        .arena = arena,
        .large = SIZE_MAX,
        .depth = PROTOBUF_DEPTH_MAX,
        .loose = LOOSE_FIELDS};

    return unpack(&reader, type, out_message);
}

enum wire_unpacked
wire_message_unpack_within(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t len,
    size_t large, struct arena *arena, ProtobufCMessage **out_message)
{
    struct reader reader = {.at = data,
        .end = data + len,
        .arena = arena,
        .large = large,
        .depth = PROTOBUF_DEPTH_MAX,
        .loose = LOOSE_FIELDS};
    enum wire_unpacked result = unpack(&reader, type, out_message);

    end_text(reader.open);
    return result;
}
