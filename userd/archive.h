/* SPDX-License-Identifier: Apache-2.0 */
/* A whole database, read in one snapshot or filled: for backups and copies, not for serving. */
/* Threads: belongs to one thread, and blocks it. */
#pragma once

#include "userd/account_store.h"

/* Accounts that are moved together. */
#define ARCHIVE_BATCH 1000

/* What a database holds. */
struct archive_counts {
    int64_t users;
    int64_t last_id; /* the highest that any user has had, which none gets again */
};

/* A row of what ends tokens: account_revocation, and when it was noted. */
struct archive_revocation {
    int32_t id;
    int64_t epoch, changed_at;
};

typedef bool archive_visit(void *arg, const struct account *account);
typedef bool archive_visit_revocation(void *arg, const struct archive_revocation *revocation);

struct archive;

/* Each: false: it failed, and cause says why. What visits stops with false when visit says false,
 * and leaves the cause alone. */
struct archive_ops {
    /* Of a database that is there; what is read from here on is one snapshot. */
    bool (*begin_read)(struct archive *archive, struct store_cause *cause);
    bool (*count)(
        struct archive *archive, struct archive_counts *out_counts, struct store_cause *cause);
    /* Accounts after an id, in the order of their ids, at most so many. */
    bool (*read)(struct archive *archive, int32_t after, int limit, archive_visit *visit, void *arg,
        struct store_cause *cause);
    bool (*read_revocations)(struct archive *archive, archive_visit_revocation *visit, void *arg,
        struct store_cause *cause);

    /* A transaction: what is added in it is there when it is committed, durably. */
    bool (*begin_write)(struct archive *archive, struct store_cause *cause);
    bool (*add)(struct archive *archive, const struct account *accounts, size_t count,
        struct store_cause *cause);
    bool (*add_revocation)(struct archive *archive, const struct archive_revocation *revocation,
        struct store_cause *cause);
    /* Ids that were used elsewhere are not given again. */
    bool (*reserve)(struct archive *archive, int64_t last_id, struct store_cause *cause);
    bool (*commit)(struct archive *archive, struct store_cause *cause);

    /* The version that it has and the one that this userd needs; 0: it is no database of userd's
     * yet. */
    bool (*version)(
        struct archive *archive, int64_t *out_version, int *out_newest, struct store_cause *cause);

    /* What is not committed is undone. */
    void (*close)(struct archive *archive);
};

struct archive {
    const struct archive_ops *ops;
};

/* What becomes of a database that is opened. */
enum archive_use {
    ARCHIVE_READ, /* it is there, and stays as it is */
    ARCHIVE_FILL, /* made where it is not there, and brought to our version */
};

/* A valid URL (database.h), NULL: the default database. NULL: cause says why. */
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
