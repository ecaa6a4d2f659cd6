/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to PostgreSQL in libpq's pipeline mode: all that is sent before a Sync is one
 * transaction and one round trip, so changing the timeout costs no round trip of its own. */
#include "userd/postgres_connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <weir/fd.h>

#define CONNECT_TIMEOUT "5" /* seconds, unless the URL has another one */
#define SILENT_MS "10000"   /* a host that acknowledges nothing for this long is considered lost */

/* TCP keepalive of both sides: seconds of silence before the first probe, seconds between probes,
 * and their number. */
#define PROBE_IDLE "10"
#define PROBE_INTERVAL "3"
#define PROBE_COUNT "3"

#define PREPARE_TIMEOUT 5000 /* milliseconds */

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

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

/* The status code for an SQLSTATE (PostgreSQL, Appendix A). */
static weir_code
code_of(const char *state)
{
    if (is_class(state, "23505")) /* unique_violation */
        return WEIR_ALREADY_EXISTS;
    if (is_class(state, "2200H")) /* sequence_generator_limit_exceeded */
        return WEIR_OUT_OF_RANGE;
    if (is_class(state, "40003")) /* statement_completion_unknown: a write may have taken effect */
        return WEIR_UNAVAILABLE;
    if (is_class(state, "40")) /* serialization_failure, deadlock_detected */
        return WEIR_ABORTED;
    /* Connections; too little room on the disk, memory, slots; statement_timeout, shut-downs;
     * read-only */
    if (is_class(state, "08") || is_class(state, "53") || is_class(state, "57") ||
        is_class(state, "25006"))
        return WEIR_UNAVAILABLE;
    return WEIR_INTERNAL;
}

/* The server is a standby, or has become one; writes need another connection. */
static bool
is_read_only(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && is_class(state, "25006");
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

/* ---- reading ---- */

/* Does the last TLS record contain more than libpq had room for? poll does not report that. */
static bool
has_pending(PGconn *pg)
{
    const SSL *ssl = PQsslStruct(pg, "OpenSSL");

    return ssl != NULL && SSL_pending(ssl) > 0;
}

/* Read what has arrived; does not block. False: the connection is lost. */
static bool
consume(PGconn *pg)
{
    bool good;

    do
        good = PQconsumeInput(pg) == 1;
    while (good && has_pending(pg));
    return good;
}

/* ---- opening and closing ---- */

/* Planning a statement each time takes as long as running it, and JIT compilation a thousand times
 * as long. A cached plan must not scan a table sequentially because it was small when the plan was
 * made. The end of a connection may go unnoticed by the server: by default it probes after two
 * hours, and until then the connection takes up a slot. Engines that do not know a setting refuse
 * it, so each is set in a transaction of its own, whose failure is ignored. */
static const char *const settings[] = {"SET plan_cache_mode = force_generic_plan", "SET jit = off",
    "SET enable_seqscan = off", "SET tcp_keepalives_idle = " PROBE_IDLE,
    "SET tcp_keepalives_interval = " PROBE_INTERVAL, "SET tcp_keepalives_count = " PROBE_COUNT};

#define SETTINGS ((int)(sizeof(settings) / sizeof(settings[0])))

static bool
send_settings(PGconn *pg)
{
    bool good = true;

    for (int i = 0; i < SETTINGS && good; i++)
        good = PQsendQueryParams(pg, settings[i], 0, NULL, NULL, NULL, NULL, 0) == 1 &&
               PQpipelineSync(pg) == 1;
    return good;
}

/* An operator may have created the index (doc/OPERATIONS.md). Engines without this view, or with
 * another text of index definitions, have none. */
static bool
send_look(PGconn *pg)
{
    static const char look[] =
        "SELECT 1 FROM pg_indexes WHERE schemaname = current_schema AND tablename = 'users'"
        " AND indexdef LIKE '%USING hash (id)'";

    return PQsendQueryParams(pg, look, 0, NULL, NULL, NULL, NULL, 0) == 1 &&
           PQpipelineSync(pg) == 1;
}

/* Preparing a statement waits for locks on its tables, but only for a limited time. */
static bool
send_preparations(PGconn *pg)
{
    bool good = PQsendQueryParams(pg, "SET statement_timeout = " TEXT(PREPARE_TIMEOUT), 0, NULL,
                    NULL, NULL, NULL, 0) == 1;

    for (int i = 0; i < POSTGRES_QUERIES && good; i++)
        good = PQsendPrepare(
                   pg, postgres_statements[i].name, postgres_statements[i].text, 0, NULL) == 1;
    return good && PQpipelineSync(pg) == 1;
}

/* Wait until the socket is readable, or writable if there is unsent data. */
static bool
poll_until(PGconn *pg, bool writes, int64_t end)
{
    struct pollfd pollfd = {.fd = PQsocket(pg), .events = POLLIN};
    int64_t left = (end - weir_now()) / WEIR_MILLISECOND;

    if (writes)
        pollfd.events |= POLLOUT;
    if (left <= 0 || (poll(&pollfd, 1, (int)left) < 0 && errno != EINTR))
        return false;
    return (pollfd.revents & ~POLLOUT) == 0 || consume(pg);
}

/* With a time limit, in case the host hangs. */
static bool
poll_for_result(PGconn *pg, int64_t end)
{
    int left;

    while ((left = PQflush(pg)) >= 0 && PQisBusy(pg) != 0) {
        if (!poll_until(pg, left > 0, end))
            return false;
    }
    return left >= 0 && PQstatus(pg) == CONNECTION_OK;
}

/* One result: of a setting, of the query for the index, or of a preparation after it. */
static bool
take_prepared(struct postgres_connection *connection, struct store_cause *cause)
{
    PGresult *result = PQgetResult(connection->pg);
    ExecStatusType status = result == NULL ? PGRES_COMMAND_OK : PQresultStatus(result);
    bool good =
        connection->syncs > 1 || status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC;

    if (!good)
        (void)fail_result(result, cause);
    if (status == PGRES_TUPLES_OK)
        connection->ids_hashed = PQntuples(result) > 0;
    connection->syncs -= status == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return good;
}

static bool
prepare_all(struct postgres_connection *connection, struct store_cause *cause)
{
    PGconn *pg = connection->pg;
    int64_t end = weir_now() + 2 * PREPARE_TIMEOUT * WEIR_MILLISECOND;
    bool good = PQsetnonblocking(pg, 1) == 0 && PQenterPipelineMode(pg) == 1 && send_settings(pg) &&
                send_look(pg) && send_preparations(pg);

    connection->syncs = SETTINGS + 2; /* for the query and the preparations */
    snprintf(cause->text, sizeof(cause->text), "it does not answer");
    while (good && connection->syncs > 0)
        good = poll_for_result(pg, end) && take_prepared(connection, cause);
    return good;
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
    /* Later values win, so the URL is last. */
    const char *const names[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "application_name", "client_encoding", "dbname",
        NULL};
    const char *const values[] = {CONNECT_TIMEOUT, SILENT_MS, PROBE_IDLE, PROBE_INTERVAL,
        PROBE_COUNT, "userd", "UTF8", url, NULL};
    struct postgres_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        snprintf(cause->text, sizeof(cause->text), "out of memory");
        return NULL;
    }
    connection->pg = PQconnectdbParams(names, values, 1);
    PQsetNoticeReceiver(connection->pg, ignore_notice, NULL);
    connection->timeout_ms = PREPARE_TIMEOUT;
    if (PQstatus(connection->pg) == CONNECTION_OK && prepare_all(connection, cause))
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
    PQclear(connection->answer.result);
    PQfinish(connection->pg);
    free(connection);
}

