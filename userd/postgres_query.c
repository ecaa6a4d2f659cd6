/* SPDX-License-Identifier: Apache-2.0 */
/* The statements avoid features that other engines with PostgreSQL's protocol lack: triggers,
 * advisory locks, procedures. Counting all users would read them all, so each statement that adds
 * or removes users updates a row of totals; there are many rows, so that writes do not wait for
 * each other. Statements with array parameters look up each element in an index, whatever the
 * planner knew of the table when it first saw the statement: LATERAL ensures that, and ORDER BY
 * with a LIMIT that is unknown to the planner. */
#include "userd/postgres_query.h"

#include "userd/ranks.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

#define BLOCK TEXT(POSTGRES_BLOCK)
#define BLOCK_BITS TEXT(POSTGRES_BLOCK_BITS)
#define COUNTED TEXT(RANKS_COUNTED)

#define COLUMNS "id, name, email, phone, created_at"

#define ACCOUNT_COLUMNS COLUMNS ", password_hash, roles, epoch"

/* Seconds since 1970, by the database's clock: when the statement began, and now, which may be much
 * later where it waited for a lock. */
#define BEGUN "extract(epoch FROM now())::int8"
#define NOW "extract(epoch FROM clock_timestamp())::int8"

#define REVOKE_AGAIN                  \
    "ON CONFLICT (user_id) DO UPDATE" \
    " SET epoch = excluded.epoch, changed_at = excluded.changed_at"

/* If an email is taken, nothing is inserted, and no id is used up. */
#define INSERT_NEW                                                                     \
    "SELECT name, email, email_key, phone, created_at FROM incoming LEFT JOIN LATERAL" \
    " (SELECT id FROM users WHERE users.email_key = incoming.email_key LIMIT 1)"       \
    " AS holder ON true WHERE holder.id IS NULL ORDER BY place"                        \
    " ON CONFLICT (email_key) DO NOTHING RETURNING id, email_key"

