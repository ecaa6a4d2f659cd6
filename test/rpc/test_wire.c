/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers to requests that are wrong, odd, or cut to pieces. */
#include "raw.h"
#include "service.h"
#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct running running;

static int
start(void **state)
{
    static const struct weir_server_options options = {.max_receive_message = 100000};

    (void)state;
    running_start(&running, "127.0.0.1:0", &options, NULL);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    return running_finish(&running);
}

static void
meet(struct raw *raw)
{
    raw_connect(raw, running.address);
    raw_greet(raw, true, 0, 0);
}

/* The server, and this connection of it, still do their work. */
static void
check_alive(struct raw *raw, uint32_t id)
{
    struct raw_answer answer;

    raw_request(raw, id, "Unary", NULL);
    raw_text(raw, RAW_END_STREAM, id, "alive");
    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(answer.http, 200);
    assert_int_equal(answer.status, 0);
    assert_memory_equal(buf_head(&answer.data), "\0\0\0\0\7\12\5alive", 12);
    raw_answer_free(&answer);
}

/* ---- headers ---- */

struct pair {
    const char *name, *value;
};

/* Expected, when it is not a grpc-status: a bare HTTP status, or a reset. */
struct request {
    const char *what;
    struct pair fields[9];
    int http, status, reset;
    const char *message; /* NULL: any */
};

#define METHOD(value)    \
    {                    \
        ":method", value \
    }
#define SCHEME            \
    {                     \
        ":scheme", "http" \
    }
#define PATH(value)    \
    {                  \
        ":path", value \
    }
#define TYPE(value)           \
    {                         \
        "content-type", value \
    }
#define START METHOD("POST"), SCHEME, PATH("/rpctest.Test/Unary")
#define GRPC TYPE("application/grpc")

/* clang-format off */
static const struct request requests[] = {
    {"plain", {START, GRPC}, 200, 0, -1, NULL},
    {"+proto", {START, TYPE("application/grpc+proto")}, 200, 0, -1, NULL},
    {"parameters", {START, TYPE("application/grpc;charset=utf-8")}, 200, 0, -1, NULL},
    {"no content-type", {START}, 415, -1, -1, NULL},
    {"foreign content-type", {START, TYPE("text/html")}, 415, -1, -1, NULL},
    {"longer content-type", {START, TYPE("application/grpcfoo")}, 415, -1, -1, NULL},
    {"content-type twice, one foreign", {START, GRPC, TYPE("text/html")}, 415, -1, -1, NULL},
    {"content-type twice, alike", {START, GRPC, GRPC}, 200, 0, -1, NULL},
    {"codec", {START, TYPE("application/grpc+json")}, 200, 13, -1, NULL},
    {"GET", {METHOD("GET"), SCHEME, PATH("/rpctest.Test/Unary"), GRPC}, 405, -1, -1, NULL},
    {"path without slash", {METHOD("POST"), SCHEME, PATH("rpctest.Test/Unary"), GRPC}, 200, 12, -1, NULL},
    {"path /", {METHOD("POST"), SCHEME, PATH("/"), GRPC}, 200, 12, -1, NULL},
    {"path //", {METHOD("POST"), SCHEME, PATH("//"), GRPC}, 200, 12, -1, NULL},
    {"path *", {METHOD("POST"), SCHEME, PATH("*"), GRPC}, 200, 12, -1, NULL},
    {"path with query", {METHOD("POST"), SCHEME, PATH("/rpctest.Test/Unary?a=b"), GRPC}, 200, 12, -1, NULL},
    {"path in another case", {METHOD("POST"), SCHEME, PATH("/rpctest.Test/unary"), GRPC}, 200, 12, -1,
        "unknown method unary for service rpctest.Test"},
    {"service", {METHOD("POST"), SCHEME, PATH("/a.B/C"), GRPC}, 200, 12, -1, "unknown service a.B"},
    {"unset", {METHOD("POST"), SCHEME, PATH("/rpctest.Test/Unset"), GRPC}, 200, 12, -1,
        "rpctest.Test.Unset is not implemented"},
    {"path twice", {START, PATH("/"), GRPC}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"no path", {METHOD("POST"), SCHEME, GRPC}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"authority twice", {START, {":authority", "a"}, {":authority", "b"}, GRPC}, 0, -1,
        H2_PROTOCOL_ERROR, NULL},
    {"host twice", {START, {"host", "a"}, {"host", "a"}, GRPC}, 400, -1, -1, NULL},
    {"connection", {START, GRPC, {"connection", "close"}}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"capitals", {START, GRPC, {"X-Key", "1"}}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"no te", {START, GRPC}, 200, 0, -1, NULL},
    {"te", {START, GRPC, {"te", "gzip"}}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"timeout without unit", {START, {"grpc-timeout", "100"}, GRPC}, 200, 13, -1, NULL},
    {"timeout without number", {START, {"grpc-timeout", "S"}, GRPC}, 200, 13, -1, NULL},
    {"timeout of nine digits", {START, {"grpc-timeout", "123456789S"}, GRPC}, 200, 13, -1, NULL},
    {"timeout in weeks", {START, {"grpc-timeout", "1W"}, GRPC}, 200, 13, -1, NULL},
    {"negative timeout", {START, {"grpc-timeout", "-1S"}, GRPC}, 200, 13, -1, NULL},
    {"timeout 0", {START, {"grpc-timeout", "0S"}, GRPC}, 200, 4, -1, NULL},
    {"longest timeout", {START, {"grpc-timeout", "99999999H"}, GRPC}, 200, 0, -1, NULL},
    {"encoding", {START, {"grpc-encoding", "br"}, GRPC}, 200, 12, -1, NULL},
    {"identity", {START, {"grpc-encoding", "identity"}, GRPC}, 200, 0, -1, NULL},
    {"empty encoding", {START, {"grpc-encoding", ""}, GRPC}, 200, 0, -1, NULL},
    {"gzip, and not used", {START, {"grpc-encoding", "gzip"}, GRPC}, 200, 0, -1, NULL},
    {"content-length", {START, {"content-length", "7"}, GRPC}, 200, 0, -1, NULL},
    {"wrong content-length", {START, {"content-length", "8"}, GRPC}, 0, -1, H2_PROTOCOL_ERROR, NULL},
    {"-bin", {START, {"x-bin", "AQ,,AQI="}, GRPC}, 200, 0, -1, NULL},
    {"-bin, not base64", {START, {"x-bin", "AQI="}, {"x-bin", "!!!!"}, GRPC}, 200, 13, -1,
        "malformed -bin metadata"},
    {"-bin, one of many not base64", {START, {"x-bin", "AQ,?,AQ"}, GRPC}, 200, 13, -1, NULL},
    {"grpc-trace-bin, not base64", {START, {"grpc-trace-bin", "A"}, GRPC}, 200, 13, -1, NULL},
    {"unknown grpc- field", {START, {"grpc-what", "ever"}, GRPC}, 200, 0, -1, NULL},
};
/* clang-format on */

