/* SPDX-License-Identifier: Apache-2.0 */
/* A client's interceptors, and the attempts they make: on all four kinds of call, against servers
 * that fail as a script says. */
#include "client.h"
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

/* ---- what interceptors see ---- */

struct record {
    char text[256];
    size_t len;
};

static void
note(struct record *record, const char *what, int number)
{
    record->len += (size_t)snprintf(
        record->text + record->len, sizeof(record->text) - record->len, "%s%d ", what, number);
}

static weir_code
outer(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    assert_false(weir_call_is_server(call));
    assert_true(weir_call_known(call));
    note(self, "outer:", (int)weir_call_kind(call));
    code = weir_proceed(next, call);
    note(self, "outer=", (int)code);
    return code;
}

static weir_code
inner(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    note(self, "inner:", (int)weir_call_kind(call));
    code = weir_proceed(next, call);
    note(self, "inner=", (int)code);
    assert_string_not_equal(weir_call_peer(call), "");
    return code;
}

static void
chains_go_around_all_kinds(void **state)
{
    struct record record = {.len = 0};
    struct running running;
    struct client client;
    char expected[64];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, NULL);
    wrap(&client, outer, &record);
    wrap(&client, inner, &record);
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome = kinds_call(client.channel, kinds[i], PATIENCE);

        kinds_check_whole(&outcome, kinds[i]);
        snprintf(expected, sizeof(expected), "outer:%d inner:%d inner=0 outer=0 ", (int)kinds[i],
            (int)kinds[i]);
        assert_string_equal(record.text, expected);
        record.len = 0;
    }
    close_client(&client);
    running_stop(&running, PATIENCE);
}

/* ---- interceptors that answer, and that change the status ---- */

static weir_code
refuse(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    (void)next;
    return weir_fail(call, WEIR_PERMISSION_DENIED, "not from here");
}

static weir_code
rename_status(void *self, weir_call *call, weir_next *next)
{
    weir_code code = weir_proceed(next, call);

    (void)self;
    return code == WEIR_OK ? WEIR_OK
                           : weir_fail(call, WEIR_DATA_LOSS, "was: %s", weir_call_message(call));
}

static void
check_status(weir_interceptor *interceptor, weir_code code, const char *message, size_t requests)
{
    static const struct script_step steps[] = {{.act = SCRIPT_FAIL, .code = WEIR_NOT_FOUND}};

    for (size_t i = 0; i < KINDS; i++) {
        struct scripted server;
        struct client client;
        struct kinds_outcome outcome;

        scripted_start(&server, steps, COUNT(steps));
        open_client(&client, server.address, NULL);
        wrap(&client, interceptor, NULL);
        outcome = kinds_call(client.channel, kinds[i], PATIENCE);
        assert_int_equal(outcome.code, code);
        assert_string_equal(outcome.message, message);
        assert_int_equal(server.count, requests);
        close_client(&client);
        scripted_stop(&server);
    }
}

static void
what_the_chain_returns_is_the_status(void **state)
{
    (void)state;
    check_status(refuse, WEIR_PERMISSION_DENIED, "not from here", 0);
    check_status(rename_status, WEIR_DATA_LOSS, "was: scripted", 1);
}

/* OK without an answer is no answer where there must be one. */
static weir_code
say_ok(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    (void)call;
    (void)next;
    return WEIR_OK;
}

static void
ok_needs_a_response(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_ANSWER}};
    struct scripted server;
    struct client client;

    (void)state;
    scripted_start(&server, steps, COUNT(steps));
    open_client(&client, server.address, NULL);
    wrap(&client, say_ok, NULL);
    assert_int_equal(kinds_call(client.channel, WEIR_UNARY, PATIENCE).code, WEIR_INTERNAL);
    assert_int_equal(kinds_call(client.channel, WEIR_CLIENT_STREAM, PATIENCE).code, WEIR_INTERNAL);
    assert_int_equal(kinds_call(client.channel, WEIR_SERVER_STREAM, PATIENCE).code, WEIR_OK);
    assert_int_equal(kinds_call(client.channel, WEIR_BIDI_STREAM, PATIENCE).code, WEIR_OK);
    assert_int_equal(server.count, 0);
    close_client(&client);
    scripted_stop(&server);
}

