/* SPDX-License-Identifier: Apache-2.0 */
/* What a client makes of servers that answer wrongly, oddly, or not at all. */
#include "base/bytes.h"
#include "raw.h"
#include "service.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_RECEIVE 1000

/* ---- a server that follows a script ---- */

/* Answers the request on stream 1, which is whole, or has begun. */
typedef void script(struct raw *raw, const char *argument);

struct stage {
    bool early; /* before the request is whole, of which four bytes are let in */
    int listener;
    char address[32];
    script *play;
    const char *argument;
    pthread_t thread;
};

static bool
await_request(struct raw *raw, struct raw_frame *frame, bool early)
{
    while (raw_await(raw, RAW_DATA, 1, frame))
        if (early || (frame->flags & RAW_END_STREAM) != 0)
            return true;
    return false;
}

static void *
perform(void *arg)
{
    struct stage *stage = arg;
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct raw raw;

    raw_accept(&raw, stage->listener);
    raw_greet(&raw, false, stage->early ? RAW_INITIAL_WINDOW : 0, stage->early ? 4 : 0);
    if (await_request(&raw, frame, stage->early))
        stage->play(&raw, stage->argument);
    while (raw.fd >= 0 && raw_next(&raw, frame))
        continue;
    raw_close(&raw);
    free(frame);
    return NULL;
}

static void
open_stage(struct stage *stage, bool early, script *play, const char *argument)
{
    stage->early = early;
    stage->play = play;
    stage->argument = argument;
    stage->listener = raw_listen(stage->address);
    assert_int_equal(pthread_create(&stage->thread, NULL, perform, stage), 0);
}

static void
close_stage(struct stage *stage)
{
    pthread_join(stage->thread, NULL);
    close(stage->listener);
}

/* ---- the client ---- */

struct client {
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
};

/* So that the call ends a while after its attempt. */
static weir_code
linger(void *self, weir_call *call, weir_next *next)
{
    weir_code code = weir_proceed(next, call);

    (void)self;
    WEIR_TRY(weir_call_sleep(call, 10 * WEIR_MILLISECOND));
    return code;
}

static void
open_client(struct client *client, const char *address, bool chained)
{
    struct weir_channel_options options = {.max_receive_message = MAX_RECEIVE};

    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, address, &options, &client->channel), WEIR_OK);
    if (chained)
        assert_int_equal(weir_channel_wrap(client->channel, linger, NULL), WEIR_OK);
    client->call = weir_call_new(client->channel, NULL);
    weir_call_set_timeout(client->call, 100 * WEIR_SECOND);
}

static void
close_client(struct client *client)
{
    weir_call_free(client->call);
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

/* ---- scripts ---- */

static void
say_http(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", status);
    raw_field(raw, "content-type", "text/html");
    raw_headers(raw, 0, 1);
    raw_frame(raw, RAW_DATA, RAW_END_STREAM, 1, "<html>", 6);
}

static void
say_http_in_headers(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", status);
    raw_field(raw, "content-type", "text/html");
    raw_headers(raw, RAW_END_STREAM, 1);
}

static void
say_http_with_trailers(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", status);
    raw_field(raw, "content-type", "text/html");
    raw_headers(raw, 0, 1);
    raw_trailers(raw, 1, "0");
}

static void
say_no_type(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", status);
    raw_headers(raw, 0, 1);
    raw_text(raw, 0, 1, "x");
    raw_trailers(raw, 1, "0");
}

static void
say_status(struct raw *raw, const char *status)
{
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "right");
    raw_trailers(raw, 1, status);
}

static void
say_status_alone(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    if (status != NULL)
        raw_field(raw, "grpc-status", status);
    raw_field(raw, "grpc-message", "50%25 of %e2%98%ba, %zz%");
    raw_headers(raw, RAW_END_STREAM, 1);
}

static void
say_binary_header(struct raw *raw, const char *value)
{
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    raw_field(raw, "x-bin", value);
    raw_headers(raw, 0, 1);
    raw_text(raw, 0, 1, "right");
    raw_trailers(raw, 1, "0");
}

static void
say_binary_trailer(struct raw *raw, const char *value)
{
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "right");
    raw_field(raw, "x-bin", value);
    raw_trailers(raw, 1, "0");
}

static void
say_bad_trailer_and_status(struct raw *raw, const char *status)
{
    raw_response(raw, 1);
    raw_field(raw, "x-bin", "?");
    raw_trailers(raw, 1, status);
}