static void
ask(struct raw *raw, uint32_t id, const struct request *request, struct raw_answer *out_answer)
{
    for (const struct pair *field = request->fields; field->name != NULL; field++)
        raw_field(raw, field->name, field->value);
    raw_headers(raw, 0, id);
    raw_text(raw, RAW_END_STREAM, id, "");
    raw_answer(raw, id, SIZE_MAX, out_answer);
}

static void
check_request(struct raw *raw, uint32_t id, const struct request *request)
{
    struct raw_answer answer;

    ask(raw, id, request, &answer);
    if (answer.http != request->http || answer.status != request->status ||
        answer.reset != request->reset ||
        (request->message != NULL && strcmp(answer.message, request->message) != 0))
        fail_msg("%s: HTTP %d, grpc-status %d (%s), reset %d", request->what, answer.http,
            answer.status, answer.message, answer.reset);
    if (strcmp(request->what, "encoding") == 0)
        assert_string_equal(answer.accepts, "gzip");
    raw_answer_free(&answer);
}

/* Each twice, since the second block is known. */
static void
headers_are_judged(void **state)
{
    struct raw raw;
    uint32_t id = 1;

    (void)state;
    meet(&raw);
    for (size_t i = 0; i < COUNT(requests); i++) {
        check_request(&raw, id, &requests[i]);
        check_request(&raw, id + 2, &requests[i]);
        id += 4;
    }
    check_alive(&raw, id);
    raw_close(&raw);
}

static void
header_list_has_a_limit(void **state)
{
    static char filler[20000];
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw);
    memset(filler, 'x', sizeof(filler) - 1);
    raw_call(&raw, "Unary", NULL);
    raw_field(&raw, "x-large", filler);
    raw_headers(&raw, 0, 1);
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.reset, H2_ENHANCE_YOUR_CALM);
    raw_answer_free(&answer);
    check_alive(&raw, 3);
    filler[15000] = '\0';
    raw_request(&raw, 5, "Unary", NULL);
    raw_text(&raw, 0, 5, "");
    raw_field(&raw, "x-trailer", filler);
    raw_headers(&raw, RAW_END_STREAM, 5);
    raw_answer(&raw, 5, SIZE_MAX, &answer);
    assert_int_equal(answer.status, 0);
    raw_answer_free(&answer);
    raw_close(&raw);
}

