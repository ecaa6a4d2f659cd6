/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by call, by message, by server and by channel, never to a peer that does not take it; and
 * limits on what is sent. */
#include "base/bytes.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_SEND 100000

static struct running plain, eager; /* that compress when told to, and by default */
static weir_loop *loop;
static weir_channel *channel, *eager_channel;

/* ---- the server ---- */

static weir_code chosen_late;

/* Every other message, beginning with the first. */
static weir_code
alternate(void *self, weir_call *call, const ProtobufCMessage *message)
{
    unsigned *count = self;

    (void)message;
    return weir_call_set_compression(call, (*count)++ % 2 == 0 ? WEIR_GZIP : WEIR_IDENTITY);
}

/* How each message came, as text in the trailers. */
static weir_code
note(void *self, weir_call *call, const ProtobufCMessage *message)
{
    char *came = self;

    (void)message;
    came[strlen(came)] = weir_call_was_compressed(call) ? 'z' : 'p';
    return WEIR_OK;
}

static weir_code
compress(void *self, weir_call *call, weir_next *next)
{
    static const struct weir_watcher noting = {.received = note};
    static const struct weir_watcher alternating = {.sending = alternate};
    weir_str wish = weir_call_header(call, "x-gzip");
    char *came = weir_call_keep(call, 64);
    unsigned *count = weir_call_keep(call, sizeof(*count));
    weir_code code;

    (void)self;
    WEIR_TRY(weir_call_watch(call, &noting, came));
    if (weir_str_equal(wish, weir_str_of("yes")))
        WEIR_TRY(weir_call_set_compression(call, WEIR_GZIP));
    if (weir_call_set_compression(call, (weir_compression)7) != WEIR_INVALID_ARGUMENT)
        return weir_fail(call, WEIR_INTERNAL, "a compression that is none was taken");
    if (weir_str_equal(wish, weir_str_of("no")))
        WEIR_TRY(weir_call_set_compression(call, WEIR_IDENTITY));
    if (weir_str_equal(wish, weir_str_of("late"))) {
        WEIR_TRY(weir_call_send_headers(call));
        chosen_late = weir_call_set_compression(call, WEIR_GZIP);
    }
    if (weir_str_equal(wish, weir_str_of("alternate"))) {
        WEIR_TRY(weir_call_set_compression(call, WEIR_GZIP));
        WEIR_TRY(weir_call_watch(call, &alternating, count));
    }
    code = weir_proceed(next, call);
    WEIR_TRY(weir_call_add_trailer(call, "x-came", weir_str_of(came)));
    return code;
}

static int
start(void **state)
{
    static const struct weir_server_options limited = {.max_send_message = MAX_SEND};
    static const struct weir_server_options gzip = {.compression = WEIR_GZIP};
    static const struct weir_channel_options client = {.max_send_message = MAX_SEND};
    static const struct weir_channel_options gzip_client = {.compression = WEIR_GZIP};

    (void)state;
    running_start(&plain, "127.0.0.1:0", &limited, compress);
    running_start(&eager, "127.0.0.1:0", &gzip, compress);
    if (weir_loop_new(&loop) != WEIR_OK ||
        weir_channel_new(loop, plain.address, &client, &channel) != WEIR_OK)
        return -1;
    return weir_channel_new(loop, eager.address, &gzip_client, &eager_channel) == WEIR_OK ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_channel_free(eager_channel);
    weir_loop_free(loop);
    running_stop(&plain, WEIR_SECOND);
    running_stop(&eager, WEIR_SECOND);
    return plain.result == WEIR_OK && eager.result == WEIR_OK ? 0 : -1;
}

/* ---- whole calls ---- */

static weir_call *
call_for(weir_channel *to, const char *wish)
{
    weir_call *call = weir_call_new(to, NULL);

    assert_non_null(call);
    if (wish != NULL)
        assert_int_equal(weir_call_add_header(call, "x-gzip", weir_str_of(wish)), WEIR_OK);
    return call;
}