static void
say_status_first(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    raw_field(raw, "grpc-status", status);
    raw_headers(raw, 0, 1);
    raw_text(raw, 0, 1, "right");
    raw_trailers(raw, 1, "0");
}

static void
say_no_status(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "right");
    raw_field(raw, "x-other", "1");
    raw_headers(raw, RAW_END_STREAM, 1);
}

static void
end_with_data(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_response(raw, 1);
    raw_text(raw, RAW_END_STREAM, 1, "right");
}

static void
begin_with_data(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_text(raw, 0, 1, "right");
}

static void
reset(struct raw *raw, const char *code)
{
    raw_number(raw, RAW_RST_STREAM, 1, (uint32_t)strtoul(code, NULL, 10));
}

static void
reset_after_headers(struct raw *raw, const char *code)
{
    raw_response(raw, 1);
    reset(raw, code);
}

/* Interim answers are no answers. */
static void
say_interim(struct raw *raw, const char *status)
{
    raw_field(raw, ":status", "100");
    raw_headers(raw, 0, 1);
    raw_field(raw, ":status", "103");
    raw_field(raw, "link", "</x>");
    raw_headers(raw, 0, 1);
    say_status(raw, status);
}

static void
end_with_interim(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_field(raw, ":status", "100");
    raw_headers(raw, RAW_END_STREAM, 1);
}

static void
say_headers_twice(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_response(raw, 1);
    raw_field(raw, "grpc-status", "0");
    raw_headers(raw, 0, 1);
}

/* All in one write, so that the status is there before the message is looked at. */
static void
say_bytes(struct raw *raw, const char *bytes, size_t len, const char *encoding)
{
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    if (encoding != NULL)
        raw_field(raw, "grpc-encoding", encoding);
    raw_cork(raw, true);
    raw_headers(raw, 0, 1);
    raw_frame(raw, RAW_DATA, 0, 1, bytes, len);
    raw_trailers(raw, 1, "0");
    raw_cork(raw, false);
}

#define BYTES(text) text, sizeof(text) - 1

static void
say_nothing(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES(""), encoding);
}

static void
say_right(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0\0\7\12\5right"), encoding);
}

static void
say_two(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0\0\0\0\0\0\0\0"), encoding);
}

static void
say_corrupt(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0\0\2\12\5"), encoding);
}

static void
say_half(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0\0\5ab"), encoding);
}

static void
say_half_prefix(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0"), encoding);
}

static void
say_bad_flag(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\3\0\0\0\0"), encoding);
}

static void
say_compressed(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\1\0\0\0\0"), encoding);
}

static void
say_large(struct raw *raw, const char *encoding)
{
    say_bytes(raw, BYTES("\0\0\0\3\351"), encoding);
}

static void
say_deflated(struct raw *raw, const char *encoding)
{
    struct buf out = BUF_EMPTY;
    uint8_t prefix[5];

    assert_true(buf_append(&out, "\0\0\0\0\0", 5));
    raw_deflate("\12\5right", 7, &out);
    wire_prefix_pack(prefix, true, (uint32_t)(buf_len(&out) - 5));
    memcpy(buf_head(&out), prefix, 5);
    say_bytes(raw, (const char *)buf_head(&out), buf_len(&out), encoding);
    buf_fini(&out);
}

static void
say_bomb(struct raw *raw, const char *encoding)
{
    static uint8_t zeros[100000];
    struct buf out = BUF_EMPTY;
    uint8_t prefix[5];

    assert_true(buf_append(&out, "\0\0\0\0\0", 5));
    raw_deflate(zeros, sizeof(zeros), &out);
    wire_prefix_pack(prefix, true, (uint32_t)(buf_len(&out) - 5));
    memcpy(buf_head(&out), prefix, 5);
    say_bytes(raw, (const char *)buf_head(&out), buf_len(&out), encoding);
    buf_fini(&out);
}

/* The second one when the first has surely been looked at: the client answers the PING after it. */
static void
say_two_apart(struct raw *raw, const char *unused)
{
    struct raw_frame *frame = malloc(sizeof(*frame));

    (void)unused;
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "right");
    for (int i = 0; i < 3; i++) {
        raw_frame(raw, RAW_PING, 0, 0, "12345678", 8);
        raw_await(raw, RAW_PING, 0, frame);
    }
    raw_text(raw, 0, 1, "wrong");
    raw_trailers(raw, 1, "0");
    free(frame);
}

