/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacks protobuf into protobuf-c's structs, in one pass and into an arena.
 *
 * The result is that of protobuf_c_message_unpack, without first scanning all fields. Two things
 * that it accepts are rejected: messages nested too deep for recursion, and U+0000 in a string,
 * which would truncate it in C. Many unknown fields are kept as one. A known field with another
 * wire type counts as unknown, as in protobuf's own implementations; so does a group, which
 * protobuf-c rejects.
 *
 * Large strings may stay in place in the input. Their NULs overwrite the start of the following
 * fields, once everything is read.
 *
 * A repeated field grows as it is read. The capacity of its array is always the power of two at or
 * above its count, so the count implies the capacity.
 *
 * Each read function takes the position to read from, and returns the position after what it has
 * read: so it stays in a register, unlike a member of the reader. NULL: failed. */
#include "wire/wire.h"

#include "base/bytes.h"
#include "base/copy.h"
#include "base/hint.h"
#include "wire/protobuf.h"

#define LEAST_ROOM 4u

/* Up to this many fields are tracked as seen without allocation. */
#define FEW_FIELDS 64u

/* Strings whose length takes one byte. */
#define SHORT_TEXT 127u

/* Unknown fields that are kept individually. */
#define LOOSE_FIELDS 256u

/* Wire types without a name in protobuf-c. */
enum { GROUP_START = 3, GROUP_END = 4 };

/* A string kept in place that is not NUL-terminated yet. */
struct open_text {
    uint8_t *end;
    struct open_text *next;
};

struct reader {
    const uint8_t *end; /* of the current message */
    struct arena *arena;
    size_t large; /* strings of this length stay in place; SIZE_MAX: none */
    struct open_text *open;
    unsigned depth; /* nesting levels left */
    unsigned loose; /* how many more unknown fields are kept individually */
    struct wire_unpacking failure;
};

static COLD const uint8_t *
fail(struct reader *reader, enum wire_unpacked failure)
{
    reader->failure = (struct wire_unpacking){.result = failure};
    return NULL;
}

static COLD bool
no_memory(struct reader *reader)
{
    return fail(reader, WIRE_NO_MEMORY) != NULL;
}

/* Record the first string with U+0000 and continue: other errors take precedence. */
static COLD const uint8_t *
pass_nul(struct reader *reader, const char *field, const uint8_t *behind)
{
    if (reader->failure.result == WIRE_UNPACKED)
        reader->failure = (struct wire_unpacking){WIRE_HAS_NUL, field};
    return behind;
}

static COLD const uint8_t *
malformed(struct reader *reader)
{
    return fail(reader, WIRE_MALFORMED);
}

/* ---- numbers ---- */

/* Returned in two registers. */
struct varint {
    const uint8_t *behind;
    uint64_t value;
};

/* `behind` is NULL if there is no varint of at most max_bytes bytes. */
static inline struct varint
varint_of(const uint8_t *at, const uint8_t *end, unsigned max_bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < max_bytes && at < end; i++) {
        uint8_t byte = *at++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80)
            return (struct varint){at, value};
    }
    return (struct varint){NULL, 0};
}

static APART struct varint
read_long_varint(struct reader *reader, const uint8_t *at, unsigned max_bytes)
{
    struct varint number = varint_of(at, reader->end, max_bytes);

    if (number.behind == NULL)
        malformed(reader);
    return number;
}

static inline struct varint
read_varint(struct reader *reader, const uint8_t *at, unsigned max_bytes)
{
    if (at < reader->end && *at < 0x80)
        return (struct varint){at + 1, *at};
    return read_long_varint(reader, at, max_bytes);
}

static inline bool
has(const struct reader *reader, const uint8_t *at, size_t len)
{
    return (size_t)(reader->end - at) >= len;
}

/* Read a length, and check that as many bytes follow. */
static inline struct varint
read_length(struct reader *reader, const uint8_t *at)
{
    struct varint len = read_varint(reader, at, 5);

    if (len.behind != NULL && (len.value > INT32_MAX || !has(reader, len.behind, len.value)))
        len.behind = malformed(reader);
    return len;
}