/* ---- messages ---- */

struct body {
    const char *what;
    const char *encoding; /* NULL: none */
    const char *bytes;
    size_t len;
    int status;
};

#define BYTES(text) text, sizeof(text) - 1

/* clang-format off */
static const struct body bodies[] = {
    {"empty message", NULL, BYTES("\0\0\0\0\0"), 0},
    {"no message", NULL, BYTES(""), 12},
    {"half a prefix", NULL, BYTES("\0\0\0"), 13},
    {"less than announced", NULL, BYTES("\0\0\0\0\5ab"), 13},
    {"two messages", NULL, BYTES("\0\0\0\0\0\0\0\0\0\0"), 12},
    {"a message and a byte", NULL, BYTES("\0\0\0\0\0\0"), 12},
    {"flag 2", NULL, BYTES("\2\0\0\0\0"), 13},
    {"flag 255", "gzip", BYTES("\377\0\0\0\0"), 13},
    {"huge length", NULL, BYTES("\0\377\377\377\377"), 8},
    {"one over the limit", NULL, BYTES("\0\0\1\206\241"), 8},
    {"not a Payload", NULL, BYTES("\0\0\0\0\2\12\5"), 13},
    {"not UTF-8 is none of our business", NULL, BYTES("\0\0\0\0\3\12\1\377"), 0},
    {"text with NUL", NULL, BYTES("\0\0\0\0\5\12\3a\0b"), 3},
    {"unknown fields", NULL, BYTES("\0\0\0\0\3\270\1\1"), 0},
    {"compressed without encoding", NULL, BYTES("\1\0\0\0\0"), 13},
    {"compressed with identity", "identity", BYTES("\1\0\0\0\0"), 13},
    {"empty gzip", "gzip", BYTES("\1\0\0\0\0"), 13},
    {"corrupt gzip", "gzip", BYTES("\1\0\0\0\4abcd"), 13},
};
/* clang-format on */

static void
begin_encoded(struct raw *raw, uint32_t id, const char *encoding)
{
    raw_call(raw, "Unary", NULL);
    if (encoding != NULL)
        raw_field(raw, "grpc-encoding", encoding);
    raw_headers(raw, 0, id);
}

static void
send_pieces(struct raw *raw, uint32_t id, const struct body *body, size_t piece)
{
    for (size_t at = 0; at < body->len; at += piece) {
        size_t len = body->len - at < piece ? body->len - at : piece;

        raw_frame(raw, RAW_DATA, 0, id, body->bytes + at, len);
    }
    raw_frame(raw, RAW_DATA, RAW_END_STREAM, id, NULL, 0);
}

static void
check_body(struct raw *raw, uint32_t id, const struct body *body, size_t piece)
{
    struct raw_answer answer;

    begin_encoded(raw, id, body->encoding);
    send_pieces(raw, id, body, piece);
    raw_answer(raw, id, SIZE_MAX, &answer);
    if (answer.http != 200 || answer.status != body->status)
        fail_msg("%s: HTTP %d, grpc-status %d (%s)", body->what, answer.http, answer.status,
            answer.message);
    raw_answer_free(&answer);
}

static void
messages_are_judged(void **state)
{
    static const size_t pieces[] = {1, 7, 1000};
    struct raw raw;
    uint32_t id = 1;

    (void)state;
    for (size_t p = 0; p < COUNT(pieces); p++) {
        meet(&raw);
        for (size_t i = 0; i < COUNT(bodies); i++, id += 2)
            check_body(&raw, id, &bodies[i], pieces[p]);
        check_alive(&raw, id);
        raw_close(&raw);
        id = 1;
    }
}

/* A Payload whose data is `size` bytes, deflated. */
static struct buf
bomb(size_t size)
{
    uint8_t head[8] = {0x12};
    struct buf plain = BUF_EMPTY, out = BUF_EMPTY;
    size_t len = 1, rest = size;
    uint8_t *room;

    for (; rest >= 128; rest >>= 7)
        head[len++] = (uint8_t)((rest & 127) | 128);
    head[len++] = (uint8_t)rest;
    assert_true(buf_append(&plain, head, len));
    room = buf_reserve(&plain, size);
    assert_non_null(room);
    memset(room, 'b', size);
    buf_commit(&plain, size);
    raw_deflate(buf_head(&plain), buf_len(&plain), &out);
    buf_fini(&plain);
    return out;
}

