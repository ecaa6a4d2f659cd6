/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection: answers requests from the files of the server's services and their imports. The
 * two versions are identical on the wire, so one handler with v1's messages serves both. */
#include "grpc/reflection/v1/reflection.weir.h"
#include "grpc/reflection/v1alpha/reflection.weir.h"
#include "reflection/descriptor.h"
#include <stdlib.h>
#include <weir/pool.h>
#include <weir/reflection.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

struct weir_reflection {
    weir_server *server;
    struct weir_method alpha_method;
    struct weir_service alpha;
};

/* ---- files ---- */

/* A set of files. */
struct files {
    const struct weir_file **items;
    size_t count, size;
};

static bool
has_file(const struct files *files, const struct weir_file *file)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i] == file || strcmp(files->items[i]->name, file->name) == 0)
            return true;
    }
    return false;
}

/* Add a file, followed by its imports. False: no memory. */
static bool
add_file(struct files *files, const struct weir_file *file)
{
    if (has_file(files, file))
        return true;
    if (files->count == files->size) {
        size_t size = files->size == 0 ? 16 : files->size * 2;
        const struct weir_file **items =
            realloc((void *)files->items, size * sizeof(const struct weir_file *));

        if (items == NULL)
            return false;
        files->items = items;
        files->size = size;
    }
    files->items[files->count++] = file;
    for (size_t i = 0; file->imports[i] != NULL; i++) {
        if (!add_file(files, file->imports[i]))
            return false;
    }
    return true;
}

static bool
add_all_files(struct files *files, const weir_server *server)
{
    const struct weir_service *service;

    for (size_t i = 0; (service = weir_server_service(server, i)) != NULL; i++) {
        if (!add_file(files, service->file))
            return false;
    }
    return true;
}

/* ---- responses ---- */

/* A request and its response; the files are the server's. */
struct exchange {
    weir_call *call;
    const weir_server *server;
    const struct files *files;
    response *out;
};