/* Store a varint into a member of the given type. Negative int32 are encoded as 64 bits; the lower
 * half is used. False: the type is not encoded as a varint. */
static inline bool
store_varint(ProtobufCType type, uint64_t value, void *member)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        *(uint32_t *)member = (uint32_t)value;
        return true;
    case PROTOBUF_C_TYPE_SINT32:
        *(uint32_t *)member = (uint32_t)value >> 1 ^ -((uint32_t)value & 1);
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)member = value;
        return true;
    case PROTOBUF_C_TYPE_SINT64:
        *(uint64_t *)member = value >> 1 ^ -(value & 1);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = value != 0;
        return true;
    default:
        return false;
    }
}

/* Read a number of any type. */
static inline const uint8_t *
read_number(struct reader *reader, const uint8_t *at, ProtobufCType type, void *member)
{
    unsigned wire_type = protobuf_shape(type).wire_type;
    struct varint number;

    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) {
        number = read_varint(reader, at, 10);
        if (number.behind != NULL)
            store_varint(type, number.value, member);
        return number.behind;
    }
    if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT) {
        if (!has(reader, at, 4))
            return malformed(reader);
        *(uint32_t *)member = load_le32(at);
        return at + 4;
    }
    if (!has(reader, at, 8))
        return malformed(reader);
    *(uint64_t *)member = load_le64(at);
    return at + 8;
}

/* ---- length-delimited types ---- */

