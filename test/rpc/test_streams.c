/* SPDX-License-Identifier: Apache-2.0 */
/* Long streams both ways at once, large messages, and readers that stop reading. */
#include "heap.h"
#include "raw.h"
#include "rpc/call.h"
#include "server/server.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MIB ((size_t)1024 * 1024)
#define UNREAD (8 * MIB)

static struct running running;
static weir_loop *loop;
static weir_channel *channel;
static weir_event *hold; /* what handlers of calls with x-hold wait for before they begin */

/* ---- what the server does ---- */

#define NEWS 40000
#define NEWS_SIZE 1000

/* For as long as the client likes, without ever receiving more than the request, which stays,
 * whatever was given back before it was received. */
static weir_code
tell_news(weir_call *call)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *request;

    weir_call_recycle(call);
    WEIR_TRY(weir_call_receive_one(call, &request));
    for (int i = 0; i < NEWS; i++) {
        weir_call_recycle(call);
        message.number = i;
        message.text = weir_call_printf(
            call, "%s%0*d", ((const Rpctest__Payload *)request)->text, NEWS_SIZE, i);
        if (message.text == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        WEIR_TRY(weir_call_send(call, &message.base));
    }
    return WEIR_OK;
}

/* What protobuf-c cannot pack as a text it packs as an unknown field. */
static Rpctest__Payload
with_field(ProtobufCMessageUnknownField *field)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

    message.base.n_unknown_fields = 1;
    message.base.unknown_fields = field;
    return message;
}

/* Tells of each message its text, or why there is none; at "nul" answers with one that is refused.
 */
static weir_code
tell_each(weir_call *call)
{
    ProtobufCMessageUnknownField nul = {
        1, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 4, (uint8_t *)"\3a\0b"};
    const ProtobufCMessage *message;
    const char *refusal;

    while (weir_call_receive_each(call, &message, &refusal)) {
        Rpctest__Payload reply = RPCTEST__PAYLOAD__INIT;

        if ((message == NULL) != (refusal != NULL))
            return WEIR_INTERNAL;
        if (message == NULL)
            reply.text = (char *)(uintptr_t)refusal;
        else
            reply.text = ((const Rpctest__Payload *)message)->text;
        if (strcmp(reply.text, "nul") == 0)
            reply = with_field(&nul);
        WEIR_TRY(weir_call_send(call, &reply.base));
    }
    return weir_call_code(call);
}

static weir_code
hold_back(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    if (weir_call_header(call, "x-news").data != NULL)
        return tell_news(call);
    if (weir_call_header(call, "x-each").data != NULL)
        return tell_each(call);
    if (weir_call_header(call, "x-hold").data != NULL)
        WEIR_TRY(weir_event_wait(hold, call));
    return weir_proceed(next, call);
}

static int
start(void **state)
{
    static const struct weir_server_options options = {
        .max_concurrent_streams = 200, .max_unread = UNREAD};

    (void)state;
    hold = weir_event_new();
    running_start(&running, "127.0.0.1:0", &options, hold_back);
    if (weir_loop_new(&loop) != WEIR_OK)
        return -1;
    return weir_channel_new(loop, running.address, NULL, &channel) == WEIR_OK ? 0 : -1;
}

static int
stop(void **state)
{
    int result;

    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    result = running_finish(&running);
    weir_event_unref(hold);
    return result;
}

/* ---- one way ---- */

