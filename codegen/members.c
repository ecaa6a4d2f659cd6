/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c names a field's member by the field's name in lower case, with an underscore appended
 * to the reserved words that it knows. In addition there are n_NAME for repeated fields, has_NAME
 * for optional ones of proto2, and NAME_case for oneofs. */
#include "members.h"

#include "clash.h"
#include "names.h"
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__FieldDescriptorProto proto_field;
typedef Google__Protobuf__EnumDescriptorProto proto_enum;

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

/* Sorted, for bsearch: the words to which protobuf-c 1.4 appends an underscore itself. */
static const char *const known[] = {"and", "and_eq", "asm", "auto", "bitand", "bitor", "bool",
    "break", "case", "catch", "char", "class", "compl", "const", "const_cast", "continue",
    "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "extern",
    "false", "float", "for", "friend", "goto", "if", "inline", "int", "long", "mutable",
    "namespace", "new", "not", "not_eq", "operator", "or", "or_eq", "private", "protected",
    "public", "register", "reinterpret_cast", "return", "short", "signed", "sizeof", "static",
    "static_cast", "struct", "switch", "template", "this", "throw", "true", "try", "typedef",
    "typeid", "typename", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t",
    "while", "xor", "xor_eq"};

static int
compare_words(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool
is_known(const char *word)
{
    return bsearch(word, known, sizeof known / sizeof *known, sizeof *known, compare_words) != NULL;
}

static const char *
name_of(const char *name)
{
    return name == NULL ? "" : name;
}

/* ---- renaming ---- */

static void
rename_field(proto_field *field, const char *base, struct pool *pool)
{
    const char *member = names_lower(pool, name_of(field->name));
    bool is_left = names_is_word(member) && !is_known(member);

    if (is_left || strcmp(member, base) == 0) {
        struct text renamed = {0};

        text_addf(&renamed, "%s_", field->name);
        free(field->name);
        field->name = renamed.data; /* freed with the request */
    }
}

static void
rename_fields(proto_message *const *messages, size_t count, struct pool *pool)
{
    for (size_t i = 0; i < count; i++) {
        const char *base = request_base_member(messages[i], pool);

        for (size_t j = 0; j < messages[i]->n_field; j++)
            rename_field(messages[i]->field[j], base, pool);
        rename_fields(messages[i]->nested_type, messages[i]->n_nested_type, pool);
    }
}

void
members_rename(struct request *request, struct pool *pool)
{
    for (size_t i = 0; i < request->raw->n_proto_file; i++) {
        const proto_file *file = request->raw->proto_file[i];

        rename_fields(file->message_type, file->n_message_type, pool);
    }
}

/* ---- checking ---- */

/* A file being checked, and its first error. */
struct look {
    const struct request_file *file;
    struct pool *pool;
    struct clash_list types;
    const char *error;
};

static void
note(struct look *look, const char *error)
{
    if (look->error == NULL && error != NULL)
        look->error = pool_printf(look->pool, "%s: %s", name_of(look->file->proto->name), error);
}

static const char *
member_of(const proto_field *field, struct pool *pool)
{
    const char *lower = names_lower(pool, name_of(field->name));

    return is_known(lower) ? pool_printf(pool, "%s_", lower) : lower;
}

static bool
has_flag(const struct look *look, const proto_field *field)
{
    const char *syntax = name_of(look->file->proto->syntax);

    return field->label == LABEL(OPTIONAL) && strcmp(syntax, "proto3") != 0 &&
           !field->has_oneof_index && field->type != TYPE(MESSAGE) && field->type != TYPE(STRING);
}

static void
add_field(
    struct look *look, struct clash_list *members, const char *scope, const proto_field *field)
{
    struct pool *pool = look->pool;
    const char *member = member_of(field, pool), *value = name_of(field->default_value);
    const char *owner = pool_printf(pool, "%s.%s", scope, name_of(field->name));
    bool is_real = field->type == TYPE(DOUBLE) || field->type == TYPE(FLOAT);

    clash_add(members, pool_printf(pool, "%s.%s", scope, member), owner);
    if (field->label == LABEL(REPEATED))
        clash_add(members, pool_printf(pool, "%s.n_%s", scope, member), owner);
    else if (has_flag(look, field))
        clash_add(members, pool_printf(pool, "%s.has_%s", scope, member), owner);
    if (field->type == TYPE(GROUP))
        note(look, pool_printf(pool, "%s is a group, which protobuf-c does not have", owner));
    if (is_real && (strstr(value, "inf") != NULL || strstr(value, "nan") != NULL))
        note(look, pool_printf(pool, "%s: protobuf-c cannot write the default %s", owner, value));
}

static void
check_members(struct look *look, const char *scope, const proto_message *message)
{
    struct clash_list members = {.pool = look->pool};

    clash_add(&members,
        pool_printf(look->pool, "%s.%s", scope, request_base_member(message, look->pool)),
        "what every message begins with");
    for (size_t i = 0; i < message->n_field; i++)
        add_field(look, &members, scope, message->field[i]);
    for (size_t i = 0; i < message->n_oneof_decl; i++) {
        const char *name = name_of(message->oneof_decl[i]->name);

        clash_add(&members,
            pool_printf(look->pool, "%s.%s_case", scope, names_lower(look->pool, name)),
            pool_printf(look->pool, "%s.%s", scope, name));
    }
    note(look, clash_find(&members));
}

/* A type's name must not be a macro or one of protobuf-c's own types. */
static void
add_type(struct look *look, const char *name)
{
    const char *c_name = request_c_name(look->file, look->pool, name);
    const char *type = names_message_type(look->pool, c_name);

    clash_add(&look->types, type, name);
    clash_add(&look->types, names_message_lower(look->pool, c_name), name);
    if (names_is_word(type) || strncmp(type, "ProtobufC", strlen("ProtobufC")) == 0)
        note(
            look, pool_printf(look->pool,
                      "%s would be called %s in C, which is taken; give it a package", name, type));
}

static const char *
inside(struct look *look, const char *scope, const char *name)
{
    return pool_printf(look->pool, "%s%s%s", scope, *scope == '\0' ? "" : ".", name_of(name));
}

static void
check_enums(struct look *look, const char *scope, proto_enum *const *enums, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_type(look, inside(look, scope, enums[i]->name));
}

static void
check_messages(struct look *look, const char *scope, proto_message *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const proto_message *message = messages[i];
        const char *name = inside(look, scope, message->name);

        add_type(look, name);
        check_members(look, name, message);
        check_enums(look, name, message->enum_type, message->n_enum_type);
        check_messages(look, name, message->nested_type, message->n_nested_type);
    }
}

static const char *
check_file(const struct request_file *file, struct pool *pool)
{
    struct look look = {.file = file, .pool = pool, .types.pool = pool};
    const proto_file *proto = file->proto;

    check_enums(&look, file->package, proto->enum_type, proto->n_enum_type);
    check_messages(&look, file->package, proto->message_type, proto->n_message_type);
    note(&look, clash_find(&look.types));
    return look.error;
}

const char *
members_check(const struct request *request, struct pool *pool)
{
    const char *error = NULL;

    for (size_t i = 0; error == NULL && i < request->raw->n_file_to_generate; i++) {
        const struct request_file *file = request_file(request, request->raw->file_to_generate[i]);

        if (file != NULL && !file->no_generate)
            error = check_file(file, pool);
    }
    return error;
}