/* Keep a long string in place, recording where it ends. */
static APART const uint8_t *
leave_text(struct reader *reader, const uint8_t *bytes, size_t len, char **out_text)
{
    struct open_text *open = arena_alloc(reader->arena, sizeof(*open));

    if (open == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    *open = (struct open_text){(uint8_t *)(uintptr_t)bytes + len, reader->open};
    reader->open = open;
    *out_text = (char *)(uintptr_t)bytes;
    return bytes + len;
}

static inline const uint8_t *
read_text(struct reader *reader, const uint8_t *at, const char *field, char **out_text)
{
    struct varint len = read_length(reader, at);
    char *text;

    if (len.behind == NULL)
        return NULL;
    if (len.value > 0 && memchr(len.behind, '\0', len.value) != NULL)
        return pass_nul(reader, field, len.behind + len.value);
    if (len.value >= reader->large)
        return leave_text(reader, len.behind, len.value, out_text);
    text = arena_alloc(reader->arena, len.value + 1);
    if (text == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    memcpy(text, len.behind, len.value);
    text[len.value] = '\0';
    *out_text = text;
    return len.behind + len.value;
}

static const uint8_t *
read_bytes(struct reader *reader, const uint8_t *at, ProtobufCBinaryData *out_data)
{
    struct varint len = read_length(reader, at);
    uint8_t *copy = NULL;

    if (len.behind == NULL)
        return NULL;
    if (len.value >= reader->large) {
        copy = (uint8_t *)(uintptr_t)len.behind;
    } else if (len.value > 0) {
        copy = arena_alloc(reader->arena, len.value);
        if (copy == NULL)
            return fail(reader, WIRE_NO_MEMORY);
        memcpy(copy, len.behind, len.value);
    }
    *out_data = (ProtobufCBinaryData){len.value, copy};
    return len.behind + len.value;
}

/* Where a field ends, and the descriptor to try first for the next one. */
struct step {
    const uint8_t *behind;
    const ProtobufCFieldDescriptor *next;
};

static inline struct step
first_step(const uint8_t *at, const ProtobufCMessage *message)
{
    return (struct step){at, message->descriptor->fields};
}

static const uint8_t *read_fields(
    struct reader *reader, struct step step, ProtobufCMessage *message);

/* NULL: no memory. */
static inline ProtobufCMessage *
new_message(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = arena_alloc(arena, type->sizeof_message);

    if (message != NULL)
        type->message_init(message);
    return message;
}

/* Read a nested message; repeated occurrences are merged, as protobuf requires. */
static const uint8_t *
read_message(struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field,
    ProtobufCMessage **message)
{
    const uint8_t *end = reader->end;
    struct varint len = read_length(reader, at);

    if (len.behind == NULL)
        return NULL;
    if (reader->depth == 0)
        return fail(reader, WIRE_TOO_DEEP);
    if (*message == NULL || *message == field->default_value)
        *message = new_message(reader->arena, field->descriptor);
    if (*message == NULL)
        return fail(reader, WIRE_NO_MEMORY);
    reader->end = len.behind + len.value;
    reader->depth--;
    at = read_fields(reader, first_step(len.behind, *message), *message);
    reader->depth++;
    reader->end = end;
    return at;
}

static const uint8_t *
read_value(
    struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field, void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return read_text(reader, at, field->name, member);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, at, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_message(reader, at, field, member);
    default:
        return read_number(reader, at, field->type, member);
    }
}

/* ---- repeated fields ---- */

static inline size_t
room_for(size_t count)
{
    if (count <= LEAST_ROOM)
        return count == 0 ? 0 : LEAST_ROOM;
    return (size_t)1 << (64 - __builtin_clzll(count - 1));
}

/* Make room for `more` elements after the first `count`. False: no memory. */
static bool
grow(struct reader *reader, void **array, size_t count, size_t more, size_t size)
{
    size_t room = room_for(count + more);
    void *larger;

    if (room == room_for(count))
        return true;
    /* May overflow with 32-bit pointers. */
    larger = room > PTRDIFF_MAX / size ? NULL : arena_alloc(reader->arena, room * size);
    if (larger == NULL)
        return no_memory(reader);
    if (count > 0)
        memcpy(larger, *array, count * size);
    *array = larger;
    return true;
}

static const uint8_t *
read_element(struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field,
    void **array, size_t *count)
{
    size_t size = protobuf_shape(field->type).size;
    char *element;

    /* An array is full only at powers of two. */
    if ((*count & (*count - 1)) == 0 && !grow(reader, array, *count, 1, size))
        return NULL;
    element = (char *)*array + *count * size;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        *(ProtobufCMessage **)(void *)element = NULL;
    at = read_value(reader, at, field, element);
    *count += at != NULL;
    return at;
}

/* The number of packed elements; 0: invalid length. */
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

static const uint8_t *
read_packed(struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field,
    void **array, size_t *count)
{
    size_t size = protobuf_shape(field->type).size, more;
    struct varint len = read_length(reader, at);
    const uint8_t *end = reader->end;
    char *element;

    if (len.behind == NULL || len.value == 0)
        return len.behind;
    more = count_packed(field->type, len.behind, len.value);
    if (more == 0)
        return malformed(reader);
    if (!grow(reader, array, *count, more, size))
        return NULL;
    element = (char *)*array + *count * size;
    at = len.behind;
    reader->end = at + len.value;
    for (size_t i = 0; i < more && at != NULL; i++, element += size)
        at = read_number(reader, at, field->type, element);
    if (at != NULL && at != reader->end)
        return malformed(reader);
    reader->end = end;
    *count += more;
    return at;
}

static const uint8_t *
read_repeated(struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field,
    unsigned wire_type, char *message)
{
    void **array = (void **)(void *)(message + field->offset);
    size_t *count = (size_t *)(void *)(message + field->quantifier_offset);

    if (wire_type == protobuf_shape(field->type).wire_type)
        return read_element(reader, at, field, array, count);
    return read_packed(reader, at, field, array, count);
}

/* ---- fields ---- */

/* Select a oneof's field, replacing the previous one. */
static void
choose_case(const ProtobufCFieldDescriptor *field, char *message)
{
    uint32_t *chosen = (uint32_t *)(void *)(message + field->quantifier_offset);

    if (*chosen != field->id)
        memset(message + field->offset, 0, protobuf_shape(field->type).size);
    *chosen = field->id;
}

static const uint8_t *
read_field(struct reader *reader, const uint8_t *at, const ProtobufCFieldDescriptor *field,
    unsigned wire_type, char *message)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(reader, at, field, wire_type, message);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        choose_case(field, message);
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
        *(protobuf_c_boolean *)(void *)(message + field->quantifier_offset) = true;
    return read_value(reader, at, field, message + field->offset);
}