/* ---- attempts ---- */

static weir_code
persist(void *self, weir_call *call, weir_next *next)
{
    unsigned *attempts = self;
    weir_code code = WEIR_OK;

    for (unsigned i = 0; i < 4; i++) {
        code = weir_proceed(next, call);
        ++*attempts;
        if (code == WEIR_OK || weir_call_committed(call))
            break;
    }
    return code;
}

static void
check_same_bytes(const struct scripted *server, size_t count)
{
    const struct buf *last = &server->requests[count - 1].data;

    assert_true(buf_len(last) > 0);
    for (size_t i = 0; i < count; i++) {
        const struct buf *data = &server->requests[i].data;

        assert_true(buf_len(data) <= buf_len(last));
        assert_memory_equal(buf_head(data), buf_head(last), buf_len(data));
    }
}

/* Wherever in the request the failure comes, the next attempt sends all of it. */
static void
check_replay(weir_method_kind kind, enum script_act act, int code, size_t after)
{
    const struct script_step steps[] = {
        {act, code, after, NULL}, {act, code, after, NULL}, {.act = SCRIPT_ANSWER}};
    unsigned attempts = 0;
    struct scripted server;
    struct client client;
    struct kinds_outcome outcome;

    scripted_start(&server, steps, COUNT(steps));
    open_client(&client, server.address, NULL);
    wrap(&client, persist, &attempts);
    outcome = kinds_call(client.channel, kind, PATIENCE);
    kinds_check_whole(&outcome, kind);
    assert_int_equal(attempts, 3);
    assert_int_equal(server.count, 3);
    assert_string_equal(server.requests[0].previous, "");
    assert_string_equal(server.requests[1].previous, "1");
    assert_string_equal(server.requests[2].previous, "2");
    check_same_bytes(&server, 3);
    close_client(&client);
    scripted_stop(&server);
}

static void
all_kinds_are_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t after = 0; after <= 12; after += 6) {
            check_replay(kinds[i], SCRIPT_FAIL, WEIR_UNAVAILABLE, after);
            check_replay(kinds[i], SCRIPT_RESET, H2_INTERNAL_ERROR, after);
        }
    }
}

static void
a_response_commits(void **state)
{
    static const enum script_act acts[] = {SCRIPT_FAIL_LATE, SCRIPT_MESSAGE_FAIL};

    (void)state;
    for (size_t i = 0; i < KINDS * COUNT(acts); i++) {
        const struct script_step step = {
            .act = acts[i / KINDS], .code = WEIR_UNAVAILABLE, .after = 12};
        weir_method_kind kind = kinds[i % KINDS];
        unsigned attempts = 0;
        struct scripted server;
        struct client client;
        struct kinds_outcome outcome;

        scripted_start(&server, &step, 1);
        open_client(&client, server.address, NULL);
        wrap(&client, persist, &attempts);
        outcome = kinds_call(client.channel, kind, PATIENCE);
        assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
        assert_string_equal(outcome.message, "scripted");
        assert_int_equal(attempts, 1);
        assert_int_equal(server.count, 1);
        close_client(&client);
        scripted_stop(&server);
    }
}

/* ---- what is kept has a limit ---- */

/* Send so many bytes, in messages of 1000, on a stream whose first attempt fails after half of
 * them. */
static weir_code
send_much(weir_channel *channel, size_t bytes, size_t *out_requests, const struct scripted *server)
{
    static uint8_t filler[1000];
    struct rpctest_Test_Collect_client stream = {NULL};
    const Rpctest__Payload *response;
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    weir_call_set_timeout(call, PATIENCE);
    assert_int_equal(rpctest_Test_Collect(call, &stream), WEIR_OK);
    for (size_t sent = 0; sent < bytes; sent += sizeof(filler)) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        memset(filler, (int)(sent / sizeof(filler)), sizeof(filler));
        message.data = (ProtobufCBinaryData){sizeof(filler), filler};
        if (rpctest_Test_Collect_client_send(stream, &message) != WEIR_OK)
            break;
    }
    code = rpctest_Test_Collect_client_finish(stream, &response);
    *out_requests = server->count;
    weir_call_free(call);
    return code;
}

