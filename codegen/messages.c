/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c generates its own tables for services, with a member for each method by its name in
 * lower case: with a method Register, or in C++ Delete, they do not compile. They are not needed
 * here, so services are removed. */
#include "messages.h"

#include "members.h"

/* Removes the lists of services from their files while packing; they are freed with the request. */
static void
pack_without_services(
    Google__Protobuf__Compiler__CodeGeneratorRequest *request, size_t *counts, struct text *out)
{
    size_t size;

    for (size_t i = 0; i < request->n_proto_file; i++) {
        counts[i] = request->proto_file[i]->n_service;
        request->proto_file[i]->n_service = 0;
    }
    size = google__protobuf__compiler__code_generator_request__get_packed_size(request);
    text_reserve(out, size);
    google__protobuf__compiler__code_generator_request__pack(
        request, (uint8_t *)out->data + out->len);
    out->len += size;
    for (size_t i = 0; i < request->n_proto_file; i++)
        request->proto_file[i]->n_service = counts[i];
}

/* A response with only an error. */
static void
pack_error(const char *error, struct pool *pool, struct text *out)
{
    Google__Protobuf__Compiler__CodeGeneratorResponse response =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    size_t size;

    response.error = pool_line(pool, error);
    size = google__protobuf__compiler__code_generator_response__get_packed_size(&response);
    text_reserve(out, size);
    google__protobuf__compiler__code_generator_response__pack(
        &response, (uint8_t *)out->data + out->len);
    out->len += size;
}

enum messages
messages_only(const uint8_t *data, size_t len, struct text *out)
{
    struct pool pool = {0};
    struct request request;
    const char *error;

    if (!request_init(&request, &pool, data, len))
        return pool_fini(&pool), MESSAGES_NO_REQUEST;
    members_rename(&request, &pool);
    error = members_check(&request, &pool);
    if (error != NULL)
        pack_error(error, &pool, out);
    else
        pack_without_services(
            request.raw, pool_alloc(&pool, request.raw->n_proto_file, sizeof(size_t)), out);
    request_fini(&request);
    pool_fini(&pool);
    return error != NULL ? MESSAGES_REFUSED : MESSAGES_READY;
}
