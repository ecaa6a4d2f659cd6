/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL. It is in libpq's pipeline mode: what is sent before a Sync is one
 * transaction and one round trip, so setting the timeout, where it changes, costs none of its own.
 *
 * The statements keep to what other engines that speak the protocol have, too: no triggers, no
 * advisory locks, no procedures. Counting all users reads them all, so each statement that adds or
 * removes one counts it in a row of totals; many rows, or every write would wait for the one
 * before. */
#include "userd/postgres_connection.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/fd.h>

#define CONNECT_TIMEOUT "5" /* seconds, unless the URL says otherwise */
#define SILENT_MS "10000"   /* a host that acknowledges nothing for so long is lost */

#define PREPARE_TIMEOUT 5000 /* milliseconds */

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

#define COLUMNS "id, name, email, phone, created_at"

#define ACCOUNT_COLUMNS COLUMNS ", password_hash, roles, epoch"

/* Seconds since 1970, by the database's clock. */
#define NOW "extract(epoch FROM now())::int8"

#define REVOKE_AGAIN                  \
    "ON CONFLICT (user_id) DO UPDATE" \
    " SET epoch = excluded.epoch, changed_at = excluded.changed_at"

/* Where an email is taken, nothing is inserted, and no id is used up. */
#define INSERT_NEW                                                                     \
    "SELECT name, email, email_key, phone, created_at FROM incoming WHERE NOT EXISTS"  \
    " (SELECT 1 FROM users WHERE users.email_key = incoming.email_key) ORDER BY place" \
    " ON CONFLICT (email_key) DO NOTHING RETURNING id, email_key"

static const struct {
    const char *name;
    const char *text;
} statements[POSTGRES_QUERIES] = {
    [POSTGRES_FIND] = {"find", "SELECT " COLUMNS " FROM users WHERE id = $1::int4"},
    [POSTGRES_LIST] = {"list",
        "SELECT total, " COLUMNS " FROM (SELECT sum(users)::int8 AS total FROM totals) AS whole"
        " LEFT JOIN (SELECT " COLUMNS " FROM users WHERE id > $1::int4"
        " AND $3::int8 < (SELECT sum(users) FROM totals) ORDER BY id" /* beyond the end: no scan */

        " LIMIT $2::int8 OFFSET $3::int8) AS page ON true ORDER BY id"},
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
        " counted AS (UPDATE totals SET users = users - 1"
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
        " cleaned AS (DELETE FROM revocations WHERE changed_at < " NOW " - 2678400)"
        " SELECT id FROM made"},
    [POSTGRES_PASSWORD] = {"password",
        "WITH changed AS (UPDATE users SET password_hash = $3::text, epoch = epoch + 1"
        " WHERE id = $1::int4 AND epoch = $2::int8 RETURNING id, epoch),"
        " noted AS (INSERT INTO revocations SELECT id, epoch, " NOW " FROM changed " REVOKE_AGAIN
        ") SELECT id FROM changed"},
    [POSTGRES_REVOKED] = {"revoked",
        "SELECT user_id, epoch FROM revocations WHERE changed_at >= " NOW
        " - $1::int8 ORDER BY user_id"},
};

/* ---- failures ---- */

void
postgres_cause(PGconn *pg, struct store_cause *cause)
{
    const char *text = PQerrorMessage(pg);
    size_t len = strcspn(text, "\n");

    if (len == 0)
        snprintf(cause->text, sizeof(cause->text), "the connection is lost");
    else
        snprintf(cause->text, sizeof(cause->text), "%.*s", (int)len, text);
}

static bool
is_class(const char *state, const char *class)
{
    return strncmp(state, class, strlen(class)) == 0;
}

/* What an SQLSTATE is to a store (PostgreSQL, Appendix A). */
static weir_code
code_of(const char *state)
{
    if (is_class(state, "23505")) /* unique_violation */
        return WEIR_ALREADY_EXISTS;
    if (is_class(state, "2200H")) /* sequence_generator_limit_exceeded */
        return WEIR_OUT_OF_RANGE;
    if (is_class(state, "40003")) /* statement_completion_unknown: a write may have happened */
        return WEIR_UNAVAILABLE;
    if (is_class(state, "40")) /* serialization_failure, deadlock_detected */
        return WEIR_ABORTED;
    /* Connections; resources such as slots for them; statement_timeout, shut-downs; read-only */
    if (is_class(state, "08") || is_class(state, "53300") || is_class(state, "57") ||
        is_class(state, "25006"))
        return WEIR_UNAVAILABLE;
    return WEIR_INTERNAL;
}