static void
check_limit(size_t limit, size_t bytes, weir_code expected, size_t expected_requests)
{
    const struct weir_channel_options options = {.retry_buffer = limit};
    const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .after = bytes}, {.act = SCRIPT_ANSWER}};
    unsigned attempts = 0;
    size_t requests;
    struct scripted server;
    struct client client;

    scripted_start(&server, steps, COUNT(steps));
    open_client(&client, server.address, &options);
    wrap(&client, persist, &attempts);
    assert_int_equal(send_much(client.channel, bytes, &requests, &server), expected);
    assert_int_equal(requests, expected_requests);
    if (expected_requests == 2)
        check_same_bytes(&server, 2);
    close_client(&client);
    scripted_stop(&server);
}

static void
more_than_is_kept_commits(void **state)
{
    (void)state;
    check_limit(20000, 10000, WEIR_OK, 2);
    check_limit(20000, 40000, WEIR_UNAVAILABLE, 1);
    check_limit(0, 200000, WEIR_OK, 2); /* the default, past the window */
    check_limit(0, 400000, WEIR_UNAVAILABLE, 1);
}

/* The one request of a server stream may be larger than what is kept: it is sent, but once. */
static void
large_requests_are_sent_once(void **state)
{
    static uint8_t filler[100000];
    static const struct weir_channel_options options = {.retry_buffer = 1000};
    static const struct script_step steps[] = {
        {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE, .after = sizeof(filler)},
        {.act = SCRIPT_ANSWER}};
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    unsigned attempts = 0;
    struct scripted server;
    struct client client;
    weir_call *call;

    (void)state;
    scripted_start(&server, steps, COUNT(steps));
    open_client(&client, server.address, &options);
    wrap(&client, persist, &attempts);
    call = weir_call_new(client.channel, NULL);
    request.data = (ProtobufCBinaryData){sizeof(filler), filler};
    (void)!rpctest_Test_Expand(call, &request, &stream);
    assert_int_equal(rpctest_Test_Expand_client_finish(stream), WEIR_UNAVAILABLE);
    assert_int_equal(attempts, 1);
    assert_true(buf_len(&server.requests[0].data) > sizeof(filler));
    weir_call_free(call);
    close_client(&client);
    scripted_stop(&server);
}

/* ---- transparent retries ---- */

static void
check_unseen(weir_method_kind kind, enum script_act act, size_t after, bool chained)
{
    const struct script_step steps[] = {
        {act, H2_REFUSED_STREAM, after, NULL}, {.act = SCRIPT_ANSWER}};
    struct record record = {.len = 0};
    struct scripted server;
    struct client client;
    struct kinds_outcome outcome;

    scripted_start(&server, steps, COUNT(steps));
    open_client(&client, server.address, NULL);
    if (chained)
        wrap(&client, outer, &record);
    outcome = kinds_call(client.channel, kind, PATIENCE);
    kinds_check_whole(&outcome, kind);
    assert_int_equal(server.count, 2);
    assert_string_equal(server.requests[1].previous, "");
    assert_true(buf_len(&server.requests[1].data) >= buf_len(&server.requests[0].data));
    close_client(&client);
    scripted_stop(&server);
}

/* gRFC A6: what the server has never seen goes to it again, and no interceptor notices. */
static void
unseen_calls_of_all_kinds_are_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        for (size_t after = 0; after <= 12; after += 12) {
            check_unseen(kinds[i], SCRIPT_RESET, after, false);
            check_unseen(kinds[i], SCRIPT_RESET, after, true);
            check_unseen(kinds[i], SCRIPT_GOAWAY, after, false);
            check_unseen(kinds[i], SCRIPT_GOAWAY, after, true);
        }
    }
}

static void
unseen_twice_is_unavailable(void **state)
{
    static const struct script_step step = {.act = SCRIPT_RESET, .code = H2_REFUSED_STREAM};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct scripted server;
        struct client client;

        scripted_start(&server, &step, 1);
        open_client(&client, server.address, NULL);
        assert_int_equal(kinds_call(client.channel, kinds[i], PATIENCE).code, WEIR_UNAVAILABLE);
        assert_int_equal(server.count, 2);
        close_client(&client);
        scripted_stop(&server);
    }
}