/* The second quarter takes no more of the heap, though all of it is made in the call's memory. */
static void
news_without_end(void **state)
{
    struct rpctest_Test_Expand_client stream = {0};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply;
    weir_call *call = weir_call_new(channel, NULL);
    size_t before = 0;
    int count = 0;

    (void)state;
    request.text = "news: ";
    assert_int_equal(weir_call_add_header(call, "x-news", weir_str_of("yes")), WEIR_OK);
    assert_int_equal(rpctest_Test_Expand(call, &request, &stream), WEIR_OK);
    for (; rpctest_Test_Expand_client_recv(stream, &reply); count++) {
        assert_int_equal(reply->number, count);
        assert_int_equal(strlen(reply->text), strlen("news: ") + NEWS_SIZE);
        assert_memory_equal(reply->text, "news: 0", 7);
        assert_int_equal(strtol(reply->text + strlen("news: "), NULL, 10), count);
        if (count == NEWS / 4)
            before = heap_in_use();
        if (count == NEWS / 2)
            assert_in_range(heap_in_use(), 0, before + NEWS / 4 * NEWS_SIZE / 2);
    }
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_OK);
    assert_int_equal(count, NEWS);
    weir_call_free(call);
}

/* ---- messages with U+0000 in a text ---- */

static struct rpctest_Test_Talk_client
open_talk(const char *header)
{
    struct rpctest_Test_Talk_client stream = {0};
    weir_call *call = weir_call_new(channel, NULL);

    assert_non_null(call);
    assert_int_equal(weir_call_add_header(call, header, weir_str_of("yes")), WEIR_OK);
    assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    return stream;
}

static void
finish_talk(struct rpctest_Test_Talk_client stream, weir_code expected, const char *text)
{
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), expected);
    assert_string_equal(weir_call_message(stream.call), text);
    weir_call_free(stream.call);
}

static void
ask_text(struct rpctest_Test_Talk_client stream, const char *text)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

    message.text = (char *)(uintptr_t)text;
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
}

/* Its bytes: a length, and the text. */
static void
ask_field(struct rpctest_Test_Talk_client stream, const void *bytes, size_t len)
{
    ProtobufCMessageUnknownField field = {
        1, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, len, (uint8_t *)(uintptr_t)bytes};
    Rpctest__Payload message = with_field(&field);

    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
}

static void
hear_text(struct rpctest_Test_Talk_client stream, const char *text)
{
    const Rpctest__Payload *reply = NULL;

    assert_true(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_string_equal(reply->text, text);
}

static const char has_nul[] = "text has U+0000, which C cannot hold";

/* Plain or compressed; what is behind it comes, and what has come with it before it was received.
 */
static void
a_refused_message_does_not_end_the_stream(void **state)
{
    struct rpctest_Test_Talk_client stream = open_talk("x-each");

    (void)state;
    for (int i = 0; i < 3; i++) {
        ask_text(stream, "before");
        ask_field(stream, "\3a\0b", 4);
        ask_field(stream, "\1", 2);
        ask_text(stream, "behind");
        hear_text(stream, "before");
        hear_text(stream, has_nul);
        hear_text(stream, has_nul);
        hear_text(stream, "behind");
        assert_int_equal(
            weir_call_set_compression(stream.call, i == 0 ? WEIR_IDENTITY : WEIR_GZIP), WEIR_OK);
    }
    finish_talk(stream, WEIR_OK, "");
}

/* So many bytes that they only come because what is refused makes room for more. */
static void
large_messages_may_be_refused(void **state)
{
    struct rpctest_Test_Talk_client stream = open_talk("x-each");
    uint8_t *text = calloc(1, MIB + 4);

    (void)state;
    assert_non_null(text);
    memcpy(text, "\x80\x80\x40", 3); /* a MiB */
    memset(text + 3, 'x', MIB - 1);
    assert_int_equal(weir_call_set_compression(stream.call, WEIR_IDENTITY), WEIR_OK);
    for (int i = 0; i < 12; i++) {
        ask_field(stream, text, MIB + 3);
        hear_text(stream, has_nul);
    }
    ask_text(stream, "behind");
    hear_text(stream, "behind");
    free(text);
    finish_talk(stream, WEIR_OK, "");
}

/* Whatever else is wrong with a message, with such a text in it or not. */
static void
what_is_no_message_ends_the_stream(void **state)
{
    static const weir_str bad[] = {{"\5a\0", 3}, {"\5ab", 3}, {"\3a\0b\x0f", 5}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rpctest_Test_Talk_client stream = open_talk("x-each");

        ask_field(stream, "\3a\0b", 4);
        hear_text(stream, has_nul);
        ask_field(stream, bad[i].data, bad[i].len);
        finish_talk(stream, WEIR_INTERNAL, "the message is not a rpctest.Payload");
    }
}

/* Who does not ask for more is not given it; nor is a client. */
static void
without_asking_a_refused_message_ends_the_stream(void **state)
{
    struct rpctest_Test_Talk_client stream = open_talk("x-plain");
    const ProtobufCMessage *message;
    const char *refusal;

    (void)state;
    ask_field(stream, "\3a\0b", 4);
    finish_talk(stream, WEIR_INVALID_ARGUMENT, has_nul);

    stream = open_talk("x-each");
    ask_text(stream, "yes");
    assert_true(weir_call_receive_each(stream.call, &message, &refusal));
    assert_null(refusal);
    ask_text(stream, "nul");
    assert_false(weir_call_receive_each(stream.call, &message, &refusal));
    finish_talk(stream, WEIR_INTERNAL, has_nul);
}

/* ---- both ways at once ---- */

struct talk {
    struct rpctest_Test_Talk_client stream;
    uint8_t *data;
    size_t size;
    unsigned count, sent, received;
    uint64_t sent_sum, received_sum;
};

/* All of a small message, every 61st byte of a large one. */
static uint64_t
add_up(uint64_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i<len; i += len> 1000 ? 61 : 1)
        sum = sum * 31 + data[i];
    return sum;
}