/* Repeated numbers may arrive packed or unpacked, whatever the schema says. */
static inline bool
fits(const ProtobufCFieldDescriptor *field, unsigned wire_type)
{
    return wire_type == protobuf_shape(field->type).wire_type ||
           (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
               field->label == PROTOBUF_C_LABEL_REPEATED);
}

static const uint8_t *skip_value(struct reader *reader, struct varint tag);

/* Skip a group that starts with this tag. */
static const uint8_t *
skip_group(struct reader *reader, struct varint start)
{
    struct varint tag = read_varint(reader, start.behind, 5);

    if (reader->depth == 0)
        return fail(reader, WIRE_TOO_DEEP);
    reader->depth--;
    while (tag.behind != NULL && (tag.value & 7) != GROUP_END) {
        tag.behind = skip_value(reader, tag);
        if (tag.behind != NULL)
            tag = read_varint(reader, tag.behind, 5);
    }
    reader->depth++;
    if (tag.behind != NULL && tag.value >> 3 != start.value >> 3)
        return malformed(reader); /* the end of another group */
    return tag.behind;
}

/* Skip the value of an unknown field, after its tag. */
static const uint8_t *
skip_value(struct reader *reader, struct varint tag)
{
    unsigned wire_type = tag.value & 7;
    struct varint len = {tag.behind, 0};

    if (tag.value >> 3 == 0) /* invalid field number */
        return malformed(reader);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT)
        return read_varint(reader, tag.behind, 10).behind;
    if (wire_type == GROUP_START)
        return skip_group(reader, tag);
    if (wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        len = read_length(reader, tag.behind);
    else if (wire_type == PROTOBUF_C_WIRE_TYPE_64BIT)
        len.value = 8;
    else if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT)
        len.value = 4;
    else
        return malformed(reader);
    return len.behind != NULL && has(reader, len.behind, len.value) ? len.behind + len.value
                                                                    : malformed(reader);
}

/* Append bytes to an unknown field, whose data grows like an array. False: no memory. */
static bool
append_unknown(
    struct reader *reader, ProtobufCMessageUnknownField *field, const uint8_t *bytes, size_t len)
{
    void *data = field->data;

    if (!grow(reader, &data, field->len, len, 1))
        return false;
    if (data == NULL)
        return no_memory(reader);
    field->data = data;
    memcpy(field->data + field->len, bytes, len);
    field->len += len;
    return true;
}

/* Make room for another unknown field; a field that collects the rest stays the last. False: no
 * memory. */
static bool
grow_unknown(struct reader *reader, ProtobufCMessage *message)
{
    void *array = message->unknown_fields;

    if (reader->loose == 0) {
        array = arena_alloc(reader->arena, sizeof(ProtobufCMessageUnknownField));
        if (array == NULL)
            return no_memory(reader);
    } else {
        reader->loose--;
        if (!grow(
                reader, &array, message->n_unknown_fields, 1, sizeof(ProtobufCMessageUnknownField)))
            return false;
    }
    message->unknown_fields = array;
    return true;
}

/* Unknown fields are kept, so that a forwarded message loses nothing. A field may take two bytes,
 * but its struct twenty times as many: so after the first LOOSE_FIELDS, further ones are appended
 * with their tags to the last one of their message, which packs to the same bytes. */
static APART const uint8_t *
keep_unknown(
    struct reader *reader, const uint8_t *start, struct varint tag, ProtobufCMessage *message)
{
    ProtobufCMessageUnknownField field = {
        .tag = (uint32_t)(tag.value >> 3), .wire_type = tag.value & 7};
    const uint8_t *behind = skip_value(reader, tag);
    bool kept;

    if (behind == NULL)
        return NULL;
    if (reader->loose == 0 && message->n_unknown_fields > 0) {
        kept = append_unknown(reader, &message->unknown_fields[message->n_unknown_fields - 1],
            start, (size_t)(behind - start));
    } else {
        kept = append_unknown(reader, &field, tag.behind, (size_t)(behind - tag.behind)) &&
               grow_unknown(reader, message);
        if (kept)
            message->unknown_fields[message->n_unknown_fields++] = field;
    }
    return kept ? behind : NULL;
}

