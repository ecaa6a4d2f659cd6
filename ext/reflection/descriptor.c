/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over serialized descriptors. They are the program's own, made by protoc; still nothing is
 * read beyond their end. */
#include "reflection/descriptor.h"

/* Of FileDescriptorProto, DescriptorProto and so on (google/protobuf/descriptor.proto). */
enum { FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6, FILE_EXTENSION = 7 };
enum { MESSAGE_FIELD = 2, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, MESSAGE_EXTENSION = 6 };
enum { MESSAGE_ONEOF = 8, ENUM_VALUE = 2, SERVICE_METHOD = 2 };
enum { NAME = 1, FIELD_EXTENDEE = 2, FIELD_NUMBER = 3 };

struct span {
    const uint8_t *at, *end;
};

/* One field of a message: its number, and its bytes or its value. */
struct field {
    uint32_t number;
    struct span bytes;
    uint64_t value;
};

static bool
read_varint(struct span *from, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && from->at < from->end; shift += 7) {
        uint8_t byte = *from->at++;

        value |= (uint64_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

static bool
skip(struct span *from, uint64_t len, struct span *out_bytes)
{
    if (len > (size_t)(from->end - from->at))
        return false;
    *out_bytes = (struct span){from->at, from->at + len};
    from->at += len;
    return true;
}

/* False at the end, or where it is broken. */
static bool
next_field(struct span *from, struct field *out_field)
{
    uint64_t tag, len;

    *out_field = (struct field){0};
    if (!read_varint(from, &tag))
        return false;
    out_field->number = (uint32_t)(tag >> 3);
    switch (tag & 7) {
    case 0:
        return read_varint(from, &out_field->value);
    case 1:
        return skip(from, 8, &out_field->bytes);
    case 2:
        return read_varint(from, &len) && skip(from, len, &out_field->bytes);
    case 5:
        return skip(from, 4, &out_field->bytes);
    default:
        return false;
    }
}

/* The last field of a number; a message without it gives an empty one. */
static struct field
find_field(struct span message, uint32_t number)
{
    struct field found = {0}, field;

    while (next_field(&message, &field)) {
        if (field.number == number)
            found = field;
    }
    return found;
}

static struct span
whole(const struct weir_file *file)
{
    return (struct span){file->descriptor, file->descriptor + file->descriptor_len};
}

/* ---- symbols ---- */

/* Take a name off the front of a path of names. False: it begins with another. */
static bool
take_name(struct span name, weir_str *path)
{
    size_t len = (size_t)(name.end - name.at);

    if (len == 0 || path->len < len || memcmp(path->data, name.at, len) != 0)
        return false;
    if (path->len > len && (path->data[len] != '.' || path->len == len + 1))
        return false;
    len += path->len > len;
    path->data += len;
    path->len -= len;
    return true;
}

/* Does the message have this name, and does the path end with it? Else `rest` is what follows. */
static bool
is_named(struct span message, weir_str path, weir_str *out_rest)
{
    *out_rest = path;
    return take_name(find_field(message, NAME).bytes, out_rest);
}

/* Is the path the name of one of its messages of this number? */
static bool
has_one(struct span message, uint32_t number, weir_str path)
{
    struct field field;
    weir_str rest;

    while (next_field(&message, &field)) {
        if (field.number == number && is_named(field.bytes, path, &rest) && rest.len == 0)
            return true;
    }
    return false;
}

/* An enum's values are named beside it. */
static bool
enum_defines(struct span definition, weir_str path)
{
    weir_str rest;

    return (is_named(definition, path, &rest) && rest.len == 0) ||
           has_one(definition, ENUM_VALUE, path);
}

static bool
service_defines(struct span definition, weir_str path)
{
    weir_str rest;

    return is_named(definition, path, &rest) &&
           (rest.len == 0 || has_one(definition, SERVICE_METHOD, rest));
}

static bool
message_defines(struct span definition, weir_str path)
{
    struct span fields = definition;
    struct field field;
    weir_str rest;

    if (!is_named(definition, path, &rest))
        return false;
    if (rest.len == 0 || has_one(definition, MESSAGE_FIELD, rest) ||
        has_one(definition, MESSAGE_EXTENSION, rest) || has_one(definition, MESSAGE_ONEOF, rest))
        return true;
    while (next_field(&fields, &field)) {
        if (field.number == MESSAGE_NESTED
                ? message_defines(field.bytes, rest)
                : field.number == MESSAGE_ENUM && enum_defines(field.bytes, rest))
            return true;
    }
    return false;
}

static bool
member_defines(const struct field *member, weir_str path)
{
    weir_str rest;

    switch (member->number) {
    case FILE_MESSAGE:
        return message_defines(member->bytes, path);
    case FILE_ENUM:
        return enum_defines(member->bytes, path);
    case FILE_SERVICE:
        return service_defines(member->bytes, path);
    case FILE_EXTENSION:
        return is_named(member->bytes, path, &rest) && rest.len == 0;
    default:
        return false;
    }
}

bool
descriptor_defines(const struct weir_file *file, const char *symbol)
{
    weir_str path = weir_str_of(symbol[0] == '.' ? symbol + 1 : symbol);
    struct span package = find_field(whole(file), FILE_PACKAGE).bytes, fields = whole(file);
    struct field field;

    if (package.at != package.end && !take_name(package, &path))
        return false;
    while (path.len > 0 && next_field(&fields, &field)) {
        if (member_defines(&field, path))
            return true;
    }
    return false;
}

/* ---- extensions ---- */

struct extensions {
    weir_str extended;
    bool (*visit)(void *arg, int32_t number);
    void *arg;
};

/* An extendee is written ".package.Message". False: enough. */
static bool
show_extension(const struct extensions *wanted, struct span definition)
{
    struct span extendee = find_field(definition, FIELD_EXTENDEE).bytes;
    weir_str name = {(const char *)extendee.at, (size_t)(extendee.end - extendee.at)};

    if (name.len > 0 && name.data[0] == '.') {
        name.data++;
        name.len--;
    }
    if (!weir_str_equal(name, wanted->extended))
        return true;
    return wanted->visit(wanted->arg, (int32_t)find_field(definition, FIELD_NUMBER).value);
}

static bool
show_in_message(const struct extensions *wanted, struct span definition)
{
    struct field field;

    while (next_field(&definition, &field)) {
        if (field.number == MESSAGE_EXTENSION && !show_extension(wanted, field.bytes))
            return false;
        if (field.number == MESSAGE_NESTED && !show_in_message(wanted, field.bytes))
            return false;
    }
    return true;
}

void
descriptor_each_extension(const struct weir_file *file, const char *extended,
    bool (*visit)(void *arg, int32_t number), void *arg)
{
    const struct extensions wanted = {
        weir_str_of(extended[0] == '.' ? extended + 1 : extended), visit, arg};
    struct span fields = whole(file);
    struct field field;

    while (next_field(&fields, &field)) {
        if (field.number == FILE_EXTENSION && !show_extension(&wanted, field.bytes))
            return;
        if (field.number == FILE_MESSAGE && !show_in_message(&wanted, field.bytes))
            return;
    }
}