static bool
send_next(struct talk *talk)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

    for (size_t i = 0; i < talk->size; i += 1 + talk->size / 64)
        talk->data[i] = (uint8_t)(talk->sent * 7 + i * 13);
    message.text = "n";
    message.data.data = talk->data;
    message.data.len = talk->size;
    if (rpctest_Test_Talk_client_send(talk->stream, &message) != WEIR_OK)
        return false;
    talk->sent_sum = add_up(talk->sent_sum, talk->data, talk->size);
    talk->sent++;
    return true;
}

/* A fiber beside the one who receives. */
static void
send_all(void *arg)
{
    struct talk *talk = arg;

    while (talk->sent < talk->count && send_next(talk))
        continue;
}

static void
receive_next(struct talk *talk)
{
    const Rpctest__Payload *reply = NULL;

    assert_true(rpctest_Test_Talk_client_recv(talk->stream, &reply));
    assert_string_equal(reply->text, "re: n");
    assert_int_equal(reply->data.len, talk->size);
    talk->received_sum = add_up(talk->received_sum, reply->data.data, reply->data.len);
    talk->received++;
}

/* After the first quarter the heap grows no more. */
static void
talk_for(unsigned count, size_t size, size_t growth)
{
    struct talk talk = {.count = count, .size = size, .data = calloc(1, size)};
    weir_call *call = weir_call_new(channel, NULL);
    size_t before = 0;

    assert_int_equal(rpctest_Test_Talk(call, &talk.stream), WEIR_OK);
    assert_int_equal(weir_loop_spawn(loop, send_all, &talk), WEIR_OK);
    while (talk.received < count) {
        receive_next(&talk);
        if (talk.received == count / 4)
            before = heap_in_use();
    }
    assert_true(heap_in_use() < before + growth);
    assert_int_equal(rpctest_Test_Talk_client_finish(talk.stream), WEIR_OK);
    assert_int_equal(talk.sent, count);
    assert_true(talk.sent_sum == talk.received_sum);
    weir_call_free(call);
    free(talk.data);
}

static void
many_small_messages(void **state)
{
    (void)state;
    talk_for(100000, 32, 4 * MIB);
}

static void
large_messages(void **state)
{
    (void)state;
    talk_for(24, 4 * MIB - 100, 32 * MIB);
    talk_for(200, 100000, 4 * MIB);
}

/* ---- readers that stop ---- */