static void
say_long_headers(struct raw *raw, const char *unused)
{
    static char filler[15000];

    (void)unused;
    memset(filler, 'x', sizeof(filler) - 1);
    raw_field(raw, ":status", "200");
    raw_field(raw, "content-type", "application/grpc");
    raw_field(raw, "x-one", filler);
    raw_field(raw, "x-two", filler);
    raw_headers(raw, 0, 1);
}

static void
promise(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_frame(raw, RAW_PUSH_PROMISE, RAW_END_HEADERS, 1, "\0\0\0\2", 4);
}

static void
hang_up(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_close(raw);
}

static void
hang_up_after_message(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "right");
    raw_close(raw);
}

static void
break_off(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_break(raw);
}

static void
say_goaway_and_answer(struct raw *raw, const char *status)
{
    raw_goaway(raw, 1, H2_NO_ERROR);
    say_status(raw, status);
}

static void
rise_goaway(struct raw *raw, const char *unused)
{
    (void)unused;
    raw_goaway(raw, 1, H2_NO_ERROR);
    raw_goaway(raw, 3, H2_NO_ERROR);
}

/* clang-format off */
static const struct answer {
    const char *what;
    script *play;
    const char *argument;
    int code;
    const char *text; /* in the message; NULL: any */
} answers[] = {
    {"right", say_status, "0", 0, NULL},
    {"HTTP 400", say_http, "400", 13, "400"},
    {"HTTP 401", say_http, "401", 16, "401"},
    {"HTTP 403", say_http, "403", 7, "403"},
    {"HTTP 404", say_http, "404", 12, "404"},
    {"HTTP 404 without content", say_http_in_headers, "404", 12, "404"},
    {"HTTP 418", say_http, "418", 2, "418"},
    {"HTTP 429", say_http, "429", 14, "429"},
    {"HTTP 431", say_http, "431", 2, "431"},
    {"HTTP 500", say_http, "500", 2, "500"},
    {"HTTP 502", say_http, "502", 14, "502"},
    {"HTTP 502 without content", say_http_in_headers, "502", 14, "text/html"},
    {"HTTP 503", say_http, "503", 14, "503"},
    {"HTTP 504", say_http, "504", 14, "504"},
    {"a page", say_http, "200", 2, "text/html"},
    {"a page with grpc-status", say_http_with_trailers, "200", 2, "text/html"},
    {"no type", say_no_type, "200", 2, "content-type"},
    {"status 5", say_status, "5", 5, NULL},
    {"status 16", say_status, "16", 16, NULL},
    {"status 17", say_status, "17", 2, NULL},
    {"status 00", say_status, "00", 2, NULL},
    {"status -1", say_status, "-1", 2, NULL},
    {"status empty", say_status, "", 2, NULL},
    {"status in words", say_status, "OK", 2, NULL},
    {"trailers only", say_status_alone, "5", 5, "50% of \xE2\x98\xBA, %zz%"},
    {"trailers only, OK", say_status_alone, "0", 12, NULL},
    {"trailers only, no status", say_status_alone, NULL, 2, NULL},
    {"status before the message", say_status_first, "5", 0, NULL},
    {"no status", say_no_status, NULL, 2, NULL},
    {"end without trailers", end_with_data, NULL, 13, NULL},
    {"DATA first", begin_with_data, NULL, 13, NULL},
    {"reset NO_ERROR", reset, "0", 13, "NO_ERROR"},
    {"reset PROTOCOL_ERROR", reset, "1", 13, NULL},
    {"reset INTERNAL_ERROR", reset, "2", 13, NULL},
    {"reset FLOW_CONTROL_ERROR", reset, "3", 13, NULL},
    {"reset SETTINGS_TIMEOUT", reset, "4", 13, NULL},
    {"reset STREAM_CLOSED", reset, "5", 13, NULL},
    {"reset FRAME_SIZE_ERROR", reset, "6", 13, NULL},
    {"reset CANCEL", reset, "8", 1, NULL},
    {"reset COMPRESSION_ERROR", reset, "9", 13, NULL},
    {"reset CONNECT_ERROR", reset, "10", 13, NULL},
    {"reset ENHANCE_YOUR_CALM", reset, "11", 8, NULL},
    {"reset INADEQUATE_SECURITY", reset, "12", 7, NULL},
    {"reset HTTP_1_1_REQUIRED", reset, "13", 13, NULL},
    {"reset unknown", reset, "99", 2, NULL},
    {"refused after headers", reset_after_headers, "7", 14, NULL},
    {"-bin headers", say_binary_header, "AQ,,AQI=", 0, NULL},
    {"-bin trailers", say_binary_trailer, "AQ,,AQI=", 0, NULL},
    {"bad -bin headers", say_binary_header, "AQ,?", 13, "-bin"},
    {"bad -bin trailers", say_binary_trailer, "AQ,?", 13, "-bin"},
    {"bad -bin trailers, and not well", say_bad_trailer_and_status, "5", 5, NULL},
    {"interim answers", say_interim, "0", 0, NULL},
    {"an interim end", end_with_interim, NULL, 13, NULL},
    {"headers twice", say_headers_twice, NULL, 13, NULL},
    {"no message", say_nothing, NULL, 12, NULL},
    {"two messages", say_two, NULL, 12, NULL},
    {"two messages apart", say_two_apart, NULL, 12, NULL},
    {"no Payload", say_corrupt, NULL, 13, "Payload"},
    {"half a message", say_half, NULL, 13, NULL},
    {"half a prefix", say_half_prefix, NULL, 13, NULL},
    {"bad flag", say_bad_flag, NULL, 13, NULL},
    {"compressed with nothing", say_compressed, NULL, 13, NULL},
    {"compressed with identity", say_compressed, "identity", 13, NULL},
    {"compressed with what was not offered", say_compressed, "br", 13, NULL},
    {"empty encoding", say_right, "", 0, NULL},
    {"not gzip", say_compressed, "gzip", 13, NULL},
    {"gzip", say_deflated, "gzip", 0, NULL},
    {"a bomb", say_bomb, "gzip", 8, NULL},
    {"too large", say_large, NULL, 8, NULL},
    {"too long headers", say_long_headers, NULL, 8, NULL},
    {"a push", promise, NULL, 14, "PUSH_PROMISE"},
    {"hang up", hang_up, NULL, 14, NULL},
    {"hang up after the message", hang_up_after_message, NULL, 14, NULL},
    {"break off", break_off, NULL, 14, NULL},
    {"goaway, then the answer", say_goaway_and_answer, "0", 0, NULL},
    {"goaway rises", rise_goaway, NULL, 14, NULL},
};
/* clang-format on */