/* ---- time ---- */

static weir_code
hurry(void *self, weir_call *call, weir_next *next)
{
    weir_call_set_attempt_timeout(call, 50 * WEIR_MILLISECOND);
    return persist(self, call, next);
}

static void
attempts_have_deadlines_of_their_own(void **state)
{
    static const struct script_step steps[] = {
        {.act = SCRIPT_SILENCE}, {.act = SCRIPT_SILENCE}, {.act = SCRIPT_ANSWER}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        unsigned attempts = 0;
        struct scripted server;
        struct client client;
        struct kinds_outcome outcome;

        scripted_start(&server, steps, COUNT(steps));
        open_client(&client, server.address, NULL);
        wrap(&client, hurry, &attempts);
        outcome = kinds_call(client.channel, kinds[i], PATIENCE);
        if (outcome.code != WEIR_DEADLINE_EXCEEDED) /* on a machine that slept */
            kinds_check_whole(&outcome, kinds[i]);
        assert_true(attempts >= 3);
        assert_string_not_equal(server.requests[0].timeout, "");
        close_client(&client);
        scripted_stop(&server);
    }
}

static weir_code
limit(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    weir_call_set_timeout(call, 30 * WEIR_MILLISECOND);
    return weir_proceed(next, call);
}

static weir_code
sleep_between(void *self, weir_call *call, weir_next *next)
{
    weir_code code = weir_proceed(next, call);

    atomic_store((atomic_bool *)self, true);
    if (code == WEIR_UNAVAILABLE && weir_call_sleep(call, 1000 * PATIENCE) != WEIR_OK)
        return weir_call_code(call);
    return code;
}

/* Set by an interceptor, or by the caller while an interceptor sleeps. */
static void
deadlines_end_calls_and_naps(void **state)
{
    static const struct script_step silence = {.act = SCRIPT_SILENCE},
                                    failure = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < KINDS * 2; i++) {
        atomic_bool slept = false;
        bool by_caller = i >= KINDS;
        struct scripted server;
        struct client client;
        struct kinds_outcome outcome;

        scripted_start(&server, by_caller ? &failure : &silence, 1);
        open_client(&client, server.address, NULL);
        wrap(&client, by_caller ? sleep_between : limit, &slept);
        outcome = kinds_call(
            client.channel, kinds[i % KINDS], by_caller ? 100 * WEIR_MILLISECOND : PATIENCE);
        assert_int_equal(outcome.code, WEIR_DEADLINE_EXCEEDED);
        assert_string_equal(outcome.message, "deadline exceeded");
        close_client(&client);
        scripted_stop(&server);
    }
}

static weir_code
wait_forever(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    (void)next;
    return weir_call_sleep(call, 1000 * PATIENCE);
}

/* An interceptor further in waits without proceeding. */
static void
deadlines_of_outer_interceptors_end_inner_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct client client;

        open_client(&client, "127.0.0.1:1", NULL);
        wrap(&client, limit, NULL);
        wrap(&client, wait_forever, NULL);
        assert_int_equal(
            kinds_call(client.channel, kinds[i], PATIENCE).code, WEIR_DEADLINE_EXCEEDED);
        close_client(&client);
    }
}

/* ---- ends from outside ---- */

struct canceller {
    pthread_t thread;
    weir_call *call;
    atomic_bool *when;
};

static void *
cancel_soon(void *arg)
{
    struct canceller *canceller = arg;

    EVENTUALLY(atomic_load(canceller->when));
    weir_call_cancel(canceller->call);
    return NULL;
}

static void
cancelling_wakes_the_chain(void **state)
{
    static const struct script_step failure = {.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome = {.code = WEIR_OK};
        atomic_bool slept = false;
        struct canceller canceller = {.when = &slept};
        struct scripted server;
        struct client client;

        scripted_start(&server, &failure, 1);
        open_client(&client, server.address, NULL);
        wrap(&client, sleep_between, &slept);
        canceller.call = weir_call_new(client.channel, NULL);
        assert_int_equal(pthread_create(&canceller.thread, NULL, cancel_soon, &canceller), 0);
        assert_int_equal(kinds_run(canceller.call, kinds[i], &outcome), WEIR_CANCELLED);
        assert_string_equal(weir_call_message(canceller.call), "cancelled");
        pthread_join(canceller.thread, NULL);
        weir_call_free(canceller.call);
        close_client(&client);
        scripted_stop(&server);
    }
}