/* ---- messages ---- */

/* How many descriptors to try in order before a full search. */
#define NEAR 4

/* Find a field that is not the next one in order: the same again, or a later one. NULL: unknown
 * number. */
static APART const ProtobufCFieldDescriptor *
find_field(
    const ProtobufCMessageDescriptor *type, uint32_t number, const ProtobufCFieldDescriptor *next)
{
    const ProtobufCFieldDescriptor *end = type->fields + type->n_fields;

    if (next > type->fields && next[-1].id == number)
        return next - 1;
    for (unsigned i = 0; i < NEAR && next < end; i++, next++)
        if (next->id == number)
            return next;
    return protobuf_c_message_descriptor_get_field(type, number);
}

/* Which of 64 fields from `first` on are missing. */
static inline uint64_t
missing_of(const ProtobufCMessageDescriptor *type, unsigned first, uint64_t seen)
{
    unsigned left = type->n_fields - first;

    return ~seen & (left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1);
}

/* Are all required fields without a default present? */
static bool
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

/* Only proto2 has required fields, and none of its fields has this label. */
static inline bool
may_be_incomplete(const ProtobufCMessageDescriptor *type)
{
    return type->n_fields > 0 && type->fields[0].label != PROTOBUF_C_LABEL_NONE;
}

/* A bit set of the fields seen: `few`, if it is large enough. NULL: no memory. */
static uint64_t *
make_seen(struct reader *reader, const ProtobufCMessageDescriptor *type, uint64_t *few)
{
    uint64_t *seen = few;

    *few = 0;
    if (type->n_fields > FEW_FIELDS)
        seen = arena_zalloc(reader->arena, (type->n_fields + 63) / 64 * sizeof(*seen));
    if (seen == NULL)
        fail(reader, WIRE_NO_MEMORY);
    return seen;
}

/* Read any field. seen: bit set to update, or NULL. */
static APART struct step
read_any(struct reader *reader, struct step step, ProtobufCMessage *message, uint64_t *seen)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const ProtobufCFieldDescriptor *field = step.next;
    struct varint tag = read_varint(reader, step.behind, 5);
    unsigned wire_type = tag.value & 7;

    if (tag.behind == NULL)
        return (struct step){NULL, NULL};
    if (field == type->fields + type->n_fields || field->id != (uint32_t)(tag.value >> 3))
        field = find_field(type, (uint32_t)(tag.value >> 3), field);
    if (field == NULL || !fits(field, wire_type))
        return (struct step){keep_unknown(reader, step.behind, tag, message), step.next};
    if (seen != NULL)
        seen[(field - type->fields) / 64] |= UINT64_C(1) << (field - type->fields) % 64;
    return (struct step){
        read_field(reader, tag.behind, field, wire_type, (char *)message), field + 1};
}

/* Read a message that may have required fields. */
static APART const uint8_t *
read_complete(struct reader *reader, struct step step, ProtobufCMessage *message)
{
    uint64_t few, *seen = make_seen(reader, message->descriptor, &few);

    if (seen == NULL)
        return NULL;
    while (step.behind != NULL && step.behind < reader->end)
        step = read_any(reader, step, message, seen);
    if (step.behind != NULL && !is_complete(message->descriptor, seen))
        return malformed(reader);
    return step.behind;
}

/* Read a string of less than 128 bytes, with its length. NULL: it is longer, or truncated, or
 * contains U+0000, or does not fit in the arena's current block. */
static inline const uint8_t *
read_short_text(const uint8_t *at, const uint8_t *end, struct arena *arena, char **member)
{
    size_t len = *at++;
    char *text;

    if (len > SHORT_TEXT || len > (size_t)(end - at))
        return NULL;
    text = arena_alloc_here(arena, len + 1);
    if (text == NULL || copy_few((uint8_t *)text, at, len))
        return NULL;
    text[len] = '\0';
    *member = text;
    return at + len;
}

