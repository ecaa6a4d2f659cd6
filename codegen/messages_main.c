/* SPDX-License-Identifier: Apache-2.0 */
/* protoc-gen-weir-messages: a plugin for protoc that lets protobuf-c's own generate messages, as
 * `protoc --weir-messages_out=DIR`, and amends three things. It keeps services from it
 * (messages.c). It renames fields, or refuses files, for which that would make no code that
 * compiles (members.c). And it answers for `optional` in proto3: protoc-gen-c 1.4 makes right code
 * for it, a oneof of one field, as the descriptor has it, but does not say so, and then protoc
 * refuses the file. */
#include "messages.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int
fail(const char *what, const char *why)
{
    fprintf(stderr, "protoc-gen-weir-messages: %s%s\n", what, why);
    return EXIT_FAILURE;
}

/* An unnamed file with the text, positioned at its start. NULL: see errno. */
static FILE *
file_of(const struct text *text)
{
    FILE *file = tmpfile();

    if (file == NULL)
        return NULL;
    if (fwrite(text->data, 1, text->len, file) == text->len && fflush(file) == 0 &&
        lseek(fileno(file), 0, SEEK_SET) == 0)
        return file;
    fclose(file);
    return NULL;
}

/* Run protoc-gen-c with `input` as its standard input, and our standard output. */
static int
run_generator(int input)
{
    char name[] = "protoc-gen-c";
    char *arguments[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    int error, status = 0;
    pid_t child;

    error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return fail("cannot start protoc-gen-c: ", strerror(error));
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0)
        error = posix_spawnp(&child, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return fail("cannot start protoc-gen-c, of protobuf-c: ", strerror(error));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return fail("cannot wait for protoc-gen-c: ", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : fail("protoc-gen-c was killed", "");
}

/* Append supported_features (field 2, a varint) = FEATURE_PROTO3_OPTIONAL (1) to its
 * CodeGeneratorResponse: concatenated serialized messages are merged. */
static int
amend_response(void)
{
    static const char features[] = {0x10, 0x01};

    if (fwrite(features, 1, sizeof features, stdout) != sizeof features || fflush(stdout) != 0)
        return fail("cannot write standard output: ", strerror(errno));
    return EXIT_SUCCESS;
}

/* Write only a response with the error. */
static int
refuse(const struct text *response)
{
    if (fwrite(response->data, 1, response->len, stdout) != response->len)
        return fail("cannot write standard output: ", strerror(errno));
    return EXIT_SUCCESS;
}

static int
generate_messages(const struct text *request)
{
    FILE *input = file_of(request);
    int code;

    if (input == NULL)
        return fail("cannot write a temporary file: ", strerror(errno));
    code = run_generator(fileno(input));
    fclose(input);
    return code;
}

static int
answer(const struct text *request)
{
    struct text messages = {0};
    int code;

    switch (messages_only((const uint8_t *)request->data, request->len, &messages)) {
    case MESSAGES_READY:
        code = generate_messages(&messages);
        break;
    case MESSAGES_REFUSED:
        code = refuse(&messages);
        break;
    default:
        code = fail("standard input is no CodeGeneratorRequest; ",
            "run it as protoc --weir-messages_out=DIR");
    }
    text_fini(&messages);
    return code == EXIT_SUCCESS ? amend_response() : code;
}

int
main(void)
{
    struct text request = {0};
    int code;

    signal(SIGCHLD, SIG_DFL); /* if ignored, waiting for the child would fail */
    if (!text_read(&request, stdin))
        code = fail("cannot read standard input: ", strerror(errno));
    else if (request.len == 0)
        code = fail("standard input is empty; ", "run it as protoc --weir-messages_out=DIR");
    else
        code = answer(&request);
    text_fini(&request);
    return code;
}