/* After close() the kernel would go on sending for seconds. Connecting the socket to AF_UNSPEC
 * drops the unsent data and resets the connection, but keeps the descriptor, without which libpq
 * does not cancel. Other kinds of sockets refuse it; they deliver at once anyway. */
void
postgres_abandon(struct postgres_connection *connection)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    int fd = PQsocket(connection->pg), unsent = 0;

    if (fd >= 0 && ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        (void)!connect(fd, &nowhere, sizeof(nowhere));
}

/* Does the host of a connection accept new connections? */
static bool
answers(PGconn *pg, const char *url)
{
    /* If the URL has several hosts, the one of this connection. */
    const char *const names[] = {"connect_timeout", "tcp_user_timeout", "application_name",
        "dbname", "host", "hostaddr", "port", NULL};
    const char *const values[] = {CONNECT_TIMEOUT, SILENT_MS, "userd-cancel", url, PQhost(pg),
        PQhostaddr(pg), PQport(pg), NULL};
    PGPing ping = PQpingParams(names, values, 1);

    return ping == PQPING_OK || ping == PQPING_REJECT;
}

/* PQcancel blocks forever if the host hangs, so it is only called if the host responds. */
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

/* Unsolicited data means that the connection is closed, or something so rare that reconnecting is
 * no loss. */
bool
postgres_is_lost(struct postgres_connection *connection)
{
    struct pollfd pollfd = {.fd = PQsocket(connection->pg), .events = POLLIN};

    return connection->broken || PQstatus(connection->pg) != CONNECTION_OK ||
           poll(&pollfd, 1, 0) > 0;
}

/* ---- one query ---- */

/* Rounded up to a power of two, so that it seldom changes between calls; the call's own deadline
 * still applies. */
int64_t
postgres_timeout(weir_call *call)
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
    return PQsendQueryParams(connection->pg, text, 0, NULL, NULL, NULL, NULL, 0) == 1 &&
           PQpipelineSync(connection->pg) == 1;
}

