/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 endpoints of a server, over sockets: answers, order, slow clients, limits, drain; and
 * what the server counts. */
#include "raw.h"
#include "service.h"
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define LARGE ((size_t)32 * 1024 * 1024)

static weir_interceptor *const no_interceptors[] = {NULL};

/* What the handlers of these tests share. */
static struct {
    weir_event *release[20]; /* lets each handler of /park go on */
    atomic_uint parked;
} shared;

static void
answer_plain(void *self, weir_http_exchange *exchange)
{
    weir_http_printf(exchange, "%s", (const char *)self);
}

static void
answer_details(void *self, weir_http_exchange *exchange)
{
    weir_str query = weir_http_query(exchange), agent = weir_http_header(exchange, "user-agent");

    (void)self;
    weir_http_status(exchange, 503);
    weir_http_type(exchange, "application/json");
    weir_http_printf(exchange, "{\"query\": \"%.*s\", \"agent\": \"", (int)query.len,
        query.data == NULL ? "" : query.data);
    weir_http_write(exchange, agent.data, agent.len);
    weir_http_printf(exchange, "\"}");
}

static void
answer_parked(void *self, weir_http_exchange *exchange)
{
    (void)self;
    assert_int_equal(
        weir_event_wait(shared.release[atomic_fetch_add(&shared.parked, 1)], NULL), WEIR_OK);
    weir_http_printf(exchange, "released");
}

static void
answer_large(void *self, weir_http_exchange *exchange)
{
    static const char kilobyte[1024];

    (void)self;
    for (size_t i = 0; i < LARGE / sizeof(kilobyte); i++)
        weir_http_write(exchange, kilobyte, sizeof(kilobyte));
}

static void
prepare(struct running *running)
{
    weir_server *server = running->server;

    assert_int_equal(weir_server_listen_http(server, "127.0.0.1:0"), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/plain", answer_plain, (void *)"hello"), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/details", answer_details, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/park", answer_parked, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/large", answer_large, NULL), WEIR_OK);
    assert_int_equal(weir_server_handle(server, "/plain", answer_plain, NULL), WEIR_ALREADY_EXISTS);
    assert_int_equal(
        weir_server_handle(server, "plain", answer_plain, NULL), WEIR_INVALID_ARGUMENT);
    assert_non_null(weir_server_http_address(server, 0));
    assert_null(weir_server_http_address(server, 1));
    assert_null(weir_server_address(server, 1));
    for (int i = 0; i < 20; i++)
        shared.release[i] = weir_event_new();
    atomic_store(&shared.parked, 0);
}

static void
start(struct running *running, const struct weir_server_options *options)
{
    running_start_prepared(running, "127.0.0.1:0", options, no_interceptors, prepare);
}

static void
stop_within(struct running *running, int64_t grace)
{
    running_stop(running, grace);
    for (int i = 0; i < 20; i++)
        weir_event_unref(shared.release[i]);
}

static void
stop(struct running *running)
{
    stop_within(running, 10 * WEIR_SECOND);
}

static void
release_all(void)
{
    for (int i = 0; i < 20; i++)
        weir_event_set(shared.release[i]);
}

/* ---- a client ---- */

static int
dial(const struct running *running)
{
    struct raw raw;

    raw_connect(&raw, weir_server_http_address(running->server, 0));
    hpack_decoder_free(raw.decoder);
    return raw.fd;
}

