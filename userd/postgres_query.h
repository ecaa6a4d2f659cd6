/* SPDX-License-Identifier: Apache-2.0 */
/* The prepared statements of every connection to PostgreSQL. */
/* Threads: constants. */
#pragma once

enum postgres_query {
    POSTGRES_FIND,
    POSTGRES_FIND_BY_HASH, /* the same by a hash index */
    POSTGRES_LIST,
    POSTGRES_COUNT,
    POSTGRES_CREATE,
    POSTGRES_UPDATE,
    POSTGRES_REMOVE,
    POSTGRES_ACCOUNT,
    POSTGRES_ACCOUNT_BY_EMAIL,
    POSTGRES_REGISTER,
    POSTGRES_PASSWORD,
    POSTGRES_REVOKED,
    POSTGRES_QUERIES
};

/* Rows of the table totals; a transaction updates one of them, so that others need not wait. */
#define POSTGRES_SHARDS 64

/* Ids per block, by which removals are counted; and its base-2 logarithm. */
#define POSTGRES_BLOCK 1024
#define POSTGRES_BLOCK_BITS 10

struct postgres_statement {
    const char *name;
    const char *text;
};

extern const struct postgres_statement postgres_statements[POSTGRES_QUERIES];
