/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the code generator: a CodeGeneratorRequest as protoc writes it to a plugin's standard
 * input.
 *
 *   input:  the request. The seeds are what protoc asks for test/golden/proto (test/golden/update).
 */
#include "fuzz.h"
#include "generate.h"
#include "messages.h"
#include "request.h"

#include <stdlib.h>

typedef Google__Protobuf__Compiler__CodeGeneratorResponse response;

/* Generated text is lines of printable characters, whatever the names and comments were. */
static void
check_text(const char *text)
{
    for (; *text != '\0'; text++)
        FUZZ_CHECK((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t');
}

static void
check_response(const uint8_t *data, size_t len)
{
    response *answer = google__protobuf__compiler__code_generator_response__unpack(NULL, len, data);

    FUZZ_CHECK(answer != NULL);
    if (answer->error != NULL) {
        FUZZ_CHECK(answer->n_file == 0 && *answer->error != '\0');
        for (const char *c = answer->error; *c != '\0'; c++)
            FUZZ_CHECK((unsigned char)*c >= ' ');
    } else {
        FUZZ_CHECK(answer->n_file > 0 && answer->n_file % 2 == 0);
    }
    for (size_t i = 0; i < answer->n_file; i++)
        check_text(answer->file[i]->content);
    google__protobuf__compiler__code_generator_response__free_unpacked(answer, NULL);
}

/* What protobuf-c's generator is to see is a request again, and has no services. */
static void
check_messages(const uint8_t *data, size_t size)
{
    struct text messages = {0};

    if (messages_only(data, size, &messages) == MESSAGES_READY) {
        Google__Protobuf__Compiler__CodeGeneratorRequest *again =
            request_unpack((const uint8_t *)messages.data, messages.len);

        FUZZ_CHECK(again != NULL);
        for (size_t i = 0; i < again->n_proto_file; i++)
            FUZZ_CHECK(again->proto_file[i]->n_service == 0);
        google__protobuf__compiler__code_generator_request__free_unpacked(again, NULL);
    }
    text_fini(&messages);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *answer;
    size_t len;

    if (generate(data, size, &answer, &len)) {
        check_response(answer, len);
        free(answer);
    }
    check_messages(data, size);
    return 0;
}