static void
say(int fd, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Read until the text has come, or with NULL until the end; what was read, to be freed. */
static char *
hear(int fd, const char *until)
{
    size_t len = 0, size = 65536;
    char *text = malloc(size);
    ssize_t got;

    assert_non_null(text);
    text[0] = '\0';
    while ((until == NULL || strstr(text, until) == NULL) &&
           (got = recv(fd, text + len, size - len - 1, 0)) > 0) {
        len += (size_t)got;
        text[len] = '\0';
    }
    if (until != NULL && strstr(text, until) == NULL)
        fail_msg("no %s in %s", until, text);
    return text;
}

static void
expect(int fd, const char *until)
{
    free(hear(fd, until));
}

/* One request on a connection of its own; the whole answer. */
static char *
ask(const struct running *running, const char *request)
{
    int fd = dial(running);
    char *answer;

    say(fd, request);
    answer = hear(fd, NULL);
    close(fd);
    return answer;
}

static void
expect_answer(const struct running *running, const char *request, const char *start_of_it,
    const char *end_of_it)
{
    char *answer = ask(running, request);
    size_t len = strlen(answer), end = strlen(end_of_it);

    if (strncmp(answer, start_of_it, strlen(start_of_it)) != 0 || len < end ||
        strcmp(answer + len - end, end_of_it) != 0)
        fail_msg("%s got %s", request, answer);
    free(answer);
}

/* ---- tests ---- */

#define LAST " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
#define MORE " HTTP/1.1\r\nHost: a\r\n\r\n"

static void
test_answers(void **state)
{
    struct running running;

    (void)state;
    start(&running, NULL);
    expect_answer(&running, "GET /plain" LAST, "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello");
    expect_answer(&running, "HEAD /plain" LAST, "HTTP/1.1 200 OK\r\n", "no-store\r\n\r\n");
    expect_answer(&running, "GET /details?a=b HTTP/1.0\r\nUser-Agent: me\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\n", "\r\n\r\n{\"query\": \"a=b\", \"agent\": \"me\"}");
    expect_answer(&running, "GET /absent" LAST, "HTTP/1.1 404 ", "Not Found\n");
    expect_answer(&running, "POST /absent" LAST, "HTTP/1.1 404 ", "Not Found\n");
    expect_answer(&running, "POST /plain" LAST, "HTTP/1.1 405 ", "Method Not Allowed\n");
    expect_answer(&running, "BREW /plain" LAST, "HTTP/1.1 501 ", "Not Implemented\n");
    expect_answer(&running, "GET /plain HTTP/3.0\r\n\r\n", "HTTP/1.1 505 ", "Supported\n");
    expect_answer(&running, "GET /plain HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n");
    expect_answer(&running, "GET /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
        "HTTP/1.1 413 ", "Content Too Large\n");
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_HTTP_REQUEST], 1);
    assert_int_equal(running_stats(&running).http_requests, 6);
    stop(&running);
}

static void
test_many_at_once(void **state)
{
    struct running running;
    char *answers, *first, *second, *third;
    int fd;

    (void)state;
    start(&running, NULL);
    fd = dial(&running);
    say(fd, "GET /park" MORE "GET /absent" MORE "POST /plain HTTP/1.1\r\nHost: a\r\n"
            "Content-Length: 3\r\n\r\nabcGET /plain" LAST "GET /lost" MORE);
    EVENTUALLY(atomic_load(&shared.parked) == 1);
    release_all();
    answers = hear(fd, NULL);
    first = strstr(answers, "released");
    second = strstr(answers, "404 Not Found");
    third = strstr(answers, "405 Method");
    assert_true(first != NULL && second > first && third > second);
    assert_non_null(strstr(third, "\r\n\r\nhello"));
    assert_null(strstr(third, "HTTP/1.1 404"));
    free(answers);
    close(fd);
    stop(&running);
}

/* A client that goes away while its handler is parked. */
static void
test_client_leaves(void **state)
{
    struct running running;
    struct raw raw;

    (void)state;
    start(&running, NULL);
    for (int i = 0; i < 20; i++) {
        raw_connect(&raw, weir_server_http_address(running.server, 0));
        raw_bytes(&raw, "GET /park" MORE, strlen("GET /park" MORE));
        EVENTUALLY(atomic_load(&shared.parked) == (unsigned)i + 1);
        if (i % 2 == 0)
            raw_break(&raw);
        else
            raw_close(&raw);
    }
    release_all();
    EVENTUALLY(running_stats(&running).http_connections_live == 0);
    expect_answer(&running, "GET /plain" LAST, "HTTP/1.1 200 OK\r\n", "hello");
    stop(&running);
}

/* An answer larger than the socket's buffers goes out as the client reads it. */
static void
test_large(void **state)
{
    static char bytes[1 << 20];
    struct running running;
    size_t total = 0;
    ssize_t got;
    int fd;

    (void)state;
    start(&running, NULL);
    fd = dial(&running);
    say(fd, "GET /large" MORE "GET /plain" LAST);
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        total += (size_t)got;
    assert_true(total > LARGE && total < LARGE + 1024);
    close(fd);
    stop(&running);
}

static void
test_slow_clients(void **state)
{
    const struct weir_server_options options = {.http_timeout = WEIR_SECOND};
    struct running running;
    int idle, slow, deaf;

    (void)state;
    start(&running, &options);
    idle = dial(&running);
    slow = dial(&running);
    say(slow, "GET /pl");
    deaf = dial(&running);
    say(deaf, "GET /large" MORE);
    expect(idle, NULL); /* closed, in silence */
    expect(slow, "HTTP/1.1 408 Request Timeout");
    expect(slow, NULL);
    EVENTUALLY(running_stats(&running).http_connections_live == 0);
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_HTTP_TIME], 2);
    close(idle);
    close(slow);
    close(deaf);
    stop(&running);
}