const struct postgres_statement postgres_statements[POSTGRES_QUERIES] = {
    /* ORDER and LIMIT make the planner use the index, which gives that order. */
    [POSTGRES_FIND] = {"find",
        "SELECT " COLUMNS " FROM users WHERE id = ANY ($1::int4[]) ORDER BY id LIMIT $2::int8"},
    /* A scan of a hash index takes no array. */
    [POSTGRES_FIND_BY_HASH] = {"find_by_hash",
        "SELECT found.* FROM (SELECT unnest($1::int4[]) AS wanted) AS asked CROSS JOIN LATERAL"
        " (SELECT " COLUMNS " FROM users WHERE id = wanted LIMIT 1) AS found LIMIT $2::int8"},
    /* Only if version is negative or equals the number of removals. There is no scan beyond the
       end. Skipped users are read from the index only. */
    [POSTGRES_LIST] = {"list",
        "WITH whole AS (SELECT sum(users)::int8 AS total, sum(removed)::int8 AS removed"
        " FROM totals)"
        " SELECT place, total, removed, " COLUMNS
        " FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::int8[], $5::int8[])"
        " WITH ORDINALITY AS asked (after, most, version, skip, rest, place) CROSS JOIN whole"
        " LEFT JOIN LATERAL (SELECT " COLUMNS
        " FROM users WHERE id >= (SELECT id FROM users WHERE id > asked.after"
        " AND (asked.version < 0 OR asked.version = whole.removed)"
        " AND asked.skip < whole.total ORDER BY id LIMIT 1 OFFSET asked.rest)"
        " ORDER BY id LIMIT asked.most) AS page ON true ORDER BY place, id"},
    /* See ranks.h: $1 are the known removals of the blocks below $2; blocks from $2 to below $3 are
       new. */
    [POSTGRES_COUNT] = {"count",
        "WITH asked AS ((SELECT block, removed FROM removals WHERE block < $2::int4"
        " AND removed <> coalesce(($1::int8[])[block + 1], 0) ORDER BY block LIMIT " COUNTED
        ") UNION ALL SELECT new.block, coalesce(removals.removed, 0)"
        " FROM generate_series($2::int4, $3::int4 - 1) AS new (block)"
        " LEFT JOIN removals ON removals.block = new.block)"
        " SELECT whole.removed, whole.last, asked.block, asked.removed,"
        " (SELECT count(*) FROM (SELECT id FROM users WHERE id >= asked.block::int8 * " BLOCK
        " AND id < (asked.block::int8 + 1) * " BLOCK " ORDER BY id LIMIT " BLOCK ") AS inside)"
        " FROM (SELECT sum(removed)::int8 AS removed,"
        " (SELECT coalesce(max(id), 0) FROM users) AS last FROM totals) AS whole"
        " LEFT JOIN asked ON true ORDER BY asked.block"},
    [POSTGRES_CREATE] = {"create",
        "WITH incoming AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],"
        " $5::int8[]) WITH ORDINALITY AS i (name, email, email_key, phone, created_at, place)),"
        " made AS (INSERT INTO users (name, email, email_key, phone, created_at) " INSERT_NEW "),"
        " counted AS (UPDATE totals SET users = users + (SELECT count(*) FROM made)"
        " WHERE id = $6::int4 AND EXISTS (SELECT 1 FROM made))"
        " SELECT id, email_key FROM made"},
    [POSTGRES_UPDATE] = {"update",
        "UPDATE users SET name = coalesce($2::text, name), email = coalesce($3::text, email),"
        " email_key = coalesce($4::text, email_key), phone = coalesce($5::text, phone)"
        " WHERE id = $1::int4 RETURNING " COLUMNS},
    [POSTGRES_REMOVE] = {"remove",
        "WITH gone AS (DELETE FROM users WHERE id = $1::int4 RETURNING id, password_hash),"
        " placed AS (INSERT INTO removals SELECT id >> " BLOCK_BITS ", 1 FROM gone"
        " ON CONFLICT (block) DO UPDATE SET removed = removals.removed + 1),"
        " counted AS (UPDATE totals SET users = users - 1, removed = removed + 1"
        " WHERE id = $2::int4 AND EXISTS (SELECT 1 FROM gone)),"
        " noted AS (INSERT INTO revocations SELECT id, 9223372036854775807, " NOW
        " FROM gone WHERE password_hash IS NOT NULL " REVOKE_AGAIN ")"
        " SELECT id FROM gone"},
    [POSTGRES_ACCOUNT] = {"account", "SELECT " ACCOUNT_COLUMNS " FROM users WHERE id = $1::int4"},
    [POSTGRES_ACCOUNT_BY_EMAIL] = {"account_by_email",
        "SELECT " ACCOUNT_COLUMNS " FROM users WHERE email_key = $1::text"},
    [POSTGRES_REGISTER] = {"register",
        "WITH made AS (INSERT INTO users (name, email, email_key, phone, created_at,"
        " password_hash, roles) SELECT $1::text, $2::text, $3::text, $4::text, $5::int8,"
        " $6::text, $7::text WHERE NOT EXISTS (SELECT 1 FROM users WHERE email_key = $3::text)"
        " ON CONFLICT (email_key) DO NOTHING RETURNING id),"
        " counted AS (UPDATE totals SET users = users + 1"
        " WHERE id = $8::int4 AND EXISTS (SELECT 1 FROM made)),"
        " cleaned AS (DELETE FROM revocations WHERE changed_at < " BEGUN " - 2678400)"
        " SELECT id FROM made"},
    [POSTGRES_PASSWORD] = {"password",
        "WITH changed AS (UPDATE users SET password_hash = $3::text, epoch = epoch + 1"
        " WHERE id = $1::int4 AND epoch = $2::int8 RETURNING id, epoch),"
        " noted AS (INSERT INTO revocations SELECT id, epoch, " NOW " FROM changed " REVOKE_AGAIN
        ") SELECT id FROM changed"},
    [POSTGRES_REVOKED] = {"revoked",
        "SELECT clock.moment, user_id, epoch FROM (SELECT " BEGUN " AS moment) AS clock"
        " LEFT JOIN revocations ON changed_at >= least($1::int8, clock.moment - $2::int8)"
        " ORDER BY user_id"},
};
