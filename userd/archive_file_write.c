/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a backup: to PATH.part, which is renamed when all of it is on the disk. The writer locks
 * this file, so of two concurrent backups to one path one fails. */
#include "userd/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct writing {
    FILE *file;
    crypto_hash_sha256_state hash;
    int64_t users;
    int32_t last; /* id of the last one */
};

static bool
fail(struct store_cause *cause, const char *what)
{
    snprintf(cause->text, sizeof(cause->text), "%.180s: %s", what, strerror(errno));
    return false;
}

/* Write a line and add it to the hash. Frees the object; NULL: no memory. */
static bool
put_line(struct writing *writing, json_t *object)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    bool good = text != NULL && fprintf(writing->file, "%s\n", text) > 0;

    if (good) {
        crypto_hash_sha256_update(&writing->hash, (const uint8_t *)text, strlen(text));
        crypto_hash_sha256_update(&writing->hash, (const uint8_t *)"\n", 1);
    }
    free(text);
    json_decref(object);
    return good;
}

static bool
put_account(void *arg, const struct account *account)
{
    struct writing *writing = arg;
    const struct user *user = &account->user;

    writing->users++;
    writing->last = user->id;
    return put_line(
        writing, json_pack("{s:i, s:s, s:s, s:s, s:I, s:s*, s:s, s:I}", "id", (int)user->id, "name",
                     user->name, "email", user->email, "phone", user->phone, "created_at",
                     (json_int_t)user->created_at, "password_hash", account->password_hash, "roles",
                     account->roles, "epoch", (json_int_t)account->epoch));
}

static bool
put_revocation(void *arg, const struct archive_revocation *revocation)
{
    return put_line(
        arg, json_pack("{s:i, s:I, s:I}", "revoked", (int)revocation->id, "epoch",
                 (json_int_t)revocation->epoch, "changed_at", (json_int_t)revocation->changed_at));
}

static bool
put_users(struct writing *writing, struct archive *archive, int64_t all, archive_progress *progress,
    struct store_cause *cause)
{
    int64_t before;

    do {
        before = writing->users;
        if (!archive->ops->read(archive, writing->last, ARCHIVE_BATCH, put_account, writing, cause))
            return false;
        if (writing->users > before)
            progress(&(struct archive_step){"backed up", before, writing->users, all});
    } while (writing->users > before);
    return true;
}

/* Write the last line, which is not part of the hash. */
static bool
put_end(struct writing *writing)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1];

    crypto_hash_sha256_final(&writing->hash, hash);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    return fprintf(writing->file, "{\"end\":%lld,\"sha256\":\"%s\"}\n", (long long)writing->users,
               hex) > 0;
}

static bool
put_all(struct writing *writing, struct archive *archive, archive_progress *progress,
    struct store_cause *cause)
{
    struct archive_counts counts;

    snprintf(cause->text, sizeof(cause->text), "the file cannot be written");
    return archive->ops->begin_read(archive, cause) &&
           archive->ops->count(archive, &counts, cause) &&
           put_line(writing,
               json_pack("{s:i, s:I}", "userd_backup", 1, "last_id", (json_int_t)counts.last_id)) &&
           put_users(writing, archive, counts.users, progress, cause) &&
           archive->ops->read_revocations(archive, put_revocation, writing, cause) &&
           put_end(writing);
}

/* Does the path still name the file that the descriptor refers to? */
static bool
is_still(int fd, const char *part)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && lstat(part, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* Locked until it is closed, so that no other process writes or renames it. */
static FILE *
open_part(const char *part, struct store_cause *cause)
{
    int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = NULL;

    if (fd < 0) {
        (void)fail(cause, part);
        return NULL;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_still(fd, part))
        snprintf(cause->text, sizeof(cause->text), "%.180s: another backup writes it", part);
    else if (ftruncate(fd, 0) != 0 || (file = fdopen(fd, "w")) == NULL)
        (void)fail(cause, part);
    if (file == NULL)
        close(fd);
    return file;
}

static bool
write_part(FILE *file, const char *part, struct archive *archive, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause)
{
    struct writing writing = {.file = file};

    crypto_hash_sha256_init(&writing.hash);
    if (!put_all(&writing, archive, progress, cause))
        return false;
    *out_users = writing.users;
    return (fflush(file) == 0 && fsync(fileno(file)) == 0) || fail(cause, part);
}

static bool
write_and_rename(FILE *file, const char *part, const char *path, struct archive *archive,
    archive_progress *progress, int64_t *out_users, struct store_cause *cause)
{
    bool good;

    if (access(path, F_OK) == 0) {
        snprintf(cause->text, sizeof(cause->text), "%.200s is there already", path);
        good = false;
    } else {
        good = write_part(file, part, archive, progress, out_users, cause) &&
               (rename(part, path) == 0 || fail(cause, path));
    }
    if (!good)
        unlink(part);
    return good;
}

/* The directory entry must be on the disk, too. */
static bool
sync_folder(const char *path, struct store_cause *cause)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;
    bool good;

    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
        slash == NULL ? "." : path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    good = fd >= 0 && fsync(fd) == 0;
    if (!good)
        (void)fail(cause, folder);
    if (fd >= 0)
        close(fd);
    return good;
}

bool
archive_file_write(const char *path, struct archive *archive, archive_progress *progress,
    int64_t *out_users, struct store_cause *cause)
{
    char part[PATH_MAX];
    FILE *file;
    bool good;

    if ((size_t)snprintf(part, sizeof(part), "%s.part", path) >= sizeof(part)) {
        snprintf(cause->text, sizeof(cause->text), "its path is too long");
        return false;
    }
    file = open_part(part, cause);
    if (file == NULL)
        return false;
    good = write_and_rename(file, part, path, archive, progress, out_users, cause);
    fclose(file); /* its content is on the disk already */
    return good && sync_folder(path, cause);
}