/* Ask for so much; was the answer compressed? `came`: how the request was. */
static bool
ask(weir_call *call, const char *text, size_t len, const char *came)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    bool compressed;

    message.text = (char *)text;
    assert_int_equal(rpctest_Test_Unary(call, &message, &reply), WEIR_OK);
    assert_int_equal(reply->data.len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(reply->data.data[i], 'x');
    assert_true(weir_str_equal(weir_call_trailer(call, "x-came"), weir_str_of(came)));
    compressed = weir_call_was_compressed(call);
    weir_call_free(call);
    return compressed;
}

static void
the_server_compresses_when_told_to(void **state)
{
    (void)state;
    assert_false(ask(call_for(channel, NULL), "size:1000", 1000, "p"));
    assert_true(ask(call_for(channel, "yes"), "size:1000", 1000, "p"));
    assert_false(ask(call_for(channel, "no"), "size:1000", 1000, "p"));
    assert_false(ask(call_for(channel, "late"), "size:1000", 1000, "p"));
    assert_int_equal(chosen_late, WEIR_FAILED_PRECONDITION);
    assert_true(ask(call_for(eager_channel, NULL), "size:1000", 1000, "z"));
    assert_false(ask(call_for(eager_channel, "no"), "size:1000", 1000, "z"));
}

static void
sizes_of_all_kinds(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 4000, 5000, 70000, 99000, 300000, 4000000};
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(text, sizeof(text), "size:%zu", sizes[i]);
        assert_true(ask(call_for(eager_channel, NULL), text, sizes[i], "z"));
    }
}

static void
the_client_compresses_when_told_to(void **state)
{
    weir_call *call = call_for(channel, NULL);

    (void)state;
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    assert_false(ask(call, "size:10", 10, "z"));
    call = call_for(eager_channel, NULL);
    assert_int_equal(weir_call_set_compression(call, WEIR_IDENTITY), WEIR_OK);
    assert_true(ask(call, "size:10", 10, "p"));
}

/* ---- message by message ---- */

static void
exchange(struct rpctest_Test_Talk_client stream, bool compressed)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;

    message.text = "a message, a message, a message";
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_string_equal(reply->text, "re: a message, a message, a message");
    assert_int_equal(weir_call_was_compressed(stream.call), compressed);
}

static void
each_message_may_differ(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = call_for(channel, "alternate");

    (void)state;
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    assert_int_equal(weir_call_set_compression(call, WEIR_IDENTITY), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    exchange(stream, true);
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    exchange(stream, false);
    exchange(stream, true);
    assert_int_equal(weir_call_set_compression(call, WEIR_IDENTITY), WEIR_OK);
    exchange(stream, false);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_true(weir_str_equal(weir_call_trailer(call, "x-came"), weir_str_of("pzzp")));
    weir_call_free(call);
}

/* What the headers did not announce cannot begin in the middle. */
static void
too_late_on_the_client(void **state)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    weir_call *call = call_for(channel, NULL);

    (void)state;
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_FAILED_PRECONDITION);
    exchange(stream, false);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_true(weir_str_equal(weir_call_trailer(call, "x-came"), weir_str_of("p")));
    weir_call_free(call);
}

/* ---- on the wire ---- */

static bool
announces_gzip(const struct h2_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        if (weir_str_equal(block->fields[i].name, weir_str_of("grpc-encoding")))
            return weir_str_equal(block->fields[i].value, weir_str_of("gzip"));
    }
    return false;
}

/* The flag of the answer of a server that compresses, to a client that says it takes this. */
static int
flag_for(const char *accepts, bool *out_announced)
{
    static struct raw_frame frame;
    struct raw raw;

    raw_connect(&raw, eager.address);
    raw_greet(&raw, true, 0, 0);
    raw_call(&raw, "Unary", NULL);
    if (accepts != NULL)
        raw_field(&raw, "grpc-accept-encoding", accepts);
    raw_headers(&raw, 0, 1);
    raw_text(&raw, RAW_END_STREAM, 1, "size:100");
    assert_true(raw_await(&raw, RAW_HEADERS, 1, &frame));
    *out_announced = announces_gzip(raw.block);
    assert_true(raw_await(&raw, RAW_DATA, 1, &frame));
    raw_close(&raw);
    return frame.payload[0];
}

