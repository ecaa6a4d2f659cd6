/* SPDX-License-Identifier: Apache-2.0 */
/* Large answers: after one of them the client lets the next one in together with its request. */
#include "base/bytes.h"
#include "raw.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { CALLS = 20, LARGE = 200000, WINDOW = 65536 };

/* Answers requests, one after the other, on streams 1, 3, and so on. */
struct server {
    int listener;
    char address[32];
    pthread_t thread;
    size_t sizes[CALLS]; /* bytes of each answer */
    size_t early[CALLS]; /* so many more the client let in on the stream with its request */
    struct raw_frame frame;
};

static size_t
increment(const struct raw_frame *frame)
{
    return load_be32(frame->payload) & 0x7fffffff;
}

/* Until the request is whole. False: the client has gone. */
static bool
take_request(struct server *server, struct raw *raw, uint32_t id, size_t *out_early)
{
    const struct raw_frame *frame = &server->frame;

    *out_early = 0;
    while (raw_next(raw, &server->frame)) {
        if (frame->type == RAW_WINDOW_UPDATE && frame->id == id)
            *out_early += increment(frame);
        if (frame->type == RAW_DATA && frame->id == id && (frame->flags & RAW_END_STREAM) != 0)
            return true;
    }
    return false;
}

/* A Payload of `size` bytes of data in frames, no more than the windows let. The connection's is
 * never in the way. */
static void
answer(struct server *server, struct raw *raw, uint32_t id, size_t size, size_t window)
{
    static uint8_t bytes[5 + 4 + LARGE];
    size_t len = 9 + size, at = 0;

    store_be32(bytes + 1, (uint32_t)(4 + size));
    bytes[5] = 0x12; /* data, and its length in three bytes */
    bytes[6] = (uint8_t)(size | 0x80);
    bytes[7] = (uint8_t)(size >> 7 | 0x80);
    bytes[8] = (uint8_t)(size >> 14);
    raw_response(raw, id);
    while (at < len) {
        size_t piece = len - at < 16384 ? len - at : 16384;

        if (piece > window)
            piece = window;
        if (piece > 0)
            raw_frame(raw, RAW_DATA, 0, id, bytes + at, piece);
        at += piece;
        window -= piece;
        while (window == 0 && at < len && raw_next(raw, &server->frame))
            if (server->frame.type == RAW_WINDOW_UPDATE && server->frame.id == id)
                window += increment(&server->frame);
    }
    raw_trailers(raw, id, "0");
}

static void *
serve(void *arg)
{
    struct server *server = arg;
    struct raw raw;

    raw_accept(&raw, server->listener);
    raw_greet(&raw, false, 0, 0);
    for (uint32_t i = 0; i < CALLS; i++) {
        if (!take_request(server, &raw, 2 * i + 1, &server->early[i]))
            break;
        answer(server, &raw, 2 * i + 1, server->sizes[i], WINDOW - 1 + server->early[i]);
    }
    while (raw_next(&raw, &server->frame))
        continue;
    raw_close(&raw);
    return NULL;
}

static void
ask(weir_channel *channel, size_t size)
{
    weir_call *call = weir_call_new(channel, NULL);
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;

    assert_non_null(call);
    weir_call_set_timeout(call, 100 * WEIR_SECOND);
    request.text = (char *)(uintptr_t) "please";
    assert_int_equal(rpctest_Test_Unary(call, &request, &reply), WEIR_OK);
    assert_int_equal(reply->data.len, size);
    weir_call_free(call);
}

/* An answer of each size, one call after the other. */
static void
play(struct server *server)
{
    weir_loop *loop;
    weir_channel *channel;

    server->listener = raw_listen(server->address);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, server->address, NULL, &channel), WEIR_OK);
    for (size_t i = 0; i < CALLS; i++)
        ask(channel, server->sizes[i]);
    weir_channel_free(channel);
    weir_loop_free(loop);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static void
the_next_answer_is_let_in_at_once(void **state)
{
    static struct server server;

    (void)state;
    for (size_t i = 0; i < CALLS; i++)
        server.sizes[i] = LARGE;
    play(&server);
    assert_int_equal(server.early[0], 0);
    /* The client's streams begin with WINDOW bytes, or with one less until it is acknowledged. */
    for (size_t i = 1; i < CALLS; i++)
        assert_in_range(server.early[i] + WINDOW, LARGE + 9, LARGE + 100);
}

/* One large answer among small ones is forgotten. */
static void
a_large_answer_is_forgotten(void **state)
{
    static struct server server;

    (void)state;
    for (size_t i = 0; i < CALLS; i++)
        server.sizes[i] = i == 0 ? LARGE : 20000;
    play(&server);
    for (size_t i = 1; i <= 16; i++)
        assert_true(server.early[i] > 0);
    for (size_t i = 17; i < CALLS; i++)
        assert_int_equal(server.early[i], 0);
}

/* What fits into the window needs no foresight. */
static void
small_answers_are_not_foreseen(void **state)
{
    static struct server server;

    (void)state;
    for (size_t i = 0; i < CALLS; i++)
        server.sizes[i] = 60000;
    play(&server);
    for (size_t i = 0; i < CALLS; i++)
        assert_int_equal(server.early[i], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_answer_is_let_in_at_once),
        cmocka_unit_test(a_large_answer_is_forgotten),
        cmocka_unit_test(small_answers_are_not_foreseen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