static weir_code
fail_result(const PGresult *result, struct store_cause *cause)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    snprintf(cause->text, sizeof(cause->text), "%s (%s)", text == NULL ? "lost" : text,
        state == NULL ? "no SQLSTATE" : state);
    return state == NULL ? WEIR_UNAVAILABLE : code_of(state);
}

static weir_code
fail_connection(struct postgres_connection *connection, struct store_cause *cause)
{
    connection->broken = true;
    postgres_cause(connection->pg, cause);
    return WEIR_UNAVAILABLE;
}

/* ---- life ---- */

static bool
is_done(PGconn *pg, PGresult *result, struct store_cause *cause)
{
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

    if (!good)
        postgres_cause(pg, cause);
    PQclear(result);
    return good;
}

/* Preparing a statement waits for who changes its tables, but not for ever. */
static bool
prepare_all(PGconn *pg, struct store_cause *cause)
{
    bool good = is_done(pg, PQexec(pg, "SET statement_timeout = " TEXT(PREPARE_TIMEOUT)), cause);

    for (int i = 0; i < POSTGRES_QUERIES && good; i++)
        good = is_done(pg, PQprepare(pg, statements[i].name, statements[i].text, 0, NULL), cause);
    return good && PQsetnonblocking(pg, 1) == 0 && PQenterPipelineMode(pg) == 1;
}

static void
ignore_notice(void *arg, const PGresult *notice)
{
    (void)arg;
    (void)notice;
}

struct postgres_connection *
postgres_connect(const char *url, struct store_cause *cause)
{
    /* What comes later wins, so the URL is last. */
    const char *const names[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "application_name", "client_encoding", "dbname",
        NULL};
    const char *const values[] = {
        CONNECT_TIMEOUT, SILENT_MS, "10", "3", "3", "userd", "UTF8", url, NULL};
    struct postgres_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return NULL;
    }
    connection->pg = PQconnectdbParams(names, values, 1);
    PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
    connection->timeout_ms = PREPARE_TIMEOUT;
    if (PQstatus(connection->pg) == CONNECTION_OK && prepare_all(connection->pg, cause))
        return connection;
    if (PQstatus(connection->pg) != CONNECTION_OK)
        postgres_cause(connection->pg, cause);
    postgres_close(connection);
    return NULL;
}

void
postgres_close(struct postgres_connection *connection)
{
    if (connection == NULL)
        return;
    PQfinish(connection->pg);
    free(connection);
}

/* Does the host of a connection still talk to those who connect? */
static bool
answers(PGconn *pg, const char *url)
{
    /* Of several hosts in the URL, the one that this connection is to. */
    const char *const names[] = {"connect_timeout", "tcp_user_timeout", "application_name",
        "dbname", "host", "hostaddr", "port", NULL};
    const char *const values[] = {CONNECT_TIMEOUT, SILENT_MS, "userd-cancel", url, PQhost(pg),
        PQhostaddr(pg), PQport(pg), NULL};
    PGPing ping = PQpingParams(names, values, 1);

    return ping == PQPING_OK || ping == PQPING_REJECT;
}

/* PQcancel waits without end for a host that hangs, so it is only asked of one that answers. */
bool
postgres_cancel(struct postgres_connection *connection, const char *url)
{
    PGcancel *cancel;
    char error[256];

    if (PQstatus(connection->pg) != CONNECTION_OK)
        return true;
    if (!answers(connection->pg, url))
        return false;
    cancel = PQgetCancel(connection->pg);
    if (cancel != NULL)
        (void)!PQcancel(cancel, error, sizeof(error));
    PQfreeCancel(cancel);
    return true;
}

/* What comes unasked is the end, or so rare that connecting anew is no loss. */
bool
postgres_is_lost(struct postgres_connection *connection)
{
    struct pollfd pollfd = {.fd = PQsocket(connection->pg), .events = POLLIN};

    return connection->broken || PQstatus(connection->pg) != CONNECTION_OK ||
           poll(&pollfd, 1, 0) > 0;
}

