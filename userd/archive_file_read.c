/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a backup. The file is verified as a whole before any of it is used; each line is
 * validated as well, because a backup is untrusted input. */
#include "userd/archive_file.h"

#include "userd/archive_batch.h"
#include "userd/validate.h"
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer than any valid line. */
#define LINE_MAX_BYTES 8192

struct reading {
    FILE *file;
    int64_t number; /* of the line, from 1 */
    char line[LINE_MAX_BYTES];
    size_t len;
    struct archive *archive;
    struct archive_batch batch;
    int32_t last;
    int64_t users, all;
    archive_progress *progress;
    struct store_cause *cause;
};

static bool
fail(struct reading *reading, const char *what)
{
    snprintf(reading->cause->text, sizeof(reading->cause->text), "line %lld: %s",
        (long long)reading->number, what);
    return false;
}

/* False: end of file, or not a text file; cause says which. */
static bool
next_line(struct reading *reading)
{
    reading->number++;
    if (fgets(reading->line, sizeof(reading->line), reading->file) == NULL)
        return fail(reading, "it ends too soon");
    reading->len = strlen(reading->line);
    if (reading->len == 0 || reading->line[reading->len - 1] != '\n')
        return fail(reading, "no such line is ever written");
    return true;
}

/* NULL: cause says why. Freed by json_decref. */
static json_t *
parse_line(struct reading *reading)
{
    json_t *object = json_loadb(reading->line, reading->len, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(object))
        return object;
    json_decref(object);
    (void)fail(reading, "it is not JSON");
    return NULL;
}

static bool
begins_with(const struct reading *reading, const char *text)
{
    return strncmp(reading->line, text, strlen(text)) == 0;
}

/* Read the file at a path from its beginning to its end with `read`. */
static bool
read_file(struct reading *reading, const char *path, bool (*read)(struct reading *reading))
{
    FILE *file = fopen(path, "re");
    bool good;

    if (file == NULL) {
        snprintf(reading->cause->text, sizeof(reading->cause->text), "%s", strerror(errno));
        return false;
    }
    reading->file = file;
    good = read(reading);
    fclose(file);
    return good;
}

/* ---- the whole file ---- */

static bool
check_end(struct reading *reading, int64_t users, const uint8_t hash[crypto_hash_sha256_BYTES])
{
    char hex[2 * crypto_hash_sha256_BYTES + 1];
    json_int_t written = -1;
    const char *sum = "";
    json_t *end = parse_line(reading);
    bool good;

    if (end == NULL)
        return false;
    sodium_bin2hex(hex, sizeof(hex), hash, crypto_hash_sha256_BYTES);
    good = json_unpack(end, "{s:I, s:s}", "end", &written, "sha256", &sum) == 0 &&
           written == users && strcmp(sum, hex) == 0;
    json_decref(end);
    if (!good)
        return fail(reading, "the file is not as it was written");
    return fgetc(reading->file) == EOF || fail(reading, "there is more behind the end");
}

static bool
check(struct reading *reading)
{
    crypto_hash_sha256_state state;
    uint8_t hash[crypto_hash_sha256_BYTES];
    int64_t users = 0;

    crypto_hash_sha256_init(&state);
    if (!next_line(reading))
        return false;
    if (!begins_with(reading, "{\"userd_backup\":1,"))
        return fail(reading, "it is no backup of userd, or one of a newer userd");
    while (!begins_with(reading, "{\"end\":")) {
        crypto_hash_sha256_update(&state, (const uint8_t *)reading->line, reading->len);
        users += begins_with(reading, "{\"id\":");
        if (!next_line(reading))
            return false;
    }
    crypto_hash_sha256_final(&state, hash);
    reading->all = users;
    return check_end(reading, users, hash);
}

bool
archive_file_check(const char *path, int64_t *out_users, struct store_cause *cause)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    bool good;

    if (reading == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return false;
    }
    reading->cause = cause;
    good = read_file(reading, path, check);
    if (good)
        *out_users = reading->all;
    free(reading);
    return good;
}

/* ---- the lines ---- */

static bool
flush_batch(struct reading *reading)
{
    struct archive_step step = {"restored", reading->users, reading->users, reading->all};
    bool good = reading->archive->ops->add(
        reading->archive, reading->batch.accounts, reading->batch.count, reading->cause);

    reading->users += (int64_t)reading->batch.count;
    step.done = reading->users;
    if (good && step.done > step.before)
        reading->progress(&step);
    archive_batch_clear(&reading->batch);
    return good;
}

static bool
take_account(struct reading *reading, json_t *object)
{
    struct account account = {.password_hash = NULL};
    json_int_t created_at, epoch;
    int id;
    const char *wrong;

    if (json_unpack(object, "{s:i, s:s, s:s, s:s, s:I, s?s, s:s, s:I}", "id", &id, "name",
            &account.user.name, "email", &account.user.email, "phone", &account.user.phone,
            "created_at", &created_at, "password_hash", &account.password_hash, "roles",
            &account.roles, "epoch", &epoch) != 0)
        return fail(reading, "it is no user");
    account.user.id = id;
    account.user.created_at = created_at;
    account.epoch = epoch;
    wrong = validate_new_user(&account.user);
    if (wrong != NULL)
        return fail(reading, wrong);
    if (id <= reading->last)
        return fail(reading, "its id is not above the one before");
    reading->last = id;
    if (!archive_batch_add(&reading->batch, &account))
        return fail(reading, "out of memory");
    return reading->batch.count < ARCHIVE_BATCH || flush_batch(reading);
}

static bool
take_revocation(struct reading *reading, json_t *object)
{
    struct archive_revocation revocation;
    json_int_t epoch, changed_at;
    int id;

    if (json_unpack(object, "{s:i, s:I, s:I}", "revoked", &id, "epoch", &epoch, "changed_at",
            &changed_at) != 0)
        return fail(reading, "it says nothing of tokens");
    revocation = (struct archive_revocation){id, epoch, changed_at};
    return reading->archive->ops->add_revocation(reading->archive, &revocation, reading->cause);
}

static bool
take_line(struct reading *reading, int64_t *last_id)
{
    json_t *object = parse_line(reading);
    json_int_t number;
    bool good = object != NULL;

    if (good && json_unpack(object, "{s:I}", "last_id", &number) == 0)
        *last_id = number;
    else if (good && begins_with(reading, "{\"id\":"))
        good = take_account(reading, object);
    else if (good)
        good = take_revocation(reading, object);
    json_decref(object);
    return good;
}

static bool
take_all(struct reading *reading)
{
    int64_t last_id = 0;

    while (next_line(reading)) {
        if (begins_with(reading, "{\"end\":"))
            return flush_batch(reading) &&
                   reading->archive->ops->reserve(reading->archive,
                       last_id > reading->last ? last_id : reading->last, reading->cause);
        if (!take_line(reading, &last_id))
            return false;
    }
    return false;
}

bool
archive_file_read(const char *path, struct archive *archive, archive_progress *progress,
    struct store_cause *cause)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    bool good;

    if (reading == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return false;
    }
    reading->cause = cause;
    reading->archive = archive;
    reading->progress = progress;
    good = archive_file_check(path, &reading->all, cause) && read_file(reading, path, take_all);
    archive_batch_clear(&reading->batch);
    free(reading);
    return good;
}