static void
never_to_a_client_that_does_not_list_it(void **state)
{
    static const char *const others[] = {NULL, "", "identity", "deflate, br", "x-gzip"};
    static const char *const gzip[] = {"gzip", "identity,gzip", "identity, deflate, gzip"};
    bool announced;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(flag_for(others[i], &announced), 0);
        assert_false(announced);
    }
    for (size_t i = 0; i < sizeof(gzip) / sizeof(gzip[0]); i++) {
        assert_int_equal(flag_for(gzip[i], &announced), 1);
        assert_true(announced);
    }
}

/* A server that lists what it takes, and gzip is not in it. */
static void *
serve_without_gzip(void *arg)
{
    static struct raw_frame frame;
    int *flags = arg;
    struct raw raw;

    raw_accept(&raw, flags[2]);
    raw_greet(&raw, false, 0, 0);
    raw_await(&raw, RAW_DATA, 1, &frame);
    flags[0] = frame.payload[0];
    raw_field(&raw, ":status", "200");
    raw_field(&raw, "content-type", "application/grpc");
    raw_field(&raw, "grpc-accept-encoding", "identity,deflate");
    raw_headers(&raw, RAW_END_HEADERS, 1);
    raw_await(&raw, RAW_DATA, 1, &frame);
    flags[1] = frame.payload[0];
    raw_trailers(&raw, 1, "0");
    while (raw_next(&raw, &frame))
        continue;
    raw_close(&raw);
    return NULL;
}

static void
no_longer_to_a_server_that_does_not_list_it(void **state)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    struct rpctest_Test_Talk_client stream = {NULL};
    char address[32];
    int flags[3] = {-1, -1, raw_listen(address)};
    weir_channel *to;
    weir_call *call;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, serve_without_gzip, flags), 0);
    assert_int_equal(weir_channel_new(loop, address, NULL, &to), WEIR_OK);
    call = weir_call_new(to, NULL);
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    message.text = "text";
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_int_equal(weir_call_receive_headers(call), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    weir_call_free(call);
    weir_channel_free(to);
    pthread_join(thread, NULL);
    close(flags[2]);
    assert_int_equal(flags[0], 1);
    assert_int_equal(flags[1], 0);
}

/* ---- limits on what is sent ---- */

static weir_code
try(weir_call *call, const char *text, size_t data_len, char *out_why, size_t size)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    uint8_t *data = calloc(1, data_len + 1);
    weir_code code;

    message.text = (char *)text;
    message.data.data = data;
    message.data.len = data_len;
    code = rpctest_Test_Unary(call, &message, &reply);
    snprintf(out_why, size, "%s", weir_call_message(call));
    weir_call_free(call);
    free(data);
    return code;
}

static void
limits_on_sending(void **state)
{
    char why[128], expected[128];
    unsigned before = plain.seen.started;
    weir_call *call = call_for(channel, NULL);

    (void)state;
    /* That it would be small enough compressed does not count. */
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    assert_int_equal(try(call, "", MAX_SEND, why, sizeof(why)), WEIR_RESOURCE_EXHAUSTED);
    snprintf(
        expected, sizeof(expected), "message of %d bytes, larger than %d", MAX_SEND + 4, MAX_SEND);
    assert_string_equal(why, expected);
    assert_int_equal(try(call_for(channel, NULL), "", MAX_SEND - 4, why, sizeof(why)), WEIR_OK);
    assert_int_equal(
        try(call_for(channel, NULL), "size:100000", 0, why, sizeof(why)), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(plain.seen.started, before + 2);
}

static weir_code
pass(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_proceed(next, call);
}

/* One message, and then one that is not sent. */
static void
check_unsent(weir_channel *to)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    weir_call *call = call_for(to, NULL);

    assert_int_equal(rpctest_Test_Collect(call, &stream), WEIR_OK);
    message.text = "";
    assert_int_equal(rpctest_Test_Collect_client_send(stream, &message), WEIR_OK);
    message.data.len = MAX_SEND;
    message.data.data = calloc(1, MAX_SEND);
    assert_int_equal(rpctest_Test_Collect_client_send(stream, &message), WEIR_RESOURCE_EXHAUSTED);
    assert_int_equal(rpctest_Test_Collect_client_finish(stream, &reply), WEIR_RESOURCE_EXHAUSTED);
    assert_null(reply);
    assert_non_null(strstr(weir_call_message(call), "larger than"));
    free(message.data.data);
    weir_call_free(call);
}

