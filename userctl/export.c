/* SPDX-License-Identifier: Apache-2.0 */
/* userctl export: all users, page by page. Each page starts after the last id of the previous one,
 * so that no user is skipped or duplicated by concurrent changes. A file is written under a
 * temporary name in the same folder and renamed when it is complete; a device or a pipe is written
 * directly. */
#include "usercommon/complain.h"
#include "userctl/calls.h"
#include "userctl/csv.h"
#include "userctl/interrupt.h"
#include "userctl/print.h"
#include "userctl/progress.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_USERS 100

struct export
{
    weir_channel *channel;
    const struct args *args;
    bool jsonl;
    FILE *out;
    struct progress progress;
    struct interrupt interrupt;
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

/* Print the error. Returns the exit code. */
static int
fail_write(const struct export *export)
{
    const char *file = export->args->file == NULL ? "standard output" : export->args->file;

    if (errno != EPIPE)
        complain("userctl", "cannot write %s: %s", file, strerror(errno));
    return EXIT_OUTPUT;
}

static int
fail_call(const struct export *export, weir_code code, const char *message)
{
    if (!atomic_load(&export->interrupt.happened))
        return calls_fail(export->args, code, message);
    complain("userctl", "interrupted");
    return EXIT_CODE_BASE + WEIR_CANCELLED;
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
    return code == WEIR_OK ? 0 : fail_call(export, code, weir_call_message(stream.call));
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
        return fail_call(export, code, weir_call_message(call));
    return take_page(export, stream, out_count);
}

/* The last page is the first one that is not full. */
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
        interrupt_cancels(&export->interrupt, call);
        status = run_page(export, call, &count);
        interrupt_cancels(&export->interrupt, NULL);
        weir_call_free(call);
    }
    progress_clear(&export->progress);
    if (status == 0 && (fflush(export->out) != 0 || ferror(export->out)))
        status = fail_write(export);
    return status;
}

/* ---- a file ---- */

static void
tell_count(const struct export *export)
{
    if (export->args->json)
        printf("{\"exported\":%" PRId64 "}\n", export->count);
    else
        printf("%" PRId64 " %s exported\n", export->count, export->count == 1 ? "user" : "users");
}

/* Sync the file and rename it. */
static int
put_in_place(struct export *export, const char *beside, const char *place)
{
    if (fsync(fileno(export->out)) != 0 || rename(beside, place) != 0)
        return fail_write(export);
    tell_count(export);
    return 0;
}

static int
run_beside(struct export *export, char *beside, const char *place)
{
    int fd = mkstemp(beside); /* accessible only to its owner, because it contains personal data */
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
        status = put_in_place(export, beside, place);
    if (status != 0)
        unlink(beside);
    fclose(export->out);
    return status;
}

static int
replace_file(struct export *export, const char *place)
{
    size_t size = strlen(place) + sizeof(".XXXXXX");
    char *beside = malloc(size);
    int status;

    if (beside == NULL)
        return calls_fail(export->args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(beside, size, "%s.XXXXXX", place);
    status = run_beside(export, beside, place);
    free(beside);
    return status;
}

/* Devices, pipes and the like are not replaced. */
static int
write_through(struct export *export)
{
    int status;

    export->out = fopen(export->args->file, "we");
    if (export->out == NULL)
        return fail_write(export);
    status = run_pages(export);
    if (fclose(export->out) != 0 && status == 0)
        status = fail_write(export);
    if (status == 0)
        tell_count(export);
    return status;
}

/* If the path is a symbolic link, its target is replaced. */
static int
run_file(struct export *export)
{
    struct stat found;
    bool there = stat(export->args->file, &found) == 0;
    char *place;
    int status;

    if (there && !S_ISREG(found.st_mode))
        return write_through(export);
    place = there ? realpath(export->args->file, NULL) : NULL;
    status = replace_file(export, place == NULL ? export->args->file : place);
    free(place);
    return status;
}

static int
run_interruptible(struct export *export)
{
    int status;

    if (!interrupt_start(&export->interrupt))
        return calls_fail(export->args, WEIR_RESOURCE_EXHAUSTED, "out of threads");
    status = export->args->file == NULL ? run_pages(export) : run_file(export);
    interrupt_stop(&export->interrupt);
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
    if (args->file == NULL)
        export.progress.shown = export.progress.shown && isatty(STDOUT_FILENO) != 1;
    return run_interruptible(&export);
}