static int
inflate_on_server(struct raw *raw, uint32_t id, size_t size)
{
    struct buf packed = bomb(size), framed = BUF_EMPTY;
    struct body body = {.what = "bomb", .encoding = "gzip"};
    struct raw_answer answer;
    uint8_t prefix[5];
    int status;

    wire_prefix_pack(prefix, true, (uint32_t)buf_len(&packed));
    assert_true(buf_append(&framed, prefix, 5));
    assert_true(buf_append(&framed, buf_head(&packed), buf_len(&packed)));
    body.bytes = (const char *)buf_head(&framed);
    body.len = buf_len(&framed);
    begin_encoded(raw, id, "gzip");
    send_pieces(raw, id, &body, 1000);
    raw_number(raw, RAW_WINDOW_UPDATE, id, 1 << 20);
    raw_answer(raw, id, SIZE_MAX, &answer);
    status = answer.status;
    if (status == 0)
        assert_true(buf_len(&answer.data) > size);
    raw_answer_free(&answer);
    buf_fini(&packed);
    buf_fini(&framed);
    return status;
}

static void
gzip_has_the_limit_of_what_it_holds(void **state)
{
    struct raw raw;

    (void)state;
    meet(&raw);
    raw_number(&raw, RAW_WINDOW_UPDATE, 0, 1 << 20);
    assert_int_equal(inflate_on_server(&raw, 1, 10), WEIR_OK);
    assert_int_equal(inflate_on_server(&raw, 3, 99000), WEIR_OK);
    assert_int_equal(inflate_on_server(&raw, 5, 100000), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(inflate_on_server(&raw, 7, 30000000), WEIR_RESOURCE_EXHAUSTED);
    check_alive(&raw, 9);
    raw_close(&raw);
}

static void
ends_without_content(void **state)
{
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw);
    raw_call(&raw, "Unary", NULL);
    raw_headers(&raw, RAW_END_STREAM, 1);
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_UNIMPLEMENTED);
    assert_int_equal(answer.blocks, 1);
    raw_answer_free(&answer);

    /* Trailers of the client end its half like any other end. */
    raw_request(&raw, 3, "Unary", NULL);
    raw_text(&raw, 0, 3, "x");
    raw_field(&raw, "x-trailer", "1");
    raw_headers(&raw, RAW_END_STREAM, 3);
    raw_answer(&raw, 3, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_OK);
    raw_answer_free(&answer);
    check_alive(&raw, 5);
    raw_close(&raw);
}

/* A status before the client has finished: what it still says is not wanted (PROTOCOL-HTTP2). */
static void
early_status_resets_with_no_error(void **state)
{
    struct raw raw;
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct raw_answer answer;

    (void)state;
    meet(&raw);
    raw_request(&raw, 1, "None", NULL);
    raw_answer(&raw, 1, SIZE_MAX, &answer);
    assert_int_equal(answer.status, WEIR_UNIMPLEMENTED);
    raw_answer_free(&answer);
    assert_true(raw_await(&raw, RAW_RST_STREAM, 1, frame));
    assert_int_equal(frame->payload[3], H2_NO_ERROR);
    raw_text(&raw, RAW_END_STREAM, 1, "late");
    check_alive(&raw, 3);
    raw_close(&raw);
    free(frame);
}

/* ---- streams ---- */

/* The fault comes after messages that are right. */
static void
stream_ends_at_a_bad_message(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int status;
        bool last;
    } faults[] = {{BYTES("\2\0\0\0\0"), 13, false}, {BYTES("\0\377\0\0\0"), 8, false},
        {BYTES("\0\0\0\0\1\377"), 13, false}, {BYTES("\0\0\0"), 13, true},
        {BYTES("\0\0\0\0\3ab"), 13, true}};
    struct raw raw;
    struct raw_answer answer;

    (void)state;
    meet(&raw);
    for (uint32_t i = 0; i < COUNT(faults); i++) {
        uint32_t id = 2 * i + 1;

        raw_request(&raw, id, "Talk", NULL);
        raw_text(&raw, 0, id, "one");
        raw_text(&raw, 0, id, "two");
        raw_frame(&raw, RAW_DATA, faults[i].last ? RAW_END_STREAM : 0, id, faults[i].bytes,
            faults[i].len);
        if (!faults[i].last)
            raw_text(&raw, RAW_END_STREAM, id, "three");
        raw_answer(&raw, id, SIZE_MAX, &answer);
        assert_int_equal(answer.status, faults[i].status);
        assert_int_equal(buf_len(&answer.data), 2 * (5 + 2 + 7));
        raw_answer_free(&answer);
    }
    check_alive(&raw, 2 * COUNT(faults) + 1);
    raw_close(&raw);
}

