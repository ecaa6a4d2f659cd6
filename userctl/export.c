/* SPDX-License-Identifier: Apache-2.0 */
/* userctl export: all users, page by page, each from the last id of the one before, so that no user
 * is missed or doubled, whatever others create and delete meanwhile. A file is written beside its
 * place and moved there when it is whole. */
#include "usercommon/complain.h"
#include "userctl/calls.h"
#include "userctl/csv.h"
#include "userctl/print.h"
#include "userctl/progress.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_USERS 100

struct export
{
    weir_channel *channel;
    const struct args *args;
    bool jsonl;
    FILE *out;
    struct progress progress;
    int64_t began;
    int32_t last; /* id */
    int64_t count;
};

static bool
write_csv(const User__User *user, FILE *out)
{
    fprintf(out, "%" PRId32 ",", user->id);
    csv_write(user->name, out);
    putc(',', out);
    csv_write(user->email, out);
    putc(',', out);
    csv_write(user->phone, out);
    return fprintf(out, ",%" PRId64 "\r\n", user->created_at) > 0;
}

/* What is wrong is told. The exit code. */
static int
fail_write(const struct export *export)
{
    const char *file = export->args->file == NULL ? "standard output" : export->args->file;

    if (errno != EPIPE)
        complain("userctl", "cannot write %s: %s", file, strerror(errno));
    return EXIT_OUTPUT;
}

static int
take_page(
    struct export *export, struct user_UserService_ListUsersStream_client stream, size_t *out_count)
{
    const User__User *user;
    weir_code code;

    *out_count = 0;
    while (user_UserService_ListUsersStream_client_recv(stream, &user)) {
        if (user->id <= export->last) {
            complain("userctl", "the server does not know ListUsersRequest.after");
            return EXIT_CODE_BASE + WEIR_UNIMPLEMENTED;
        }
        if (!(export->jsonl ? print_user_json(user, export->out) : write_csv(user, export->out)))
            return fail_write(export);
        export->last = user->id;
        export->count++;
        ++*out_count;
        progress_tell(&export->progress, 0, export->count, -1);
    }
    code = user_UserService_ListUsersStream_client_finish(stream);
    return code == WEIR_OK ? 0 : calls_fail(export->args, code, weir_call_message(stream.call));
}

static int
run_page(struct export *export, weir_call *call, size_t *out_count)
{
    User__ListUsersRequest request = USER__LIST_USERS_REQUEST__INIT;
    struct user_UserService_ListUsersStream_client stream;
    weir_code code;

    request.limit = PAGE_USERS;
    request.after = export->last;
    code = user_UserService_ListUsersStream(call, &request, &stream);
    if (code != WEIR_OK)
        return calls_fail(export->args, code, weir_call_message(call));
    return take_page(export, stream, out_count);
}

/* A page that is not full is the last one. */
static int
run_pages(struct export *export)
{
    size_t count = PAGE_USERS;
    int status = 0;

    if (!export->jsonl)
        fputs("id,name,email,phone,created_at\r\n", export->out);
    while (status == 0 && count == PAGE_USERS) {
        weir_call *call = calls_begin(export->channel, export->args, export->began);
        if (call == NULL)
            return EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;
        status = run_page(export, call, &count);
        weir_call_free(call);
    }
    progress_clear(&export->progress);
    if (status == 0 && (fflush(export->out) != 0 || ferror(export->out)))
        status = fail_write(export);
    return status;
}

/* ---- a file ---- */

/* On the disk, and then in its place. */
static int
put_in_place(struct export *export, const char *beside)
{
    if (fsync(fileno(export->out)) != 0 || rename(beside, export->args->file) != 0)
        return fail_write(export);
    if (export->args->json)
        printf("{\"exported\":%" PRId64 "}\n", export->count);
    else
        printf("%" PRId64 " %s exported\n", export->count, export->count == 1 ? "user" : "users");
    return 0;
}

static int
run_beside(struct export *export, char *beside)
{
    int fd = mkstemp(beside); /* for its owner alone: it holds what the service keeps of people */
    int status;

    if (fd < 0)
        return fail_write(export);
    export->out = fdopen(fd, "w");
    if (export->out == NULL) {
        status = fail_write(export);
        close(fd);
        unlink(beside);
        return status;
    }
    status = run_pages(export);
    if (status == 0)
        status = put_in_place(export, beside);
    if (status != 0)
        unlink(beside);
    fclose(export->out);
    return status;
}

static int
run_file(struct export *export)
{
    size_t size = strlen(export->args->file) + sizeof(".XXXXXX");
    char *beside = malloc(size);
    int status;

    if (beside == NULL)
        return calls_fail(export->args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(beside, size, "%s.XXXXXX", export->args->file);
    status = run_beside(export, beside);
    free(beside);
    return status;
}

int
export_run(weir_channel *channel, const struct args *args)
{
    struct export export = {.channel = channel,
        .args = args,
        .jsonl = args->jsonl || args->json,
        .out = stdout,
        .began = weir_now()};

    progress_init(&export.progress, 0);
    if (args->file != NULL)
        return run_file(&export);
    export.progress.shown = export.progress.shown && isatty(STDOUT_FILENO) != 1;
    return run_pages(&export);
}