static void
check_answer(const struct answer *answer)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct stage stage;
    struct client client;
    const char *text;
    weir_code code;

    open_stage(&stage, false, answer->play, answer->argument);
    open_client(&client, stage.address, false);
    code = rpctest_Test_Unary(client.call, &request, &response);
    text = weir_call_message(client.call);
    if ((int)code != answer->code || weir_call_code(client.call) != code ||
        (answer->text != NULL && strstr(text, answer->text) == NULL))
        fail_msg("%s: %s, %s", answer->what, weir_code_name(code), text);
    if (code == WEIR_OK)
        assert_string_equal(response->text, "right");
    close_client(&client);
    close_stage(&stage);
}

static void
unary_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++)
        check_answer(&answers[i]);
}

/* ---- answers to requests that could not be sent whole ---- */

/* Takes four bytes of a request, and answers. */
static const struct answer early_answers[] = {
    {"early, and well", say_status, "0", 0, NULL},
    {"early, and not well", say_status, "9", 9, NULL},
    {"early, with a status alone", say_status_alone, "9", 9, NULL},
    {"early, without a message", say_nothing, NULL, 12, NULL},
    {"early, with two", say_two, NULL, 12, NULL},
};

static void
check_early_answer(const struct answer *answer)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct stage stage;
    struct client client;
    weir_code code;

    open_stage(&stage, true, answer->play, answer->argument);
    open_client(&client, stage.address, false);
    request.text = (char *)"more than four bytes";
    code = rpctest_Test_Unary(client.call, &request, &response);
    if ((int)code != answer->code)
        fail_msg("%s: %s, %s", answer->what, weir_code_name(code), weir_call_message(client.call));
    if (code == WEIR_OK)
        assert_string_equal(response->text, "right");
    close_client(&client);
    close_stage(&stage);
}

static void
unary_answers_may_come_before_the_request_is_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(early_answers); i++)
        check_early_answer(&early_answers[i]);
}

