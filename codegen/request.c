/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here came from standard input and is not trusted: strings may be missing or not be
 * valid names, and all that reaches generated code is validated before. */
#include "request.h"

#include "names.h"
#include "wire.h"
#include <stdlib.h>
#include <string.h>

/* protoc's own limit of nested messages. */
#define MAX_DEPTH 100

/* `extend google.protobuf.FileOptions`, and MessageOptions, in protobuf-c/protobuf-c.proto, and the
 * extension's fields. */
#define PB_C 1019
#define PB_C_FILE_NO_GENERATE 1
#define PB_C_FILE_C_PACKAGE 6
#define PB_C_MESSAGE_BASE_FIELD_NAME 3

/* The bytes of the extension, kept as an unknown field that includes their length. */
static bool
extension_bytes(
    const ProtobufCMessageUnknownField *unknown, const uint8_t **out_at, const uint8_t **out_end)
{
    if (unknown->tag != PB_C || unknown->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return false;
    *out_at = unknown->data;
    *out_end = unknown->data + unknown->len;
    while (*out_at < *out_end && (**out_at & 0x80) != 0)
        ++*out_at;
    if (*out_at < *out_end)
        ++*out_at;
    return true;
}

static void
read_file_options(struct request_file *file, struct pool *pool)
{
    const ProtobufCMessage *options;
    const uint8_t *at, *end;
    struct wire_field field;

    if (file->proto->options == NULL)
        return;
    options = &file->proto->options->base;
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        if (!extension_bytes(&options->unknown_fields[i], &at, &end))
            continue;
        while (wire_next(&at, end, &field)) {
            if (field.number == PB_C_FILE_NO_GENERATE)
                file->no_generate = field.value != 0;
            else if (field.number == PB_C_FILE_C_PACKAGE && field.data != NULL)
                file->c_package = pool_dup(pool, (const char *)field.data, field.len);
        }
    }
}

const char *
request_base_member(const proto_message *message, struct pool *pool)
{
    const char *name = "base";
    const uint8_t *at, *end;
    struct wire_field field;

    if (message->options == NULL)
        return name;
    for (unsigned i = 0; i < message->options->base.n_unknown_fields; i++) {
        if (!extension_bytes(&message->options->base.unknown_fields[i], &at, &end))
            continue;
        while (wire_next(&at, end, &field))
            if (field.number == PB_C_MESSAGE_BASE_FIELD_NAME && field.data != NULL)
                name = pool_dup(pool, (const char *)field.data, field.len);
    }
    return name;
}

static size_t
count_messages(proto_message *const *messages, size_t count)
{
    size_t total = count;

    for (size_t i = 0; i < count; i++)
        total += count_messages(messages[i]->nested_type, messages[i]->n_nested_type);
    return total;
}

/* Messages without a name are skipped: nothing can refer to them. */
static void
index_messages(struct request *request, struct pool *pool, const struct request_file *file,
    const char *scope, proto_message *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const proto_message *message = messages[i];
        const char *name;

        if (message->name == NULL)
            continue;
        name = pool_printf(pool, "%s%s%s", scope, *scope == '\0' ? "" : ".", message->name);
        request->messages[request->message_count++] = (struct request_message){name, file};
        index_messages(request, pool, file, name, message->nested_type, message->n_nested_type);
    }
}