static weir_code
fail(struct exchange *exchange, weir_code code, const char *text)
{
    Grpc__Reflection__V1__ErrorResponse *error = weir_call_alloc(exchange->call, sizeof(*error));

    if (error == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    grpc__reflection__v1__error_response__init(error);
    error->error_code = code;
    error->error_message = (char *)(uintptr_t)text;
    exchange->out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    exchange->out->error_response = error;
    return WEIR_OK;
}

static weir_code
tell_files(struct exchange *exchange, const struct files *files)
{
    weir_call *call = exchange->call;
    Grpc__Reflection__V1__FileDescriptorResponse *told = weir_call_alloc(call, sizeof(*told));
    ProtobufCBinaryData *list = weir_call_alloc(call, files->count * sizeof(*list));

    if (told == NULL || list == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < files->count; i++) {
        list[i].data = (uint8_t *)(uintptr_t)files->items[i]->descriptor;
        list[i].len = files->items[i]->descriptor_len;
    }
    grpc__reflection__v1__file_descriptor_response__init(told);
    told->file_descriptor_proto = list;
    told->n_file_descriptor_proto = files->count;
    exchange->out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    exchange->out->file_descriptor_response = told;
    return WEIR_OK;
}

/* Send the file with all its imports, so that clients need not request each. */
static weir_code
tell_file(struct exchange *exchange, const struct weir_file *file)
{
    struct files files = {NULL, 0, 0};
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (file == NULL)
        return fail(exchange, WEIR_NOT_FOUND, "not found");
    if (add_file(&files, file))
        code = tell_files(exchange, &files);
    free((void *)files.items);
    return code;
}

static weir_code
find_by_name(struct exchange *exchange, const char *name)
{
    const struct files *files = exchange->files;

    for (size_t i = 0; i < files->count; i++) {
        if (strcmp(files->items[i]->name, name) == 0)
            return tell_file(exchange, files->items[i]);
    }
    return tell_file(exchange, NULL);
}

static const struct weir_file *
file_defining(const struct files *files, const char *symbol)
{
    for (size_t i = 0; i < files->count; i++) {
        if (descriptor_defines(files->items[i], symbol))
            return files->items[i];
    }
    return NULL;
}

/* ---- extensions ---- */

struct numbers {
    int32_t wanted;
    bool found;
    int32_t *list; /* NULL: count only */
    size_t count;
};

static bool
match_number(void *arg, int32_t number)
{
    struct numbers *numbers = arg;

    numbers->found |= number == numbers->wanted;
    return !numbers->found;
}

static bool
take_number(void *arg, int32_t number)
{
    struct numbers *numbers = arg;

    if (numbers->list != NULL)
        numbers->list[numbers->count] = number;
    numbers->count++;
    return true;
}

static weir_code
find_extension(struct exchange *exchange, const Grpc__Reflection__V1__ExtensionRequest *wanted)
{
    const struct files *files = exchange->files;
    struct numbers numbers = {.wanted = wanted->extension_number};

    for (size_t i = 0; i < files->count; i++) {
        descriptor_each_extension(files->items[i], wanted->containing_type, match_number, &numbers);
        if (numbers.found)
            return tell_file(exchange, files->items[i]);
    }
    return tell_file(exchange, NULL);
}

static void
take_numbers(const struct files *files, const char *type, struct numbers *numbers)
{
    numbers->count = 0;
    for (size_t i = 0; i < files->count; i++)
        descriptor_each_extension(files->items[i], type, take_number, numbers);
}

static weir_code
tell_extension_numbers(struct exchange *exchange, const char *type)
{
    Grpc__Reflection__V1__ExtensionNumberResponse *told =
        weir_call_alloc(exchange->call, sizeof(*told));
    struct numbers numbers = {.list = NULL};

    if (file_defining(exchange->files, type) == NULL)
        return fail(exchange, WEIR_NOT_FOUND, "not found");
    take_numbers(exchange->files, type, &numbers);
    numbers.list = weir_call_alloc(exchange->call, (numbers.count + 1) * sizeof(int32_t));
    if (told == NULL || numbers.list == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    take_numbers(exchange->files, type, &numbers);
    grpc__reflection__v1__extension_number_response__init(told);
    told->base_type_name = (char *)(uintptr_t)type;
    told->extension_number = numbers.list;
    told->n_extension_number = numbers.count;
    exchange->out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    exchange->out->all_extension_numbers_response = told;
    return WEIR_OK;
}

/* ---- services ---- */

static weir_code
tell_services(struct exchange *exchange)
{
    weir_call *call = exchange->call;
    Grpc__Reflection__V1__ListServiceResponse *told = weir_call_alloc(call, sizeof(*told));
    Grpc__Reflection__V1__ServiceResponse **list, *items;
    size_t count = 0;

    while (weir_server_service(exchange->server, count) != NULL)
        count++;
    list = weir_call_alloc(call, count * sizeof(*list));
    items = weir_call_alloc(call, count * sizeof(*items));
    if (told == NULL || list == NULL || items == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        grpc__reflection__v1__service_response__init(&items[i]);
        items[i].name = (char *)(uintptr_t)weir_server_service(exchange->server, i)->name;
        list[i] = &items[i];
    }
    grpc__reflection__v1__list_service_response__init(told);
    told->service = list;
    told->n_service = count;
    exchange->out->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    exchange->out->list_services_response = told;
    return WEIR_OK;
}

#define REQUEST(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static weir_code
answer(struct exchange *exchange, const request *message)
{
    switch (message->message_request_case) {
    case REQUEST(FILE_BY_FILENAME):
        return find_by_name(exchange, message->file_by_filename);
    case REQUEST(FILE_CONTAINING_SYMBOL):
        return tell_file(exchange, file_defining(exchange->files, message->file_containing_symbol));
    case REQUEST(FILE_CONTAINING_EXTENSION):
        return find_extension(exchange, message->file_containing_extension);
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return tell_extension_numbers(exchange, message->all_extension_numbers_of_type);
    case REQUEST(LIST_SERVICES):
        return tell_services(exchange);
    default:
        return fail(exchange, WEIR_INVALID_ARGUMENT, "nothing was asked for");
    }
}

/* Runs until the client has finished, or the connection drains while no request is pending. */
static weir_code
answer_all(const weir_server *server, const struct files *files,
    struct grpc_reflection_v1_ServerReflection_ServerReflectionInfo_server peer, weir_event *drain)
{
    const request *message;

    while (weir_call_receivable(peer.call, drain)) {
        response out = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
        struct exchange exchange = {peer.call, server, files, &out};

        if (!grpc_reflection_v1_ServerReflection_ServerReflectionInfo_recv(peer, &message))
            return weir_call_code(peer.call);
        out.valid_host = message->host;
        out.original_request = (request *)(uintptr_t)message;
        WEIR_TRY(answer(&exchange, message));
        WEIR_TRY(grpc_reflection_v1_ServerReflection_ServerReflectionInfo_send(peer, &out));
    }
    return weir_fail(peer.call, WEIR_UNAVAILABLE, "the server closes this connection; call again");
}

static weir_code
server_reflection_info(
    void *self, struct grpc_reflection_v1_ServerReflection_ServerReflectionInfo_server peer)
{
    const weir_reflection *reflection = self;
    struct files files = {NULL, 0, 0};
    weir_event *drain = weir_event_new();
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (drain != NULL && add_all_files(&files, reflection->server))
        code = weir_call_on_drain(peer.call, drain);
    if (code == WEIR_OK)
        code = answer_all(reflection->server, &files, peer, drain);
    weir_event_unref(drain);
    free((void *)files.items);
    return code;
}

static const struct grpc_reflection_v1_ServerReflection_handlers handlers = {
    .ServerReflectionInfo = server_reflection_info,
};

/* Make v1alpha's service, with v1's method. */
static void
make_alpha(weir_reflection *reflection)
{
    const struct weir_service *old = &grpc_reflection_v1alpha_ServerReflection_service;

    reflection->alpha_method = grpc_reflection_v1_ServerReflection_service.methods[0];
    reflection->alpha_method.path = old->methods[0].path;
    reflection->alpha = *old;
    reflection->alpha.methods = &reflection->alpha_method;
}

weir_code
weir_reflection_new(weir_server *server, weir_reflection **out_reflection)
{
    weir_reflection *reflection = calloc(1, sizeof(*reflection));

    *out_reflection = reflection; /* the server may refer to it even after a failure */
    if (reflection == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    reflection->server = server;
    make_alpha(reflection);
    WEIR_TRY(grpc_reflection_v1_ServerReflection_add(server, &handlers, reflection));
    return weir_server_add(server, &reflection->alpha, &handlers, reflection);
}

void
weir_reflection_free(weir_reflection *reflection)
{
    free(reflection);
}