/* The server is not to take what it has got for all of it. */
static void
a_stream_ends_with_a_message_that_is_not_sent(void **state)
{
    static const struct weir_channel_options client = {.max_send_message = MAX_SEND};
    static const struct weir_channel_options keeps_nothing = {
        .max_send_message = MAX_SEND, .retry_buffer = 1};
    weir_channel *wrapped, *past;

    (void)state;
    assert_int_equal(weir_channel_new(loop, plain.address, &client, &wrapped), WEIR_OK);
    assert_int_equal(weir_channel_wrap(wrapped, pass, NULL), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, plain.address, &keeps_nothing, &past), WEIR_OK);
    check_unsent(channel);
    check_unsent(wrapped);
    check_unsent(past);
    weir_channel_free(wrapped);
    weir_channel_free(past);
}

/* ---- turns ---- */

#define BOMBS 20u
#define BOMB_SIZE (2u << 20)

/* The first call keeps the loop's thread until the test says so. */
static struct {
    atomic_bool held, go;
    atomic_uint ended, others_end;
} order;

static weir_code
note_order(void *self, weir_call *call, weir_next *next)
{
    weir_code code;
    unsigned rank;

    (void)self;
    if (!atomic_exchange(&order.held, true))
        EVENTUALLY(atomic_load(&order.go))
    code = weir_proceed(next, call);
    rank = atomic_fetch_add(&order.ended, 1);
    if (weir_call_header(call, "x-other").data != NULL)
        atomic_store(&order.others_end, rank);
    return code;
}

/* A Payload with that many zeros in its data, and a short answer, INVALID_ARGUMENT. */
static struct buf
make_bomb(void)
{
    static const uint8_t head[] = "\12\6fail:3\22\200\200\200\1";
    const size_t len = sizeof(head) - 1 + BOMB_SIZE;
    uint8_t *payload = calloc(1, len);
    struct buf framed = BUF_EMPTY;

    assert_non_null(payload);
    memcpy(payload, head, sizeof(head) - 1);
    assert_true(buf_append(&framed, "\1\0\0\0\0", 5));
    raw_deflate(payload, len, &framed);
    store_be32(buf_head(&framed) + 1, (uint32_t)(buf_len(&framed) - 5));
    free(payload);
    return framed;
}

static void
send_bombs(struct raw *raw)
{
    struct buf bomb = make_bomb();

    raw_cork(raw, true);
    for (uint32_t id = 1; id < 2 * BOMBS; id += 2) {
        raw_call(raw, "Unary", NULL);
        raw_field(raw, "grpc-encoding", "gzip");
        raw_headers(raw, RAW_END_HEADERS, id);
        raw_frame(raw, RAW_DATA, RAW_END_STREAM, id, buf_head(&bomb), buf_len(&bomb));
    }
    raw_cork(raw, false);
    buf_fini(&bomb);
}

static void
assert_answered(struct raw *raw, uint32_t id, weir_code code)
{
    struct raw_answer answer;

    raw_answer(raw, id, SIZE_MAX, &answer);
    assert_int_equal(answer.status, code);
    raw_answer_free(&answer);
}