/* ---- metadata ---- */

static void
binary_metadata(void **state)
{
    static const struct pair fields[] = {{"x-bin", "AAEC"}, {"x-bin", "AA=="},
        {"x-bin", "AQ,Ag,Aw=="}, {"z-bin", ""}, {"x-plain", "a,?"}};
    static const struct pair expected[] = {{"echo-x-bin", "AAEC"}, {"echo-x-bin", "AA"},
        {"echo-x-bin", "AQ"}, {"echo-x-bin", "Ag"}, {"echo-x-bin", "Aw"}, {"echo-z-bin", ""},
        {"echo-x-plain", "a,?"}};
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct raw raw;
    size_t seen = 0;

    (void)state;
    meet(&raw);
    raw_call(&raw, "Unary", NULL);
    for (size_t i = 0; i < COUNT(fields); i++)
        raw_field(&raw, fields[i].name, fields[i].value);
    raw_headers(&raw, 0, 1);
    raw_text(&raw, RAW_END_STREAM, 1, "metadata");
    assert_true(raw_await(&raw, RAW_HEADERS, 1, frame));
    for (size_t i = 0; i < raw.block->count; i++) {
        const struct h2_field *field = &raw.block->fields[i];

        if (field->name.len < 5 || memcmp(field->name.data, "echo-", 5) != 0)
            continue;
        assert_true(seen < COUNT(expected));
        assert_true(weir_str_equal(field->name, weir_str_of(expected[seen].name)));
        assert_true(weir_str_equal(field->value, weir_str_of(expected[seen].value)));
        seen++;
    }
    assert_int_equal(seen, COUNT(expected));
    raw_close(&raw);
    free(frame);
}

/* Thousands of values in one field are walked in time that grows with their number alone. */
static void
many_values_in_one_field(void **state)
{
    static char commas[14000];
    struct raw_frame *frame = malloc(sizeof(*frame));
    struct raw raw;

    (void)state;
    meet(&raw);
    memset(commas, ',', sizeof(commas) - 1);
    raw_call(&raw, "Unary", NULL);
    raw_field(&raw, "x-bin", commas);
    raw_headers(&raw, 0, 1);
    raw_text(&raw, RAW_END_STREAM, 1, "count");
    assert_true(raw_await(&raw, RAW_DATA, 1, frame));
    assert_memory_equal(frame->payload + 5, "\12\5count\30\260\155", 10);
    raw_close(&raw);
    free(frame);
}

/* ---- as many streams as there may be ---- */

/* A server that was held up finds all of it at once: calls that were given up long ago, and those
 * that count. Their client never had more than there may be. */
static void
who_keeps_to_the_limit_is_not_refused(void **state)
{
    struct raw raw;
    uint32_t id = 1;

    (void)state;
    meet(&raw);
    raw_cork(&raw, true);
    for (int i = 0; i < 300; i++, id += 2) {
        raw_request(&raw, id, "Unary", NULL);
        raw_text(&raw, RAW_END_STREAM, id, "wait");
        raw_number(&raw, RAW_RST_STREAM, id, H2_CANCEL);
    }
    raw_request(&raw, id, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, id, "x");
    raw_cork(&raw, false);
    check_alive(&raw, id + 2);
    raw_close(&raw);
    EVENTUALLY(running.seen.ended == running.seen.started);
    assert_int_equal(running_stats(&running).limit_hits[WEIR_LIMIT_STREAMS], 0);
    assert_int_equal(running_stats(&running).calls_live, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_judged),
        cmocka_unit_test(header_list_has_a_limit),
        cmocka_unit_test(messages_are_judged),
        cmocka_unit_test(gzip_has_the_limit_of_what_it_holds),
        cmocka_unit_test(ends_without_content),
        cmocka_unit_test(early_status_resets_with_no_error),
        cmocka_unit_test(stream_ends_at_a_bad_message),
        cmocka_unit_test(binary_metadata),
        cmocka_unit_test(many_values_in_one_field),
        cmocka_unit_test(who_keeps_to_the_limit_is_not_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