static int
compare_messages(const void *a, const void *b)
{
    const struct request_message *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static void
index_files(struct request *request, struct pool *pool)
{
    size_t total = 0;

    request->file_count = request->raw->n_proto_file;
    request->files = pool_alloc(pool, request->file_count, sizeof *request->files);
    for (size_t i = 0; i < request->file_count; i++) {
        struct request_file *file = &request->files[i];

        file->proto = request->raw->proto_file[i];
        file->package = file->proto->package == NULL ? "" : file->proto->package;
        file->symbol = names_file_symbol(pool, file->proto->name == NULL ? "" : file->proto->name);
        read_file_options(file, pool);
        total += count_messages(file->proto->message_type, file->proto->n_message_type);
    }
    request->messages = pool_alloc(pool, total, sizeof *request->messages);
    for (size_t i = 0; i < request->file_count; i++) {
        const struct request_file *file = &request->files[i];

        index_messages(request, pool, file, file->package, file->proto->message_type,
            file->proto->n_message_type);
    }
    if (request->message_count > 0)
        qsort(
            request->messages, request->message_count, sizeof *request->messages, compare_messages);
}

Google__Protobuf__Compiler__CodeGeneratorRequest *
request_unpack(const uint8_t *data, size_t len)
{
    const ProtobufCMessageDescriptor *type =
        &google__protobuf__compiler__code_generator_request__descriptor;

    if (!wire_is_safe(type, data, len, MAX_DEPTH))
        return NULL;
    return google__protobuf__compiler__code_generator_request__unpack(NULL, len, data);
}

bool
request_init(struct request *request, struct pool *pool, const uint8_t *data, size_t len)
{
    *request = (struct request){.raw = request_unpack(data, len)};
    if (request->raw == NULL)
        return false;
    index_files(request, pool);
    return true;
}

void
request_fini(struct request *request)
{
    google__protobuf__compiler__code_generator_request__free_unpacked(request->raw, NULL);
}

/* Is the name safe in a comment, in a string, and in the quotes of an #include? */
static bool
is_plain_path(const char *name)
{
    for (; *name != '\0'; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f || strchr("\"\\*?", *name) != NULL)
            return false;
    return true;
}

static const char *
check_file(const struct request *request, struct pool *pool, size_t index)
{
    const struct request_file *file = &request->files[index];
    const char *name = file->proto->name;

    if (name == NULL || *name == '\0')
        return "a file in the request has no name";
    if (!is_plain_path(name))
        return pool_printf(
            pool, "%s: a file name may not have control characters or any of \" \\ * ?", name);
    if (*file->package != '\0' && !names_is_dotted(file->package))
        return pool_printf(pool, "%s: '%s' is no package name", name, file->package);
    if (file->c_package != NULL && *file->c_package != '\0' && !names_is_dotted(file->c_package))
        return pool_printf(
            pool, "%s: option c_package: '%s' is no package name", name, file->c_package);
    for (size_t i = 0; i < index; i++)
        if (strcmp(request->files[i].symbol, file->symbol) == 0)
            return pool_printf(pool, "%s and %s would both be called %s in C",
                request->files[i].proto->name, name, file->symbol);
    return NULL;
}

/* The parameter is the text of --weir_opt, or before the colon of --weir_out; there are no options
 * yet. */
static const char *
check_parameter(const char *parameter, struct pool *pool)
{
    if (parameter == NULL || *parameter == '\0')
        return NULL;
    return pool_printf(pool, "unknown option '%.*s'", (int)strcspn(parameter, ",="), parameter);
}

const char *
request_check(const struct request *request, struct pool *pool)
{
    const char *error = check_parameter(request->raw->parameter, pool);

    for (size_t i = 0; error == NULL && i < request->file_count; i++)
        error = check_file(request, pool, i);
    if (error == NULL && request->raw->n_file_to_generate == 0)
        error = "the request names no file to generate";
    return error;
}

const struct request_file *
request_file(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->file_count; i++)
        if (request->files[i].proto->name != NULL &&
            strcmp(request->files[i].proto->name, name) == 0)
            return &request->files[i];
    return NULL;
}

const struct request_message *
request_message(const struct request *request, const char *name)
{
    struct request_message key = {.name = name};

    if (request->message_count == 0)
        return NULL;
    return bsearch(&key, request->messages, request->message_count, sizeof *request->messages,
        compare_messages);
}

const char *
request_c_name(const struct request_file *file, struct pool *pool, const char *full_name)
{
    size_t package = strlen(file->package);

    if (file->c_package == NULL)
        return full_name;
    full_name += package == 0 ? 0 : package + 1;
    return pool_printf(
        pool, "%s%s%s", file->c_package, *file->c_package == '\0' ? "" : ".", full_name);
}