/* ---- one query ---- */

/* Powers of two, so that it seldom changes from call to call; the call itself ends in time. */
static int64_t
timeout_of(weir_call *call)
{
    int64_t deadline = call == NULL ? WEIR_NEVER : weir_call_deadline(call);
    int64_t left, timeout = 1;

    if (deadline == WEIR_NEVER)
        return 0;
    left = (deadline - weir_now()) / WEIR_MILLISECOND;
    while (timeout < left && timeout < INT32_MAX / 2)
        timeout *= 2;
    return timeout;
}

static bool
send_timeout(struct postgres_connection *connection, int64_t timeout)
{
    char text[64];

    snprintf(text, sizeof(text), "SET statement_timeout = %lld", (long long)timeout);
    return PQsendQueryParams(connection->pg, text, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool
send_query(struct postgres_connection *connection, enum postgres_query query, int64_t timeout,
    const struct postgres_values *values)
{
    if (timeout != connection->timeout_ms &&
        (!send_timeout(connection, timeout) || PQpipelineSync(connection->pg) == 0))
        return false;
    return PQsendQueryPrepared(connection->pg, statements[query].name, values->count, values->texts,
               NULL, NULL, 0) == 1 &&
           PQpipelineSync(connection->pg) == 1;
}

/* Until a result is there, or all is sent and nothing is awaited. */
static weir_code
await_result(struct postgres_connection *connection, weir_call *call, struct store_cause *cause)
{
    unsigned ready = 0;
    int left;

    for (;;) {
        if ((ready & WEIR_FD_READABLE) != 0 && PQconsumeInput(connection->pg) == 0)
            return fail_connection(connection, cause);
        left = PQflush(connection->pg);
        if (left < 0)
            return fail_connection(connection, cause);
        if (PQisBusy(connection->pg) == 0)
            return WEIR_OK;
        WEIR_TRY(weir_fd_wait(call, PQsocket(connection->pg),
            WEIR_FD_READABLE | (left > 0 ? WEIR_FD_WRITABLE : 0), &ready));
    }
}

/* Take over the result of a query, or its failure. */
static weir_code
judge(PGresult *result, PGresult **kept, struct store_cause *cause)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        *kept = result;
        return WEIR_OK;
    case PGRES_COMMAND_OK:
        PQclear(result);
        return WEIR_OK;
    default: {
        weir_code code = fail_result(result, cause);
        PQclear(result);
        return code;
    }
    }
}

/* All results up to `syncs` Syncs: a NULL ends each query's. */
static weir_code
take_results(struct postgres_connection *connection, weir_call *call, int syncs, PGresult **kept,
    struct store_cause *cause)
{
    weir_code code = WEIR_OK;

    while (syncs > 0) {
        PGresult *result;

        WEIR_TRY(await_result(connection, call, cause));
        result = PQgetResult(connection->pg);
        if (result == NULL && PQstatus(connection->pg) != CONNECTION_OK)
            return fail_connection(connection, cause);
        if (result == NULL)
            continue;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            syncs--;
            PQclear(result);
        } else if (code == WEIR_OK) {
            code = judge(result, kept, cause);
        } else {
            PQclear(result);
        }
    }
    return code;
}

/* A query that its call leaves alone makes the connection useless: its result would still come. */
weir_code
postgres_run(struct postgres_connection *connection, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result, struct store_cause *cause)
{
    int64_t timeout = timeout_of(call);
    int syncs = timeout == connection->timeout_ms ? 1 : 2;
    PGresult *kept = NULL;
    weir_code code;

    if (!send_query(connection, query, timeout, values))
        return fail_connection(connection, cause);
    connection->broken = true;
    code = take_results(connection, call, syncs, &kept, cause);
    connection->broken = PQpipelineStatus(connection->pg) != PQ_PIPELINE_ON ||
                         PQtransactionStatus(connection->pg) != PQTRANS_IDLE;
    if (!connection->broken)
        connection->timeout_ms = timeout;
    if (code == WEIR_OK && kept == NULL)
        return fail_connection(connection, cause);
    if (code == WEIR_OK)
        *out_result = kept;
    else
        PQclear(kept);
    return code;
}

int64_t
postgres_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}