static void
test_too_many(void **state)
{
    const struct weir_server_options options = {.max_http_connections = 4};
    struct running running;
    int fds[4], more;

    (void)state;
    start(&running, &options);
    for (int i = 0; i < 4; i++) {
        fds[i] = dial(&running);
        say(fds[i], "GET /plain" MORE);
        expect(fds[i], "hello");
    }
    more = dial(&running);
    expect(more, NULL);
    close(more);
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_HTTP_CONNECTIONS], 1);
    assert_int_equal(running_stats(&running).http_connections_live, 4);
    close(fds[0]);
    EVENTUALLY(running_stats(&running).http_connections_live == 3);
    expect_answer(&running, "GET /plain" LAST, "HTTP/1.1 200 OK\r\n", "hello");
    for (int i = 1; i < 4; i++)
        close(fds[i]);
    stop(&running);
}

/* Endpoints answer until the last call has ended, on whichever loop it is. */
static void
test_drain(void **state)
{
    const struct weir_server_options options = {.loops = 3};
    struct running running;
    struct raw callers[8];
    int idle, parked;

    (void)state;
    start(&running, &options);
    for (int i = 0; i < 8; i++) {
        raw_connect(&callers[i], running.address);
        raw_greet(&callers[i], true, 0, 0);
        raw_request(&callers[i], 1, "Talk", NULL);
    }
    EVENTUALLY(atomic_load(&running.seen.parked) == 8);
    assert_int_equal(running_stats(&running).calls_live, 8);
    assert_int_equal(running_stats(&running).connections_live, 8);
    idle = dial(&running);
    say(idle, "GET /plain" MORE);
    expect(idle, "hello");
    weir_server_drain(running.server, 100 * WEIR_SECOND);
    expect_answer(&running, "GET /plain" LAST, "HTTP/1.1 200 OK\r\n", "hello");
    parked = dial(&running);
    say(parked, "GET /park" MORE);
    EVENTUALLY(atomic_load(&shared.parked) == 1);
    for (int i = 0; i < 8; i++)
        raw_close(&callers[i]);
    expect(idle, NULL);
    release_all();
    expect(parked, "released");
    expect(parked, NULL);
    close(idle);
    close(parked);
    stop(&running);
}

/* Who does not take his answer is cut when the grace time is over. */
static void
test_drain_cuts(void **state)
{
    struct running running;
    int deaf;

    (void)state;
    start(&running, NULL);
    deaf = dial(&running);
    say(deaf, "GET /large" MORE);
    expect(deaf, "HTTP/1.1 200 OK");
    stop_within(&running, 100 * WEIR_MILLISECOND);
    close(deaf);
}

static void
test_counts(void **state)
{
    struct running running;
    struct weir_server_stats stats;
    struct raw_answer answer;
    struct raw raw, rude;

    (void)state;
    start(&running, NULL);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, 1, "hello");
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    raw_answer_free(&answer);
    EVENTUALLY(running_stats(&running).bytes_out > 50); /* counted after they are written */
    stats = running_stats(&running);
    assert_int_equal(stats.calls_started, 1);
    assert_int_equal(stats.calls_live, 0);
    assert_int_equal(stats.connections_accepted, 1);
    assert_int_equal(stats.handshakes_failed, 0);
    assert_true(stats.bytes_in > 50 && stats.bytes_in < 1000);
    assert_true(stats.bytes_out > 50 && stats.bytes_out < 1000);
    assert_true(stats.fiber_stacks > 0);
    raw_connect(&rude, running.address);
    raw_bytes(&rude, "GET / HTTP/1.1\r\n\r\n", 18);
    EVENTUALLY(running_stats(&running).handshakes_failed == 1);
    raw_close(&rude);
    EVENTUALLY(running_stats(&running).connections_live == 1);
    /* A message of 4 GiB, and frames that carry nothing. */
    raw_request(&raw, 3, "Unary", NULL);
    raw_frame(&raw, RAW_DATA, 0, 3, "\0\xff\xff\xff\xff", 5);
    raw_answer(&raw, 3, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_RESOURCE_EXHAUSTED);
    raw_answer_free(&answer);
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_MESSAGE], 1);
    for (int i = 0; i < 1500; i++)
        raw_frame(&raw, RAW_PRIORITY, 0, 5, "\0\0\0\0\0", 5);
    EVENTUALLY(running_stats(&running).limit_hits[WEIR_LIMIT_PRIORITY] == 1);
    raw_close(&raw);
    stop(&running);
}

static void
test_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_LIMIT_COUNT; i++) {
        assert_non_null(weir_limit_name((enum weir_limit)i));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(
                weir_limit_name((enum weir_limit)i), weir_limit_name((enum weir_limit)k));
    }
    assert_null(weir_limit_name(WEIR_LIMIT_COUNT));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_cuts),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
