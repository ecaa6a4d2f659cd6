/* SPDX-License-Identifier: Apache-2.0 */
/* userctl import: the users in a file. They are sent in streams of a few thousand, so that each
 * response can list all errors, and what was created is known even if a later stream fails. */
#include "usercommon/complain.h"
#include "userctl/calls.h"
#include "userctl/entries.h"
#include "userctl/interrupt.h"
#include "userctl/print.h"
#include "userctl/progress.h"
#include "userctl/source.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Users per stream; their lists fit into a response. */
#define STREAM_USERS 2000

struct import {
    weir_channel *channel;
    const struct args *args;
    const char *file; /* path, for messages */
    struct entries entries;
    struct progress progress;
    struct interrupt interrupt;
    int64_t began;
    int64_t lines[STREAM_USERS]; /* lines of the entries that were sent in this stream */
    size_t sent;
    int64_t created, failed;
    int64_t line; /* of the last entry that was processed */
    bool ended;   /* end of the file */
};

/* ---- errors ---- */

/* line 0: unknown. */
static void
tell_error(struct import *import, int64_t line, const char *error)
{
    import->failed++;
    progress_clear(&import->progress);
    if (import->args->json) {
        json_t *json = json_pack("{s:I, s:s}", "line", (json_int_t)line, "error", error);
        json_dumpf(json, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(json);
    } else if (line == 0) {
        complain("userctl", "%s: %s", import->file, error);
    } else {
        complain("userctl", "%s:%" PRId64 ": %s", import->file, line, error);
    }
}

/* The server tells which entry an error belongs to; if it does not, the error is printed without a
 * line. */
static void
tell_errors(struct import *import, const User__CreateUsersResponse *response)
{
    int64_t unlisted = (int64_t)import->sent - response->count - (int64_t)response->n_errors;
    char more[64];

    for (size_t i = 0; i < response->n_errors; i++) {
        int64_t place = i < response->n_failed ? response->failed[i] : 0;
        bool known = place >= 1 && place <= (int64_t)import->sent;
        tell_error(import, known ? import->lines[place - 1] : 0, response->errors[i]);
    }
    if (unlisted <= 0)
        return;
    snprintf(more, sizeof(more), "%" PRId64 " more were not created", unlisted);
    tell_error(import, 0, more);
    import->failed += unlisted - 1;
}

/* A stream failed: say which users may have been created. */
static int
fail_stream(struct import *import, weir_call *call, weir_code code)
{
    progress_clear(&import->progress);
    if (import->sent > 0)
        complain("userctl",
            "%s: the users of lines %" PRId64 " to %" PRId64 " may have been created or not",
            import->file, import->lines[0], import->lines[import->sent - 1]);
    return calls_fail(import->args, code, weir_call_message(call));
}

/* ---- one stream ---- */

static weir_code
send_entry(struct import *import, struct user_UserService_CreateUsersStream_client stream)
{
    User__CreateUserRequest request = USER__CREATE_USER_REQUEST__INIT;

    request.name = (char *)import->entries.fields[ENTRY_NAME];
    request.email = (char *)import->entries.fields[ENTRY_EMAIL];
    request.phone = (char *)import->entries.fields[ENTRY_PHONE];
    import->lines[import->sent++] = import->entries.line;
    return user_UserService_CreateUsersStream_client_send(stream, &request);
}

/* Stops at an interrupt, because the entry just read may be incomplete then. */
static weir_code
send_entries(struct import *import, struct user_UserService_CreateUsersStream_client stream)
{
    while (import->sent < STREAM_USERS) {
        enum entry_result result = entries_next(&import->entries);

        if (atomic_load(&import->interrupt.happened))
            return WEIR_OK;
        if (result == ENTRY_END) {
            import->ended = true;
            return WEIR_OK;
        }
        import->line = import->entries.line;
        if (result == ENTRY_BAD)
            tell_error(import, import->line, import->entries.error);
        else
            WEIR_TRY(send_entry(import, stream));
        progress_tell(&import->progress, entries_bytes(&import->entries),
            import->created + (int64_t)import->sent, import->failed);
    }
    return WEIR_OK;
}

static int
run_stream(struct import *import, weir_call *call)
{
    struct user_UserService_CreateUsersStream_client stream;
    const User__CreateUsersResponse *response;
    weir_code code = user_UserService_CreateUsersStream(call, &stream);

    import->sent = 0;
    if (code == WEIR_OK) /* the reason of a failed send is in the status */
        (void)!send_entries(import, stream);
    if (code == WEIR_OK)
        code = user_UserService_CreateUsersStream_client_finish(stream, &response);
    if (code != WEIR_OK)
        return fail_stream(import, call, code);
    import->created += response->count;
    tell_errors(import, response);
    return 0;
}

/* ---- the file ---- */

static int
run_streams(struct import *import)
{
    int status = 0;

    while (status == 0 && !import->ended && !atomic_load(&import->interrupt.happened)) {
        weir_call *call = calls_begin(import->channel, import->args, import->began);
        if (call == NULL)
            return EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;
        status = run_stream(import, call);
        weir_call_free(call);
    }
    progress_clear(&import->progress);
    return status;
}

static void
print_summary(const struct import *import)
{
    if (import->args->json)
        printf(
            "{\"created\":%" PRId64 ",\"failed\":%" PRId64 "}\n", import->created, import->failed);
    else
        printf("%" PRId64 " %s created, %" PRId64 " %s\n", import->created,
            import->created == 1 ? "user" : "users", import->failed,
            import->failed == 1 ? "error" : "errors");
}

static int
fail_read(const struct import *import)
{
    complain("userctl", "%s cannot be read to its end", import->file);
    return EXIT_USAGE;
}

static int
fail_interrupted(const struct import *import)
{
    if (import->line == 0)
        complain("userctl", "interrupted: no user of %s was read", import->file);
    else
        complain("userctl", "interrupted: line %" PRId64 " of %s is the last that was read",
            import->line, import->file);
    return EXIT_CODE_BASE + WEIR_CANCELLED;
}

/* Returns the exit code of the most severe problem. */
static int
conclude(const struct import *import, FILE *file, int status)
{
    print_summary(import);
    if (status != 0)
        return status;
    if (atomic_load(&import->interrupt.happened) && !import->ended)
        return fail_interrupted(import);
    if (ferror(file))
        return fail_read(import);
    return import->failed == 0 ? 0 : EXIT_CODE_BASE + WEIR_INVALID_ARGUMENT;
}

static int
fail_begin(const struct import *import, FILE *file)
{
    if (atomic_load(&import->interrupt.happened))
        return fail_interrupted(import);
    if (ferror(file))
        return fail_read(import);
    complain("userctl", "%s: %s", import->file, import->entries.error);
    return EXIT_USAGE;
}

static int
run_file(struct import *import, FILE *file)
{
    int status;

    if (!entries_begin(&import->entries, file, import->args->jsonl))
        return fail_begin(import, file);
    status = run_streams(import);
    status = conclude(import, file, status);
    entries_fini(&import->entries);
    return status;
}

static int
run_source(struct import *import, int fd)
{
    struct source source = {fd, &import->interrupt};
    FILE *file;
    int status;

    if (!interrupt_start(&import->interrupt))
        return calls_fail(import->args, WEIR_RESOURCE_EXHAUSTED, "out of threads or descriptors");
    file = source_read(&source);
    if (file == NULL)
        status = calls_fail(import->args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    else
        status = run_file(import, file);
    if (file != NULL)
        fclose(file);
    interrupt_stop(&import->interrupt);
    return status;
}

/* 0: unknown, for example a pipe. */
static int64_t
size_of(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : 0;
}

/* Folders can be opened, but not read. */
static int
open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))
        return fd;
    close(fd);
    errno = EISDIR;
    return -1;
}

int
import_run(weir_channel *channel, const struct args *args)
{
    struct import *import = calloc(1, sizeof(*import));
    int fd = args->file == NULL ? STDIN_FILENO : open_file(args->file);
    int status = EXIT_USAGE;

    if (fd < 0) {
        complain("userctl", "cannot read %s: %s", args->file, strerror(errno));
    } else if (import == NULL) {
        status = calls_fail(args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        import->channel = channel;
        import->args = args;
        import->file = args->file == NULL ? "standard input" : args->file;
        import->began = weir_now();
        progress_init(&import->progress, size_of(fd));
        status = run_source(import, fd);
    }
    if (fd > STDIN_FILENO)
        close(fd);
    free(import);
    return status;
}
