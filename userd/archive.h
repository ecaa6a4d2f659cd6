/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk access to a whole database, to read it in one snapshot or to fill it: for backups and
 * copies, not for serving. */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/account_store.h"

/* Accounts per batch. */
#define ARCHIVE_BATCH 1000

/* The content of a database in numbers. */
struct archive_counts {
    int64_t users;
    int64_t last_id; /* the highest id that any user ever had; it is not reused */
};

/* A stored revocation: account_revocation, and when it was stored. */
struct archive_revocation {
    int32_t id;
    int64_t epoch, changed_at;
};

typedef bool archive_visit(void *arg, const struct account *account);
typedef bool archive_visit_revocation(void *arg, const struct archive_revocation *revocation);

struct archive;

/* Functions return false on failure, and cause says why. Those that visit also return false when
 * visit does; the cause is left alone then. */
struct archive_ops {
    /* Begin to read an existing database; all reads from now on see one snapshot. */
    bool (*begin_read)(struct archive *archive, struct store_cause *cause);
    bool (*count)(
        struct archive *archive, struct archive_counts *out_counts, struct store_cause *cause);
    /* Visits the accounts after an id in order of id, at most `limit`. */
    bool (*read)(struct archive *archive, int32_t after, int limit, archive_visit *visit, void *arg,
        struct store_cause *cause);
    bool (*read_revocations)(struct archive *archive, archive_visit_revocation *visit, void *arg,
        struct store_cause *cause);

    /* Begin a transaction: what is added becomes visible and durable when it is committed. */
    bool (*begin_write)(struct archive *archive, struct store_cause *cause);
    bool (*add)(struct archive *archive, const struct account *accounts, size_t count,
        struct store_cause *cause);
    bool (*add_revocation)(struct archive *archive, const struct archive_revocation *revocation,
        struct store_cause *cause);
    /* Do not assign ids up to last_id any more. */
    bool (*reserve)(struct archive *archive, int64_t last_id, struct store_cause *cause);
    bool (*commit)(struct archive *archive, struct store_cause *cause);

    /* The schema version of the database and the version that this userd needs; 0: userd has not
     * used it yet. */
    bool (*version)(
        struct archive *archive, int64_t *out_version, int *out_newest, struct store_cause *cause);

    /* Rolls back an uncommitted transaction. */
    void (*close)(struct archive *archive);
};

struct archive {
    const struct archive_ops *ops;
};

/* How an archive is opened. */
enum archive_use {
    ARCHIVE_READ, /* it must exist, and is not changed */
    ARCHIVE_FILL, /* created if it does not exist, and migrated */
};

/* url: valid (database.h), or NULL for the default database. NULL: cause says why. */
struct archive *archive_open(const char *url, enum archive_use use, struct store_cause *cause);

/* archive_sqlite.c, archive_postgres.c */
struct archive *archive_sqlite_open(
    const char *path, enum archive_use use, struct store_cause *cause);
struct archive *archive_postgres_open(
    const char *url, enum archive_use use, struct store_cause *cause);

static inline void
archive_close(struct archive *archive)
{
    if (archive != NULL)
        archive->ops->close(archive);
}
