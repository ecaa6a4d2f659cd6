/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by GET: which a server takes, and when a client sends one. */
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_RECEIVE 1000

static struct running running;
static weir_loop *loop;
static weir_channel *channel;

static int
start(void **state)
{
    static const struct weir_server_options options = {.max_receive_message = MAX_RECEIVE};

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    return running_finish(&running);
}

/* ---- the server ---- */

/* Expected: a bare HTTP status, or with 200 a grpc-status. */
struct row {
    const char *path;
    bool has_body;
    int http, status;
    const char *text; /* of the answer */
};

/* "CgVhbGl2ZQ" is a Payload with the text "alive". */
static const struct row rows[] = {
    {"/rpctest.Test/Look?CgVhbGl2ZQ", false, 200, 0, "alive"},
    {"/rpctest.Test/Look?CgVhbGl2ZQ==", false, 200, 0, "alive"},
    {"/rpctest.Test/Look?", false, 200, 0, ""},
    {"/rpctest.Test/Look", false, 200, 0, ""},
    {"/rpctest.Test/Look?CgVhbGl2ZQ", true, 400, -1, NULL},
    {"/rpctest.Test/Look?CgV", false, 200, WEIR_INTERNAL, NULL},
    {"/rpctest.Test/Look?C", false, 200, WEIR_INVALID_ARGUMENT, NULL},
    {"/rpctest.Test/Look?a=b&c=d", false, 200, WEIR_INVALID_ARGUMENT, NULL},
    {"/rpctest.Test/Unary?CgVhbGl2ZQ", false, 405, -1, NULL},
    {"/rpctest.Test/Expand?CgVhbGl2ZQ", false, 405, -1, NULL},
    {"/rpctest.Test/Talk", false, 405, -1, NULL},
    {"/rpctest.Test/Absent?CgVhbGl2ZQ", false, 200, WEIR_UNIMPLEMENTED, NULL},
};

static void
look(struct raw *raw, uint32_t id, const char *path, bool has_body, struct raw_answer *out_answer)
{
    raw_field(raw, ":method", "GET");
    raw_field(raw, ":scheme", "http");
    raw_field(raw, ":path", path);
    raw_field(raw, "content-type", "application/grpc");
    raw_headers(raw, has_body ? 0 : RAW_END_STREAM, id);
    if (has_body)
        raw_text(raw, RAW_END_STREAM, id, "");
    raw_answer(raw, id, SIZE_MAX, out_answer);
}

static void
check_row(struct raw *raw, uint32_t id, const struct row *row)
{
    struct raw_answer answer;
    size_t len = row->text == NULL ? 0 : strlen(row->text);

    look(raw, id, row->path, row->has_body, &answer);
    if (answer.http != row->http || answer.status != row->status)
        fail_msg("%s: HTTP %d, grpc-status %d (%s), reset %d", row->path, answer.http,
            answer.status, answer.message, answer.reset);
    if (len > 0)
        assert_memory_equal(buf_head(&answer.data) + buf_len(&answer.data) - len, row->text, len);
    raw_answer_free(&answer);
}

/* Each twice, since the second block is known. */
static void
only_what_changes_nothing_is_asked_for_by_get(void **state)
{
    struct raw raw;
    uint32_t id = 1;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    for (size_t i = 0; i < COUNT(rows); i++, id += 4) {
        check_row(&raw, id, &rows[i]);
        check_row(&raw, id + 2, &rows[i]);
    }
    raw_close(&raw);
}

static void
the_limit_on_messages_holds(void **state)
{
    static char path[3000] = "/rpctest.Test/Look?";
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    memset(path + strlen(path), 'A', MAX_RECEIVE / 3 * 4 + 8);
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    look(&raw, 1, path, false, &answer);
    assert_int_equal(answer.status, WEIR_RESOURCE_EXHAUSTED);
    raw_answer_free(&answer);
    raw_close(&raw);
}

/* ---- the client ---- */

/* A server that notes the one request's method and path, and answers UNAVAILABLE. */
struct listener {
    int fd;
    char address[32];
    pthread_t thread;
    uint32_t list_limit; /* SETTINGS_MAX_HEADER_LIST_SIZE; 0: it does not say */
    char method[8], path[64];
    bool ended; /* by the headers */
    int seen;   /* messages, by who watches the call */
};

static weir_code
count_sending(void *self, weir_call *call, const ProtobufCMessage *message)
{
    (void)call;
    (void)message;
    ++*(int *)self;
    return WEIR_OK;
}

static const struct weir_watcher counting = {.sending = count_sending};

static void
note_field(const struct h2_block *block, enum h2_token token, char *out, size_t size)
{
    const struct h2_field *field = h2_block_find(block, token);

    snprintf(out, size, "%.*s", (int)field->value.len, field->value.data);
}

static void *
listen_once(void *arg)
{
    struct listener *listener = arg;
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct raw raw;

    raw_accept(&raw, listener->fd);
    raw_greet(&raw, false, listener->list_limit == 0 ? 0 : 6, listener->list_limit);
    assert_true(raw_await(&raw, RAW_HEADERS, 1, frame));
    note_field(raw.block, H2_TOKEN_METHOD, listener->method, sizeof(listener->method));
    note_field(raw.block, H2_TOKEN_PATH, listener->path, sizeof(listener->path));
    listener->ended = (frame->flags & RAW_END_STREAM) != 0;
    if (!listener->ended)
        assert_true(raw_await(&raw, RAW_DATA, 1, frame));
    raw_field(&raw, ":status", "200");
    raw_field(&raw, "content-type", "application/grpc");
    raw_trailers(&raw, 1, "14");
    while (raw.fd >= 0 && raw_next(&raw, frame))
        continue;
    raw_close(&raw);
    free(frame);
    return NULL;
}

