/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c makes tables of its own for services, in which a method is a member by its name in
 * lower case: with a method Register, or for C++ Delete, they do not compile. Nobody needs them
 * here, so it never hears of services. */
#include "messages.h"

#include "request.h"

/* Takes the lists out of their files for the time of packing; they are freed with the request. */
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

bool
messages_only(const uint8_t *request, size_t len, struct text *out)
{
    Google__Protobuf__Compiler__CodeGeneratorRequest *unpacked = request_unpack(request, len);
    struct pool pool = {0};

    if (unpacked == NULL)
        return false;
    pack_without_services(unpacked, pool_alloc(&pool, unpacked->n_proto_file, sizeof(size_t)), out);
    pool_fini(&pool);
    google__protobuf__compiler__code_generator_request__free_unpacked(unpacked, NULL);
    return true;
}
