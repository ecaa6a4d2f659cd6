/* SPDX-License-Identifier: Apache-2.0 */
/* protoc-gen-weir: started by protoc, which writes a request to its standard input and reads the
 * response from its standard output. */
#include "generate.h"
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef WEIR_VERSION
#error "WEIR_VERSION is set by the build"
#endif

static int
fail(const char *why)
{
    fprintf(stderr, "protoc-gen-weir: %s\n", why);
    return EXIT_FAILURE;
}

static int
run(void)
{
    struct text request = {0};
    uint8_t *response;
    size_t len;
    bool ok;

    if (!text_read(&request, stdin))
        return text_fini(&request), fail("cannot read standard input");
    ok = request.len > 0 && generate((const uint8_t *)request.data, request.len, &response, &len);
    text_fini(&request);
    if (!ok)
        return fail("standard input is no CodeGeneratorRequest; run it as protoc --weir_out=DIR");
    ok = fwrite(response, 1, len, stdout) == len && fflush(stdout) == 0;
    free(response);
    return ok ? EXIT_SUCCESS : fail("cannot write standard output");
}

int
main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts("protoc-gen-weir " WEIR_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (argc > 1)
        return fail("no arguments, please: protoc runs it; options go to protoc --weir_opt");
    return run();
}