#define STREAMS 100
#define MESSAGES 200
#define SIZE 1000

static void
open_expand(struct rpctest_Test_Expand_client *out_stream)
{
    static uint8_t data[SIZE];
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    weir_call *call = weir_call_new(channel, NULL);

    request.number = MESSAGES;
    request.data.data = data;
    request.data.len = SIZE;
    assert_int_equal(rpctest_Test_Expand(call, &request, out_stream), WEIR_OK);
}

static void
read_all(struct rpctest_Test_Expand_client stream)
{
    const Rpctest__Payload *message = NULL;
    int count = 0;

    while (rpctest_Test_Expand_client_recv(stream, &message))
        assert_int_equal(message->number, count++);
    assert_int_equal(count, MESSAGES);
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_OK);
    weir_call_free(stream.call);
}

/* What waits for the one who does not read is bounded by that stream's window. */
static void
a_client_that_does_not_read_one_stream(void **state)
{
    struct rpctest_Test_Expand_client streams[STREAMS];
    unsigned before = running.seen.ended;

    (void)state;
    for (unsigned i = 0; i < STREAMS; i++)
        open_expand(&streams[i]);
    for (unsigned i = 1; i < STREAMS; i++)
        read_all(streams[i]);
    assert_int_equal(running.seen.ended - before, STREAMS - 1);
    assert_in_range(buf_len(&streams[0].call->incoming), 64 * 1024 - 2 * SIZE, 64 * 1024);
    read_all(streams[0]);
    assert_int_equal(running.seen.ended - before, STREAMS);
}

static unsigned
send_until_stuck(struct rpctest_Test_Collect_client stream)
{
    static uint8_t data[SIZE];
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    unsigned sent = 0;

    message.data.data = data;
    message.data.len = SIZE;
    while (sent < 1000 && rpctest_Test_Collect_client_send(stream, &message) == WEIR_OK)
        sent++;
    return sent;
}

static void
collect_all(struct rpctest_Test_Collect_client stream)
{
    const Rpctest__Payload *sum = NULL;

    assert_int_equal(send_until_stuck(stream), 1000);
    assert_int_equal(rpctest_Test_Collect_client_finish(stream, &sum), WEIR_OK);
    assert_string_equal(sum->text, "1000");
    weir_call_free(stream.call);
}

/* What a stream takes whose handler reads nothing, until its deadline ends it. */
static unsigned
send_to_the_deaf(int64_t timeout)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    weir_call *call = weir_call_new(channel, NULL);
    unsigned sent;

    weir_call_set_timeout(call, timeout);
    assert_int_equal(weir_call_add_header(call, "x-hold", weir_str_of("1")), WEIR_OK);
    assert_int_equal(rpctest_Test_Collect(call, &stream), WEIR_OK);
    sent = send_until_stuck(stream);
    assert_int_equal(weir_call_code(call), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
    return sent;
}

static void
a_server_that_does_not_read_one_stream(void **state)
{
    struct rpctest_Test_Collect_client streams[19];
    int64_t timeout = 200 * WEIR_MILLISECOND;
    unsigned sent;

    (void)state;
    for (unsigned i = 0; i < 19; i++)
        assert_int_equal(rpctest_Test_Collect(weir_call_new(channel, NULL), &streams[i]), WEIR_OK);
    while ((sent = send_to_the_deaf(timeout)) < 60 && timeout < 20 * WEIR_SECOND)
        timeout *= 2; /* the machine was too slow for so many in this time */
    assert_in_range(sent, 60, 70);
    for (unsigned i = 0; i < 19; i++)
        collect_all(streams[i]);
}

/* ---- the budget of a server ---- */

#define ANNOUNCED 0x300000 /* 3 MiB, of each message */
#define PIECE 16000        /* bytes, below the largest frame */
#define BEGUN (3 * PIECE)  /* below the window that every stream has */

