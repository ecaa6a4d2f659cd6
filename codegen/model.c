/* SPDX-License-Identifier: Apache-2.0 */
/* Invalid C names: members that would be keywords, and functions that collide with those generated
 * for every service, get an underscore appended; names that are still not unique are rejected
 * (symbols.c). */
#include "model.h"

#include "comments.h"
#include "names.h"
#include "symbols.h"
#include <string.h>

/* The model being built, and its first error. */
struct builder {
    const struct request *request;
    const struct request_file *file;
    struct pool *pool;
    struct model_file *model;
    const char *error;
};

static bool
fail(struct builder *builder, const char *error)
{
    builder->error = pool_printf(builder->pool, "%s: %s", builder->file->proto->name, error);
    return false;
}

/* protoc has resolved type names, and writes them with a leading dot. */
static bool
resolve_message(struct builder *builder, const struct model_method *method, const char *type,
    struct model_message *out_message)
{
    const struct request_message *message = NULL;
    const char *c_name;

    if (type != NULL && type[0] == '.' && names_is_dotted(type + 1))
        message = request_message(builder->request, type + 1);
    if (message == NULL)
        return fail(builder, pool_printf(builder->pool, "%s: no message type '%s' in the request",
                                 method->full_name, type == NULL ? "" : type));
    if (message->file->no_generate)
        return fail(
            builder, pool_printf(builder->pool, "%s: %s is in %s, whose option no_generate is set",
                         method->full_name, message->name, message->file->proto->name));
    c_name = request_c_name(message->file, builder->pool, message->name);
    out_message->type = names_message_type(builder->pool, c_name);
    out_message->lower = names_message_lower(builder->pool, c_name);
    out_message->upper = names_message_upper(builder->pool, c_name);
    return true;
}

/* Does PREFIX_NAME collide with a name generated for every service? protobuf-c declares types
 * NAME_Service and NAME_Closure, without an underscore in NAME if there is no package. */
static bool
is_taken(const char *prefix, const char *name)
{
    static const char *const taken[] = {"add", "handlers", "methods", "service"};

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(name, taken[i]) == 0)
            return true;
    return strchr(prefix, '_') == NULL &&
           (strcmp(name, "Service") == 0 || strcmp(name, "Closure") == 0);
}

#define NO_SIDE_EFFECTS GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS

static bool
build_method(struct builder *builder, const struct model_service *service,
    const proto_method *proto, struct model_method *method)
{
    struct pool *pool = builder->pool;
    const char *name = proto->name;

    if (name == NULL || !names_is_identifier(name))
        return fail(builder, pool_printf(pool, "%s: '%s' is no name of a method",
                                 service->full_name, name == NULL ? "" : name));
    method->full_name = pool_printf(pool, "%s.%s", service->full_name, name);
    method->path = pool_printf(pool, "/%s/%s", service->full_name, name);
    method->member = pool_printf(pool, "%s%s", name, names_is_reserved(name) ? "_" : "");
    method->function = pool_printf(
        pool, "%s_%s%s", service->prefix, name, is_taken(service->prefix, name) ? "_" : "");
    method->client_streams = proto->client_streaming;
    method->server_streams = proto->server_streaming;
    method->safe = proto->options != NULL && proto->options->idempotency_level == NO_SIDE_EFFECTS;
    return resolve_message(builder, method, proto->input_type, &method->input) &&
           resolve_message(builder, method, proto->output_type, &method->output);
}

static bool
build_service(struct builder *builder, size_t index)
{
    const proto_service *proto = builder->file->proto->service[index];
    struct model_service *service = &builder->model->services[index];
    const char *package = builder->file->package;

    if (proto->name == NULL || !names_is_identifier(proto->name))
        return fail(builder, pool_printf(builder->pool, "'%s' is no name of a service",
                                 proto->name == NULL ? "" : proto->name));
    service->full_name =
        pool_printf(builder->pool, "%s%s%s", package, *package == '\0' ? "" : ".", proto->name);
    service->prefix = names_prefix(
        builder->pool, request_c_name(builder->file, builder->pool, service->full_name));
    service->comment = comments_of_service(builder->file->proto, builder->pool, index);
    service->method_count = proto->n_method;
    service->methods = pool_alloc(builder->pool, proto->n_method, sizeof *service->methods);
    for (size_t i = 0; i < proto->n_method; i++) {
        struct model_method *method = &service->methods[i];

        method->index = pool_printf(builder->pool, "%zu", i);
        method->comment = comments_of_method(builder->file->proto, builder->pool, index, i);
        if (!build_method(builder, service, proto->method[i], method))
            return false;
    }
    return true;
}

static bool
build_services(struct builder *builder)
{
    struct model_file *model = builder->model;

    model->service_count = builder->file->proto->n_service;
    model->services = pool_alloc(builder->pool, model->service_count, sizeof *model->services);
    for (size_t i = 0; i < model->service_count; i++)
        if (!build_service(builder, i))
            return false;
    return true;
}

static bool
build_imports(struct builder *builder)
{
    const proto_file *proto = builder->file->proto;
    struct model_file *model = builder->model;

    model->import_count = proto->n_dependency;
    model->imports = pool_alloc(builder->pool, model->import_count, sizeof *model->imports);
    for (size_t i = 0; i < model->import_count; i++) {
        const struct request_file *file = request_file(builder->request, proto->dependency[i]);

        if (file == NULL)
            return fail(builder, pool_printf(builder->pool, "the import '%s' is not in the request",
                                     proto->dependency[i]));
        model->imports[i].symbol = file->symbol;
        model->imports[i].stem = names_file_stem(builder->pool, file->proto->name);
    }
    return true;
}

/* The embedded descriptor has no comments, which are only in the header. */
static void
build_descriptor(struct builder *builder)
{
    proto_file stripped = *builder->file->proto;
    uint8_t *descriptor;

    stripped.source_code_info = NULL;
    builder->model->descriptor_len =
        google__protobuf__file_descriptor_proto__get_packed_size(&stripped);
    descriptor = pool_alloc(builder->pool, builder->model->descriptor_len, 1);
    google__protobuf__file_descriptor_proto__pack(&stripped, descriptor);
    builder->model->descriptor = descriptor;
}

bool
model_init(struct model_file *model, const struct request *request, struct pool *pool,
    const struct request_file *file, const char **out_error)
{
    struct builder builder = {request, file, pool, model, NULL};
    bool ok;

    *model = (struct model_file){
        .name = file->proto->name,
        .stem = names_file_stem(pool, file->proto->name),
        .symbol = file->symbol,
        .has_messages = !file->no_generate,
    };
    build_descriptor(&builder);
    ok = build_imports(&builder) && build_services(&builder);
    if (ok) {
        const char *clash = symbols_clash(model, pool);

        ok = clash == NULL || fail(&builder, clash);
    }
    if (!ok)
        *out_error = builder.error;
    return ok;
}