static void
check_early_stream(bool chained, size_t len)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    struct rpctest_Test_Expand_client stream = {NULL};
    struct stage stage;
    struct client client;
    char *text = calloc(1, len + 1);

    open_stage(&stage, true, say_status, "0");
    open_client(&client, stage.address, chained);
    assert_non_null(text);
    memset(text, 'x', len);
    request.text = text;
    assert_int_equal(rpctest_Test_Expand(client.call, &request, &stream), WEIR_OK);
    assert_true(rpctest_Test_Expand_client_recv(stream, &message));
    assert_string_equal(message->text, "right");
    assert_false(rpctest_Test_Expand_client_recv(stream, &message));
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_OK);
    assert_string_equal(weir_call_message(client.call), "");
    free(text);
    close_client(&client);
    close_stage(&stage);
}

static void
streams_may_be_answered_before_the_request_is_sent(void **state)
{
    (void)state;
    for (int chained = 0; chained < 2; chained++) {
        check_early_stream(chained != 0, 20);
        check_early_stream(chained != 0, (size_t)1 << 20); /* more than is kept for retries */
    }
}

/* ---- streams ---- */

/* Two messages that are right, then this, then OK. */
static const struct tail {
    const char *bytes;
    size_t len;
    int code;
} tails[] = {
    {BYTES(""), 0},
    {BYTES("\0\0\0\0\2\12\5"), 13},
    {BYTES("\0\0\0\0\5ab"), 13},
    {BYTES("\0\0"), 13},
    {BYTES("\7\0\0\0\0"), 13},
    {BYTES("\1\0\0\0\0"), 13},
    {BYTES("\0\0\0\3\351"), 8},
    {BYTES("\0\0\0\0\2\12\5\0\0\0\0\0"), 13},
};

static void
say_tail(struct raw *raw, const char *index)
{
    const struct tail *tail = &tails[strtoul(index, NULL, 10)];

    raw_cork(raw, true);
    raw_response(raw, 1);
    raw_text(raw, 0, 1, "one");
    raw_text(raw, 0, 1, "two");
    raw_frame(raw, RAW_DATA, 0, 1, tail->bytes, tail->len);
    raw_trailers(raw, 1, "0");
    raw_cork(raw, false);
}

static void
check_tail(size_t index)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    struct rpctest_Test_Expand_client stream = {NULL};
    struct stage stage;
    struct client client;
    char argument[8];
    int count = 0;

    snprintf(argument, sizeof(argument), "%zu", index);
    open_stage(&stage, false, say_tail, argument);
    open_client(&client, stage.address, false);
    assert_int_equal(rpctest_Test_Expand(client.call, &request, &stream), WEIR_OK);
    while (rpctest_Test_Expand_client_recv(stream, &message))
        count++;
    assert_int_equal(count, 2);
    assert_int_equal(weir_call_code(client.call), tails[index].code);
    assert_false(rpctest_Test_Expand_client_recv(stream, &message));
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), tails[index].code);
    close_client(&client);
    close_stage(&stage);
}

/* What cannot be received is not the end of a stream that went well, though its status says so. */
static void
streams_do_not_end_well_by_mistake(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tails); i++)
        check_tail(i);
}

/* ---- what is no HTTP/2 at all ---- */

static void *
speak_http1(void *arg)
{
    struct stage *stage = arg;
    struct raw raw;
    char sink[256];

    raw_accept(&raw, stage->listener);
    raw_bytes(&raw, BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"));
    while (recv(raw.fd, sink, sizeof(sink), 0) > 0)
        continue;
    raw_close(&raw);
    return NULL;
}

static void
other_protocols_are_unavailable(void **state)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    struct stage stage;
    struct client client;

    (void)state;
    stage.listener = raw_listen(stage.address);
    assert_int_equal(pthread_create(&stage.thread, NULL, speak_http1, &stage), 0);
    open_client(&client, stage.address, false);
    assert_int_equal(rpctest_Test_Unary(client.call, &request, &response), WEIR_UNAVAILABLE);
    assert_non_null(strstr(weir_call_message(client.call), stage.address));
    close_client(&client);
    close_stage(&stage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_answers),
        cmocka_unit_test(unary_answers_may_come_before_the_request_is_sent),
        cmocka_unit_test(streams_may_be_answered_before_the_request_is_sent),
        cmocka_unit_test(streams_do_not_end_well_by_mistake),
        cmocka_unit_test(other_protocols_are_unavailable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