/* The chain is cut short, and the channel's end waits for it. */
static void
freed_calls_take_their_chain_along(void **state)
{
    static const enum script_act acts[] = {SCRIPT_FAIL, SCRIPT_SILENCE};

    (void)state;
    for (size_t i = 0; i < COUNT(acts) * 2; i++) {
        const struct script_step step = {.act = acts[i / 2], .code = WEIR_UNAVAILABLE};
        struct rpctest_Test_Talk_client stream = {NULL};
        struct record record = {.len = 0};
        Rpctest__Payload message = kinds_payload();
        atomic_bool slept = false;
        struct scripted server;
        struct client client;
        weir_call *call;

        scripted_start(&server, &step, 1);
        open_client(&client, server.address, NULL);
        wrap(&client, outer, &record);
        wrap(&client, sleep_between, &slept);
        call = weir_call_new(client.channel, NULL);
        assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
        if (i % 2 == 1)
            assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
        weir_call_free(call);
        close_client(&client);
        assert_string_equal(record.text, "outer:3 outer=1 ");
        scripted_stop(&server);
    }
}

/* ---- many at once, from plain threads ---- */

static weir_code
scribble(void *self, weir_call *call, weir_next *next)
{
    const char *text = weir_call_printf(call, "%s", weir_call_method(call));
    weir_code code;

    (void)self;
    WEIR_TRY(weir_call_add_header(call, "x-path", weir_str_of(text)));
    for (int i = 0; i < 3; i++) {
        code = weir_proceed(next, call);
        text = weir_call_printf(call, "%s %d", weir_call_message(call), i);
        if (code == WEIR_OK || weir_call_committed(call))
            break;
    }
    return code == WEIR_OK ? WEIR_OK : weir_fail(call, code, "%s", text);
}

static void *
call_often(void *arg)
{
    weir_channel *channel = arg;

    for (int i = 0; i < 200; i++) {
        struct rpctest_Test_Talk_client stream = {NULL};
        const Rpctest__Payload *message;
        weir_call *call = weir_call_new(channel, NULL);

        assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
        for (int k = 0; k < 3; k++) {
            Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;

            request.text = weir_call_printf(call, "%d-%d", i, k);
            assert_int_equal(rpctest_Test_Talk_client_send(stream, &request), WEIR_OK);
            if (i % 3 != 0)
                assert_true(rpctest_Test_Talk_client_recv(stream, &message));
        }
        if (i % 5 != 0)
            assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
        weir_call_free(call);
    }
    return NULL;
}

static void
chains_run_beside_their_users(void **state)
{
    struct running running;
    struct client client;
    pthread_t threads[4];

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_client(&client, running.address, NULL);
    wrap(&client, scribble, NULL);
    wrap(&client, scribble, NULL);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, client.channel), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    close_client(&client);
    running_stop(&running, PATIENCE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_go_around_all_kinds),
        cmocka_unit_test(what_the_chain_returns_is_the_status),
        cmocka_unit_test(ok_needs_a_response),
        cmocka_unit_test(all_kinds_are_sent_again),
        cmocka_unit_test(a_response_commits),
        cmocka_unit_test(more_than_is_kept_commits),
        cmocka_unit_test(large_requests_are_sent_once),
        cmocka_unit_test(unseen_calls_of_all_kinds_are_sent_again),
        cmocka_unit_test(unseen_twice_is_unavailable),
        cmocka_unit_test(attempts_have_deadlines_of_their_own),
        cmocka_unit_test(deadlines_end_calls_and_naps),
        cmocka_unit_test(deadlines_of_outer_interceptors_end_inner_ones),
        cmocka_unit_test(cancelling_wakes_the_chain),
        cmocka_unit_test(freed_calls_take_their_chain_along),
        cmocka_unit_test(chains_run_beside_their_users),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