/* Until the response is complete, no other call can use the connection. */
bool
postgres_send(struct postgres_connection *connection, enum postgres_query query, int64_t timeout,
    const struct postgres_values *values)
{
    connection->broken = true;
    connection->answer = (struct postgres_answer){.code = WEIR_OK};
    connection->syncs = 1;
    if (timeout != connection->timeout_ms) {
        connection->syncs = 2;
        connection->timeout_ms = timeout;
        if (!send_timeout(connection, timeout))
            return false;
    }
    return PQsendQueryPrepared(connection->pg, postgres_statements[query].name, values->count,
               values->texts, NULL, NULL, 0) == 1 &&
           PQpipelineSync(connection->pg) == 1;
}

/* Wait until there is a result, or the connection is lost. */
static weir_code
await_result(struct postgres_connection *connection, weir_call *call, bool *out_lost)
{
    unsigned ready = 0;
    int left;

    for (;;) {
        *out_lost = (ready & WEIR_FD_READABLE) != 0 && !consume(connection->pg);
        left = PQflush(connection->pg);
        *out_lost = *out_lost || left < 0 || PQstatus(connection->pg) != CONNECTION_OK;
        if (*out_lost || PQisBusy(connection->pg) == 0)
            return WEIR_OK;
        WEIR_TRY(weir_fd_wait(call, PQsocket(connection->pg),
            WEIR_FD_READABLE | (left > 0 ? WEIR_FD_WRITABLE : 0), &ready));
    }
}

/* Store the result or the failure of a query, unless an earlier one failed. */
static void
judge(struct postgres_connection *connection, PGresult *result)
{
    struct postgres_answer *answer = &connection->answer;
    ExecStatusType status = PQresultStatus(result);

    if (answer->code == WEIR_OK && status == PGRES_TUPLES_OK) {
        answer->result = result;
        return;
    }
    if (answer->code == WEIR_OK && status != PGRES_COMMAND_OK) {
        answer->code = fail_result(result, &answer->cause);
        connection->read_only = is_read_only(result);
    }
    PQclear(result);
}

static void
fail_answer(struct postgres_connection *connection)
{
    PQclear(connection->answer.result);
    connection->answer.result = NULL;
    connection->answer.code = WEIR_UNAVAILABLE;
    postgres_cause(connection->pg, &connection->answer.cause);
    connection->syncs = 0;
}

/* The results of each query end with a NULL. */
static void
take_result(struct postgres_connection *connection)
{
    PGresult *result = PQgetResult(connection->pg);

    if (result == NULL && PQstatus(connection->pg) != CONNECTION_OK) {
        fail_answer(connection);
    } else if (result != NULL && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        connection->syncs--;
        PQclear(result);
    } else if (result != NULL) {
        judge(connection, result);
    }
}

/* Move the answer to the caller; a failure has no result. */
static void
conclude(struct postgres_connection *connection, struct postgres_answer *out_answer)
{
    struct postgres_answer *answer = &connection->answer;

    if (answer->code == WEIR_OK && answer->result == NULL)
        fail_answer(connection);
    if (answer->code != WEIR_OK) {
        PQclear(answer->result);
        answer->result = NULL;
    }
    *out_answer = *answer;
    answer->result = NULL;
}

weir_code
postgres_receive(
    struct postgres_connection *connection, weir_call *call, struct postgres_answer *out_answer)
{
    bool lost = false;

    while (connection->syncs > 0) {
        WEIR_TRY(await_result(connection, call, &lost));
        if (lost)
            fail_answer(connection);
        else
            take_result(connection);
    }
    connection->broken = lost || PQstatus(connection->pg) != CONNECTION_OK ||
                         PQpipelineStatus(connection->pg) != PQ_PIPELINE_ON ||
                         PQtransactionStatus(connection->pg) != PQTRANS_IDLE;
    conclude(connection, out_answer);
    return WEIR_OK;
}

weir_code
postgres_run(struct postgres_connection *connection, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result, struct store_cause *cause)
{
    struct postgres_answer answer;

    if (!postgres_send(connection, query, postgres_timeout(call), values)) {
        postgres_cause(connection->pg, cause);
        return WEIR_UNAVAILABLE;
    }
    WEIR_TRY(postgres_receive(connection, call, &answer));
    if (answer.code == WEIR_OK)
        *out_result = answer.result;
    else
        *cause = answer.cause;
    return answer.code;
}

/* Write a number in decimal; returns its end. */
static char *
write_number(char *out, int64_t number)
{
    char digits[20], *first = digits + sizeof(digits);
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        *--first = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *out++ = '-';
    memcpy(out, first, (size_t)(digits + sizeof(digits) - first));
    return out + (digits + sizeof(digits) - first);
}

void
postgres_write_array(char *out, const int64_t *numbers, size_t count)
{
    *out++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *out++ = ',';
        out = write_number(out, numbers[i]);
    }
    *out++ = '}';
    *out = '\0';
}

int64_t
postgres_number(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}