/* Many in one read: another connection's call is served between two of them. */
static void
messages_that_inflate_let_others_go_first(void **state)
{
    struct running server;
    struct raw bomber, other;

    (void)state;
    running_start(&server, "127.0.0.1:0", NULL, note_order);
    raw_connect(&bomber, server.address);
    raw_greet(&bomber, true, 0, 0);
    raw_connect(&other, server.address);
    raw_greet(&other, true, 0, 0);
    send_bombs(&bomber);
    EVENTUALLY(atomic_load(&order.held))
    raw_call(&other, "Unary", NULL);
    raw_field(&other, "x-other", "yes");
    raw_headers(&other, RAW_END_HEADERS, 1);
    raw_text(&other, RAW_END_STREAM, 1, "hello");
    usleep(100000); /* the loop's thread waits, so it is all the same to it */
    atomic_store(&order.go, true);
    assert_answered(&other, 1, WEIR_OK);
    EVENTUALLY(atomic_load(&order.ended) == BOMBS + 1)
    assert_in_range(atomic_load(&order.others_end), 0, BOMBS / 2);
    raw_close(&other);
    raw_close(&bomber);
    running_stop(&server, WEIR_SECOND);
}

/* ---- busy loops ---- */

#define KEEN 6

static struct running busy;
static atomic_bool enough;
static atomic_uint answered;

/* Plain calls take the loop's thread for longer than a turn is young. */
static weir_code
take_long(void *self, weir_call *call, weir_next *next)
{
    int64_t until = weir_now() + WEIR_MILLISECOND;

    (void)self;
    while (weir_call_header(call, "grpc-encoding").data == NULL && weir_now() < until)
        ;
    return weir_proceed(next, call);
}

static void *
call_on_and_on(void *arg)
{
    struct raw raw;

    (void)arg;
    raw_connect(&raw, busy.address);
    raw_greet(&raw, true, 0, 0);
    for (uint32_t id = 1; !atomic_load(&enough); id += 2) {
        raw_request(&raw, id, "Unary", NULL);
        raw_text(&raw, RAW_END_STREAM, id, "hello");
        assert_answered(&raw, id, WEIR_OK);
        atomic_fetch_add(&answered, 1);
    }
    raw_close(&raw);
    return NULL;
}

/* They are not put off for as long as others keep the loop from having young turns. */
static void
messages_inflate_on_a_busy_loop(void **state)
{
    pthread_t keen[KEEN];
    struct raw bomber;

    (void)state;
    running_start(&busy, "127.0.0.1:0", NULL, take_long);
    for (int i = 0; i < KEEN; i++)
        assert_int_equal(pthread_create(&keen[i], NULL, call_on_and_on, NULL), 0);
    EVENTUALLY(atomic_load(&answered) > 100)
    raw_connect(&bomber, busy.address);
    raw_greet(&bomber, true, 0, 0);
    send_bombs(&bomber);
    for (uint32_t id = 1; id < 2 * BOMBS; id += 2)
        assert_answered(&bomber, id, WEIR_INVALID_ARGUMENT);
    atomic_store(&enough, true);
    for (int i = 0; i < KEEN; i++)
        pthread_join(keen[i], NULL);
    raw_close(&bomber);
    running_stop(&busy, WEIR_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_compresses_when_told_to),
        cmocka_unit_test(sizes_of_all_kinds),
        cmocka_unit_test(the_client_compresses_when_told_to),
        cmocka_unit_test(each_message_may_differ),
        cmocka_unit_test(too_late_on_the_client),
        cmocka_unit_test(never_to_a_client_that_does_not_list_it),
        cmocka_unit_test(no_longer_to_a_server_that_does_not_list_it),
        cmocka_unit_test(limits_on_sending),
        cmocka_unit_test(a_stream_ends_with_a_message_that_is_not_sent),
        cmocka_unit_test(messages_that_inflate_let_others_go_first),
        cmocka_unit_test(messages_inflate_on_a_busy_loop),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