typedef weir_code verb(
    weir_call *call, const Rpctest__Payload *request, const Rpctest__Payload **out_response);

/* What a call of a method with so many bytes comes in as. */
static void
overhear(struct listener *listener, verb *ask, size_t size, int64_t timeout)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    uint8_t *data = calloc(1, size + 1);
    weir_channel *own;
    weir_call *call;

    listener->fd = raw_listen(listener->address);
    assert_int_equal(pthread_create(&listener->thread, NULL, listen_once, listener), 0);
    assert_int_equal(weir_channel_new(loop, listener->address, NULL, &own), WEIR_OK);
    call = weir_call_new(own, NULL);
    weir_call_set_cacheable(call, true);
    weir_call_set_timeout(call, timeout);
    assert_int_equal(weir_call_watch(call, &counting, &listener->seen), WEIR_OK);
    request.data = (ProtobufCBinaryData){size, data};
    assert_int_equal(ask(call, &request, &response), WEIR_UNAVAILABLE);
    weir_call_free(call);
    weir_channel_free(own);
    pthread_join(listener->thread, NULL);
    close(listener->fd);
    free(data);
}

static void
a_client_puts_the_message_in_the_path(void **state)
{
    static const int64_t timeouts[] = {WEIR_NEVER, 100 * WEIR_SECOND};
    struct listener listener = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        overhear(&listener, rpctest_Test_Look, 2, timeouts[i]);
        assert_string_equal(listener.method, "GET");
        assert_string_equal(listener.path, "/rpctest.Test/Look?EgIAAA");
        assert_true(listener.ended);
    }
    assert_int_equal(listener.seen, COUNT(timeouts));
}

static void
else_it_is_a_post(void **state)
{
    struct listener listener = {0};

    (void)state;
    overhear(&listener, rpctest_Test_Unary, 2, WEIR_NEVER);
    assert_string_equal(listener.method, "POST");
    assert_string_equal(listener.path, "/rpctest.Test/Unary");
    assert_false(listener.ended);
    overhear(&listener, rpctest_Test_Look, 8192, WEIR_NEVER);
    assert_string_equal(listener.method, "POST");
    assert_string_equal(listener.path, "/rpctest.Test/Look");
}

static void
so_it_is_where_the_server_takes_no_such_path(void **state)
{
    static const int64_t timeouts[] = {WEIR_NEVER, 100 * WEIR_SECOND};
    struct listener listener = {.list_limit = 4096};

    (void)state;
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        overhear(&listener, rpctest_Test_Look, 1000, timeouts[i]);
        assert_string_equal(listener.method, "GET");
        overhear(&listener, rpctest_Test_Look, 4000, timeouts[i]);
        assert_string_equal(listener.method, "POST");
        assert_string_equal(listener.path, "/rpctest.Test/Look");
        assert_false(listener.ended);
    }
    assert_int_equal(listener.seen, 2 * COUNT(timeouts));
}

/* A channel's interceptor, which has the call made again. */
static weir_code
twice(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    WEIR_TRY(weir_proceed(next, call));
    return weir_proceed(next, call);
}

static void
the_answer_comes_back(weir_channel *to)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(to, NULL);

    request.text = "hello";
    weir_call_set_cacheable(call, true);
    assert_int_equal(rpctest_Test_Look(call, &request, &response), WEIR_OK);
    assert_string_equal(response->text, "hello");
    weir_call_free(call);
}

static void
client_and_server_agree(void **state)
{
    weir_channel *chained;

    (void)state;
    the_answer_comes_back(channel);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &chained), WEIR_OK);
    assert_int_equal(weir_channel_wrap(chained, twice, NULL), WEIR_OK);
    the_answer_comes_back(chained);
    weir_channel_free(chained);
}

static weir_code
refuse_sending(void *self, weir_call *call, const ProtobufCMessage *message)
{
    (void)call;
    (void)message;
    ++*(int *)self;
    return WEIR_PERMISSION_DENIED;
}

static uint64_t
calls_at_server(void)
{
    struct weir_server_stats stats;

    weir_server_stats(running.server, &stats);
    return stats.calls_started;
}

/* The message goes with the headers, and so they do not go either. */
static void
who_watches_sees_it_before_it_goes(void **state)
{
    static const struct weir_watcher watcher = {.sending = refuse_sending};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_call *call = weir_call_new(channel, NULL);
    uint64_t before;
    int seen = 0;

    (void)state;
    the_answer_comes_back(channel);
    before = calls_at_server();
    weir_call_set_cacheable(call, true);
    assert_int_equal(weir_call_watch(call, &watcher, &seen), WEIR_OK);
    assert_int_equal(rpctest_Test_Look(call, &request, &response), WEIR_PERMISSION_DENIED);
    assert_int_equal(seen, 1);
    weir_call_free(call);
    the_answer_comes_back(channel); /* over the same connection */
    assert_int_equal(calls_at_server(), before + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_changes_nothing_is_asked_for_by_get),
        cmocka_unit_test(the_limit_on_messages_holds),
        cmocka_unit_test(a_client_puts_the_message_in_the_path),
        cmocka_unit_test(else_it_is_a_post),
        cmocka_unit_test(so_it_is_where_the_server_takes_no_such_path),
        cmocka_unit_test(client_and_server_agree),
        cmocka_unit_test(who_watches_sees_it_before_it_goes),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
