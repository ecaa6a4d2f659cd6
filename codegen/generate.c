/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the generated files, or an error. */
#include "generate.h"

#include "emit.h"
#include <string.h>

typedef Google__Protobuf__Compiler__CodeGeneratorResponse response;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

/* Generated files per .proto. */
#define PER_PROTO 2

struct generation {
    struct pool pool;
    struct request request;
    response response;
};

static void
add_file(struct generation *run, const struct model_file *model, const char *ending,
    void (*emit)(struct text *out, const struct model_file *file))
{
    response_file *file = pool_alloc(&run->pool, 1, sizeof *file);
    struct text text = {0};

    emit(&text, model);
    google__protobuf__compiler__code_generator_response__file__init(file);
    file->name = pool_printf(&run->pool, "%s%s", model->stem, ending);
    file->content = pool_dup(&run->pool, text.data, text.len);
    run->response.file[run->response.n_file++] = file;
    text_fini(&text);
}

/* Returns NULL, or the error. */
static const char *
add_proto(struct generation *run, const char *name)
{
    const struct request_file *file = request_file(&run->request, name);
    const char *error = NULL;
    struct model_file model;

    if (file == NULL)
        return pool_printf(&run->pool, "'%s' is to be generated but not in the request", name);
    if (!model_init(&model, &run->request, &run->pool, file, &error))
        return error;
    add_file(run, &model, ".weir.h", emit_header);
    add_file(run, &model, ".weir.c", emit_source);
    return NULL;
}

static void
answer(struct generation *run)
{
    const char *error = request_check(&run->request, &run->pool);
    size_t count = run->request.raw->n_file_to_generate;

    run->response.file = pool_alloc(&run->pool, count, PER_PROTO * sizeof *run->response.file);
    for (size_t i = 0; error == NULL && i < count; i++)
        error = add_proto(run, run->request.raw->file_to_generate[i]);
    if (error != NULL) {
        run->response.error = pool_line(&run->pool, error);
        run->response.n_file = 0;
    }
}

bool
generate(const uint8_t *request, size_t len, uint8_t **out_response, size_t *out_len)
{
    struct generation run = {.response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT};
    struct text packed = {0};
    size_t size;

    if (!request_init(&run.request, &run.pool, request, len))
        return pool_fini(&run.pool), false;
    run.response.has_supported_features = true;
    run.response.supported_features =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    answer(&run);
    size = google__protobuf__compiler__code_generator_response__get_packed_size(&run.response);
    text_reserve(&packed, size);
    google__protobuf__compiler__code_generator_response__pack(
        &run.response, (uint8_t *)packed.data);
    *out_response = (uint8_t *)packed.data;
    *out_len = size;
    request_fini(&run.request);
    pool_fini(&run.pool);
    return true;
}