static inline const uint8_t *
read_plain_varint(const uint8_t *at, const uint8_t *end, ProtobufCType type, void *member)
{
    struct varint number = {at + 1, *at};

    if (*at >= 0x80)
        number = varint_of(at, end, 10);
    return number.behind != NULL && store_varint(type, number.value, member) ? number.behind : NULL;
}

/* Fast path for typical fields: plain, in order, with numbers below 16, and short strings or
 * varints. Read without calls and without a reader, so that everything is in registers. Stops at
 * the first other field, or at the end. */
static inline struct step
read_simple(struct step step, const uint8_t *end, struct arena *arena, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const ProtobufCFieldDescriptor *field = step.next, *last = type->fields + type->n_fields;
    const uint8_t *at = step.behind, *behind;

    for (; end - at >= 2 && field < last && protobuf_is_plain(field); field++) {
        uint32_t tag = field->id << 3;
        void *member = (char *)message + field->offset;

        if (*at == (tag | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) && *at < 0x80) {
            if (field->type != PROTOBUF_C_TYPE_STRING)
                break;
            behind = read_short_text(at + 1, end, arena, member);
        } else if (*at == (tag | PROTOBUF_C_WIRE_TYPE_VARINT) && *at < 0x80) {
            behind = read_plain_varint(at + 1, end, field->type, member);
        } else if (*at > tag && *at < 0x80) {
            continue;
        } else {
            break;
        }
        if (behind == NULL)
            break;
        at = behind;
    }
    return (struct step){at, field};
}

static const uint8_t *
read_fields(struct reader *reader, struct step step, ProtobufCMessage *message)
{
    if (may_be_incomplete(message->descriptor))
        return read_complete(reader, step, message);
    while (step.behind != NULL && step.behind < reader->end) {
        if (reader->large > SHORT_TEXT)
            step = read_simple(step, reader->end, reader->arena, message);
        if (step.behind < reader->end)
            step = read_any(reader, step, message, NULL);
    }
    return step.behind;
}

/* The general path, with a reader. */
static APART struct wire_unpacking
unpack_rest(struct step step, const uint8_t *end, size_t large, struct arena *arena,
    ProtobufCMessage *message, struct open_text **out_open)
{
    struct reader reader = {
        end, arena, large, NULL, PROTOBUF_DEPTH_MAX, LOOSE_FIELDS, {WIRE_UNPACKED, NULL}};

    read_fields(&reader, step, message); /* the result is in reader.failure */
    if (out_open != NULL)
        *out_open = reader.open;
    return reader.failure;
}

struct wire_unpacking
wire_message_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
    struct arena *arena, ProtobufCMessage **out_message)
{
    ProtobufCMessage *message = new_message(arena, type);
    struct wire_unpacking unpacking = {.result = WIRE_UNPACKED};
    const uint8_t *end;
    struct step step;

    if (message == NULL)
        return (struct wire_unpacking){.result = WIRE_NO_MEMORY};
    if (data == NULL)
        data = (const uint8_t *)"";
    end = data + len;
    step = read_simple(first_step(data, message), end, arena, message);
    /* A message with required fields is always read by the general path. */
    if (step.behind != end || (step.next == type->fields && may_be_incomplete(type)))
        unpacking = unpack_rest(step, end, SIZE_MAX, arena, message, NULL);
    if (unpacking.result == WIRE_UNPACKED)
        *out_message = message;
    return unpacking;
}

struct wire_unpacking
wire_message_unpack_within(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t len,
    size_t large, struct arena *arena, ProtobufCMessage **out_message)
{
    ProtobufCMessage *message = new_message(arena, type);
    struct open_text *open;
    struct wire_unpacking unpacking;

    if (message == NULL)
        return (struct wire_unpacking){.result = WIRE_NO_MEMORY};
    unpacking = unpack_rest(first_step(data, message), data + len, large, arena, message, &open);
    for (; open != NULL; open = open->next)
        *open->end = '\0';
    if (unpacking.result == WIRE_UNPACKED)
        *out_message = message;
    return unpacking;
}