/* The beginnings of so many messages: the prefix, and so much of the content. */
static void
announce(struct raw *raw, uint32_t first, unsigned count, size_t len)
{
    static const uint8_t prefix[] = {0, 0, ANNOUNCED >> 16, 0, 0}, content[PIECE];

    for (uint32_t id = first; id < first + 2 * count; id += 2) {
        raw_request(raw, id, "Unary", NULL);
        raw_frame(raw, RAW_DATA, 0, id, prefix, sizeof(prefix));
        for (size_t sent = 0; sent < len; sent += PIECE)
            raw_frame(raw, RAW_DATA, 0, id, content, PIECE);
    }
}

static void
give_up(struct raw *raw, uint32_t first, unsigned count)
{
    for (uint32_t id = first; id < first + 2 * count; id += 2)
        raw_number(raw, RAW_RST_STREAM, id, H2_CANCEL);
}

/* How many of them the server makes room for. The others are refused, and one of them may have been
 * let send some more before, when a part of its beginning had come. */
static unsigned
count_granted(struct raw *raw, unsigned count)
{
    static struct raw_frame frame;
    unsigned refused = 0;

    raw_frame(raw, RAW_PING, 0, 0, "settled?", 8);
    while (raw_next(raw, &frame) && (frame.type != RAW_PING || (frame.flags & RAW_ACK) == 0))
        refused += frame.type == RAW_HEADERS && (frame.flags & RAW_END_STREAM) != 0;
    return count - refused;
}

static uint64_t
hits(void)
{
    struct weir_server_stats stats;

    weir_server_stats(running.server, &stats);
    return stats.limit_hits[WEIR_LIMIT_UNREAD];
}

/* The budget is lent for what has come, not for what was announced. */
static void
announcing_takes_nothing(void **state)
{
    static struct raw_frame frame;
    size_t before = heap_in_use();
    uint64_t hit = hits();
    struct raw raw;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    announce(&raw, 1, 150, 0);
    raw_frame(&raw, RAW_PING, 0, 0, "settled?", 8);
    while (raw_next(&raw, &frame) && (frame.type != RAW_PING || (frame.flags & RAW_ACK) == 0))
        assert_false(frame.type == RAW_WINDOW_UPDATE && frame.id != 0);
    assert_int_equal(hits(), hit);
    assert_true(heap_in_use() < before + MIB);
    talk_for(4, 3 * MIB, 32 * MIB); /* others are not in their way */
    give_up(&raw, 1, 150);
    raw_close(&raw);
}

/* Large requests of which only the beginning comes: each may send sixteen times as much, which is
 * lent; only four times as much once half of the budget is. */
static void
more_unread_than_the_server_bears(void **state)
{
    uint64_t hit = hits();
    unsigned granted;
    struct raw raw;

    (void)state;
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    announce(&raw, 1, 200, BEGUN);
    granted = count_granted(&raw, 200);
    assert_in_range(granted, UNREAD / 2 / (16 * BEGUN) + UNREAD / 2 / (4 * BEGUN), 199);
    assert_int_equal(hits() - hit, 200 - granted);
    give_up(&raw, 1, 200);
    /* Not quite as many: one of which less had come when it was granted was lent less. */
    granted -= granted / 8;
    announce(&raw, 401, granted, BEGUN);
    assert_int_equal(count_granted(&raw, granted), granted);
    raw_close(&raw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_without_end),
        cmocka_unit_test(a_refused_message_does_not_end_the_stream),
        cmocka_unit_test(large_messages_may_be_refused),
        cmocka_unit_test(what_is_no_message_ends_the_stream),
        cmocka_unit_test(without_asking_a_refused_message_ends_the_stream),
        cmocka_unit_test(many_small_messages),
        cmocka_unit_test(large_messages),
        cmocka_unit_test(a_client_that_does_not_read_one_stream),
        cmocka_unit_test(a_server_that_does_not_read_one_stream),
        cmocka_unit_test(announcing_takes_nothing),
        cmocka_unit_test(more_unread_than_the_server_bears),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
