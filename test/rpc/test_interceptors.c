/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's interceptors see and choose of a call: messages, metadata, the peer,
 * compression. */
#include "client.h"
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

/* ---- messages and metadata ---- */

struct watch {
    unsigned sent, received;
    unsigned refuse_at; /* of those received; 0: none */
};

static weir_code
see_sent(void *self, weir_call *call, const ProtobufCMessage *message)
{
    struct watch *watch = self;

    (void)call;
    assert_ptr_equal(message->descriptor, &rpctest__payload__descriptor);
    watch->sent++;
    return WEIR_OK;
}

static weir_code
see_received(void *self, weir_call *call, const ProtobufCMessage *message)
{
    struct watch *watch = self;

    assert_ptr_equal(message->descriptor, &rpctest__payload__descriptor);
    if (++watch->received == watch->refuse_at)
        return weir_fail(call, WEIR_OUT_OF_RANGE, "one too many");
    return WEIR_OK;
}

static const struct weir_watcher watcher = {.sending = see_sent, .received = see_received};

static weir_code
watch_all(void *self, weir_call *call, weir_next *next)
{
    WEIR_TRY(weir_call_add_header(call, "x-from", weir_str_of("the chain")));
    WEIR_TRY(weir_call_watch(call, &watcher, self));
    return weir_proceed(next, call);
}

static void
streams_are_watched(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_RESET, .code = H2_REFUSED_STREAM, .after = 12}, {.act = SCRIPT_ANSWER}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct watch watch = {.sent = 0};
        struct scripted server;
        struct client client;
        struct kinds_outcome outcome;

        scripted_start(&server, steps, COUNT(steps));
        open_client(&client, server.address, NULL);
        wrap(&client, watch_all, &watch);
        outcome = kinds_call(client.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(watch.sent,
            kinds[i] == WEIR_UNARY || kinds[i] == WEIR_SERVER_STREAM ? 1 : KINDS_MESSAGES);
        assert_int_equal(watch.received, 1);
        close_client(&client);
        scripted_stop(&server);
    }
}

static void
watchers_end_streams(void **state)
{
    struct watch watch = {.refuse_at = 2};
    struct running running;
    struct client client;
    struct kinds_outcome outcome;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, NULL);
    wrap(&client, watch_all, &watch);
    outcome = kinds_call(client.channel, WEIR_BIDI_STREAM, PATIENCE);
    assert_int_equal(outcome.code, WEIR_OUT_OF_RANGE);
    assert_string_equal(outcome.message, "one too many");
    assert_int_equal(outcome.received, 1);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

/* Headers and trailers of the attempt that counts are the user's. */
static void
metadata_comes_through_the_chain(void **state)
{
    struct watch watch = {.sent = 0};
    const Rpctest__Payload *response;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    struct running running;
    struct client client;
    weir_call *call;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, NULL);
    wrap(&client, watch_all, &watch);
    call = weir_call_new(client.channel, NULL);
    assert_int_equal(weir_call_add_header(call, "x-mine", weir_str_of("1")), WEIR_OK);
    request.text = "metadata";
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    assert_true(weir_str_equal(weir_call_header(call, "echo-x-from"), weir_str_of("the chain")));
    assert_true(weir_str_equal(weir_call_header(call, "echo-x-mine"), weir_str_of("1")));
    assert_true(weir_str_equal(weir_call_trailer(call, "trail-x-from"), weir_str_of("the chain")));
    weir_call_free(call);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

struct mover {
    struct scripted server;
    bool moved;
};

/* The first server goes away between two attempts. */
static weir_code
move_on(void *self, weir_call *call, weir_next *next)
{
    struct mover *mover = self;
    weir_code code = weir_proceed(next, call);

    if (code != WEIR_UNAVAILABLE || mover->moved)
        return code;
    mover->moved = true;
    scripted_stop(&mover->server);
    return weir_proceed(next, call);
}

/* Whoever has answered, not whoever was asked first. */
static void
peers_are_those_of_the_last_attempt(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_HANG_UP}, {.act = SCRIPT_SILENCE}},
                                    answer = {.act = SCRIPT_ANSWER};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome = {.code = WEIR_OK};
        struct mover mover = {.moved = false};
        struct scripted second;
        struct client client;
        char target[128], expected[64];
        weir_call *call;

        scripted_start(&mover.server, steps, COUNT(steps));
        scripted_start(&second, &answer, 1);
        snprintf(target, sizeof(target), "ipv4:%s,%s", mover.server.address, second.address);
        snprintf(expected, sizeof(expected), "ipv4:%s", second.address);
        open_client(&client, target, NULL);
        wrap(&client, move_on, &mover);
        call = weir_call_new(client.channel, NULL);
        weir_call_set_wait_for_ready(call, true);
        assert_int_equal(kinds_run(call, kinds[i], &outcome), WEIR_OK);
        assert_true(mover.moved);
        assert_string_equal(weir_call_peer(call), expected);
        weir_call_free(call);
        close_client(&client);
        scripted_stop(&second);
    }
}

static weir_code
compress(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    WEIR_TRY(weir_call_set_compression(call, WEIR_GZIP));
    return weir_proceed(next, call);
}

static void
interceptors_choose_compression(void **state)
{
    static const struct script_step answer = {.act = SCRIPT_ANSWER};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome;
        struct scripted server;
        struct client client;

        scripted_start(&server, &answer, 1);
        open_client(&client, server.address, NULL);
        wrap(&client, compress, NULL);
        outcome = kinds_call(client.channel, kinds[i], PATIENCE);
        kinds_check_whole(&outcome, kinds[i]);
        assert_int_equal(buf_head(&server.requests[0].data)[0], 1); /* the flag */
        close_client(&client);
        scripted_stop(&server);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_watched),
        cmocka_unit_test(watchers_end_streams),
        cmocka_unit_test(metadata_comes_through_the_chain),
        cmocka_unit_test(peers_are_those_of_the_last_attempt),
        cmocka_unit_test(interceptors_choose_compression),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
