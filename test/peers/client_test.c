/* SPDX-License-Identifier: Apache-2.0 */
/* Weir's client on plain threads against a Peer server of any make: peer-client ADDRESS. */
/* Threads: cmocka's, and those that a test starts. */
#include "peer.weir.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

#include <cmocka.h>

#define HARD_TEXT "100% d\u00e9j\u00e0 vu,\r\n\ttwo lines \u2026 \U0001f642 %41 \x7f"

enum { THREADS = 8, CALLS_PER_THREAD = 50, MEBIBYTE = 1 << 20 };

static const char *address;

struct fixture {
    weir_loop *loop;
    weir_channel *channel;
};

static int
open_channel(void **state)
{
    static const struct weir_channel_options options = {.max_receive_message = 16 * MEBIBYTE};
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture->loop, address, &options, &fixture->channel), WEIR_OK);
    *state = fixture;
    return 0;
}

static int
close_channel(void **state)
{
    struct fixture *fixture = *state;

    weir_channel_free(fixture->channel);
    weir_loop_free(fixture->loop);
    free(fixture);
    return 0;
}

static weir_call *
new_call(void **state)
{
    const struct fixture *fixture = *state;
    weir_call *call = weir_call_new(fixture->channel, NULL);

    assert_non_null(call);
    weir_call_set_timeout(call, 60 * WEIR_SECOND);
    return call;
}

static void
assert_payload(const Peer__Report *report, size_t len)
{
    assert_int_equal(report->payload.len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(report->payload.data[i], i % 251);
}

/* A call that must succeed; the report is checked. */
static void
exchange(weir_call *call, size_t sent, size_t answered)
{
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;

    order.payload.data = calloc(1, sent + 1);
    assert_non_null(order.payload.data);
    order.payload.len = sent;
    order.answer_bytes = (int32_t)answered;
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_OK);
    free(order.payload.data);
    assert_int_equal(report->received_bytes, sent);
    assert_payload(report, answered);
}

/* What the server says became of the call with this tag. */
static Peer__FateReport
fate_of(void **state, const char *tag)
{
    Peer__FateRequest request = PEER__FATE_REQUEST__INIT;
    const Peer__FateReport *report = NULL;
    Peer__FateReport copy;
    weir_call *call = new_call(state);

    request.tag = (char *)tag;
    if (peer_Peer_Fate(call, &request, &report) != WEIR_OK)
        fail_msg("%s: %s", weir_code_name(weir_call_code(call)), weir_call_message(call));
    copy = *report;
    weir_call_free(call);
    return copy;
}

static void
test_messages_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 1, 16384, 65536, 3 * MEBIBYTE};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        weir_call *call = new_call(state);

        exchange(call, sizes[i], sizes[sizeof(sizes) / sizeof(sizes[0]) - 1 - i]);
        weir_call_free(call);
    }
}

static void
test_metadata_goes_there_and_back(void **state)
{
    char bytes[256];
    weir_str binary = {bytes, sizeof(bytes)};
    weir_call *call = new_call(state);

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    assert_int_equal(weir_call_add_header(call, "x-initial", weir_str_of("one, two")), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-initial-bin", binary), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-trailing", weir_str_of("last")), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-trailing-bin", binary), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-trailing-empty-bin", weir_str_of("")), WEIR_OK);
    exchange(call, 1, 1);
    assert_true(weir_str_equal(weir_call_header(call, "x-initial"), weir_str_of("one, two")));
    assert_true(weir_str_equal(weir_call_header(call, "x-initial-bin"), binary));
    assert_true(weir_str_equal(weir_call_trailer(call, "x-trailing"), weir_str_of("last")));
    assert_true(weir_str_equal(weir_call_trailer(call, "x-trailing-bin"), binary));
    assert_int_equal(weir_call_trailer(call, "x-trailing-empty-bin").len, 0);
    assert_non_null(weir_call_trailer(call, "x-trailing-empty-bin").data);
    assert_null(weir_call_header(call, "x-absent").data);
    assert_null(weir_call_header(call, "x-trailing").data);
    weir_call_free(call);
}

static void
test_repeated_keys_keep_their_order(void **state)
{
    static const char *const values[] = {"first", "second", "third"};
    weir_call *call = new_call(state);
    size_t cursor = 0, seen = 0;
    weir_str key, value;

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            weir_call_add_header(call, "x-trailing-list", weir_str_of(values[i])), WEIR_OK);
    exchange(call, 0, 0);
    while (weir_call_next_trailer(call, &cursor, &key, &value)) {
        if (!weir_str_equal(key, weir_str_of("x-trailing-list")))
            continue;
        assert_in_range(seen, 0, 2);
        assert_true(weir_str_equal(value, weir_str_of(values[seen++])));
    }
    assert_int_equal(seen, 3);
    weir_call_free(call);
}

static void
test_what_may_not_be_sent_is_refused(void **state)
{
    static const char *const keys[] = {"", "Upper", "with space", ":path", "grpc-status",
        "grpc-timeout", "content-type", "te", "connection"};
    weir_call *call = new_call(state);

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_int_equal(
            weir_call_add_header(call, keys[i], weir_str_of("v")), WEIR_INVALID_ARGUMENT);
    assert_int_equal(
        weir_call_add_header(call, "x-line", weir_str_of("a\r\nb: c")), WEIR_INVALID_ARGUMENT);
    exchange(call, 0, 0);
    assert_int_equal(
        weir_call_add_header(call, "x-late", weir_str_of("v")), WEIR_FAILED_PRECONDITION);
    weir_call_free(call);
}

static void
test_every_status_arrives_with_its_text(void **state)
{
    for (int32_t code = 1; code <= 16; code++) {
        Peer__Order order = PEER__ORDER__INIT;
        const Peer__Report *report = NULL;
        weir_call *call = new_call(state);

        order.code = code;
        order.message = HARD_TEXT;
        assert_int_equal(
            weir_call_add_header(call, "x-trailing", weir_str_of("with the error")), WEIR_OK);
        assert_int_equal(peer_Peer_Do(call, &order, &report), code);
        assert_int_equal(weir_call_code(call), code);
        assert_string_equal(weir_call_message(call), HARD_TEXT);
        assert_true(
            weir_str_equal(weir_call_trailer(call, "x-trailing"), weir_str_of("with the error")));
        weir_call_free(call);
    }
}

static void
test_a_deadline_ends_the_call_on_both_ends(void **state)
{
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;
    weir_call *call = new_call(state);
    Peer__FateReport fate;

    order.tag = "deadline of a thread";
    order.sleep_ms = 60000;
    weir_call_set_timeout(call, WEIR_SECOND);
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
    fate = fate_of(state, order.tag);
    assert_true(fate.has_deadline);
    assert_in_range(fate.time_left_ms, 0, 1000);
    assert_true(fate.cancelled);
}

static void
test_a_deadline_that_has_passed_ends_the_call_at_once(void **state)
{
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;
    weir_call *call = new_call(state);

    weir_call_set_timeout(call, 0);
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
}

static void
test_without_a_deadline_the_server_sees_none(void **state)
{
    const struct fixture *fixture = *state;
    weir_call *call = weir_call_new(fixture->channel, NULL);
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;

    assert_non_null(call);
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_OK);
    assert_false(report->has_deadline);
    assert_non_null(strstr(report->user_agent, "grpc-c-weir/"));
    weir_call_free(call);
}

static void *
cancel_soon(void *call)
{
    usleep(200 * 1000);
    weir_call_cancel(call);
    return NULL;
}

static void
test_another_thread_can_cancel(void **state)
{
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;
    weir_call *call = new_call(state);
    pthread_t thread;

    order.tag = "cancelled by a thread";
    order.sleep_ms = 60000;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, call), 0);
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_CANCELLED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    weir_call_free(call);
    assert_true(fate_of(state, order.tag).cancelled);
}

static void
test_an_unknown_method_is_unimplemented(void **state)
{
    struct weir_method absent = peer_Peer_service.methods[0];
    Peer__Order order = PEER__ORDER__INIT;
    ProtobufCMessage *response = NULL;
    weir_call *call = new_call(state);

    absent.path = "/peer.Peer/Absent";
    assert_int_equal(weir_call_unary(call, &absent, &order.base, &response), WEIR_UNIMPLEMENTED);
    weir_call_free(call);
}

static void
test_an_answer_above_the_limit_is_refused(void **state)
{
    static const struct weir_channel_options options = {.max_receive_message = 1000};
    const struct fixture *fixture = *state;
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;
    weir_channel *channel;
    weir_call *call;

    assert_int_equal(weir_channel_new(fixture->loop, address, &options, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_non_null(call);
    order.answer_bytes = 1001;
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_RESOURCE_EXHAUSTED);
    weir_call_free(call);
    call = weir_call_new(channel, NULL);
    assert_non_null(call);
    exchange(call, 0, 100);
    weir_call_free(call);
    weir_channel_free(channel);
}

static void
test_nobody_there_is_unavailable(void **state)
{
    const struct fixture *fixture = *state;
    Peer__Order order = PEER__ORDER__INIT;
    const Peer__Report *report = NULL;
    weir_channel *channel;
    weir_call *call;

    /* Port 1 (tcpmux) has no server on a machine of today. */
    assert_int_equal(weir_channel_new(fixture->loop, "127.0.0.1:1", NULL, &channel), WEIR_OK);
    call = weir_call_new(channel, NULL);
    assert_non_null(call);
    assert_int_equal(peer_Peer_Do(call, &order, &report), WEIR_UNAVAILABLE);
    assert_string_not_equal(weir_call_message(call), "");
    weir_call_free(call);
    weir_channel_free(channel);
}

static void
test_what_is_no_target_is_refused(void **state)
{
    static const char *const targets[] = {"", "host", "127.0.0.1:", "127.0.0.1:99999", "unix:"};
    const struct fixture *fixture = *state;
    weir_channel *channel;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        assert_int_equal(
            weir_channel_new(fixture->loop, targets[i], NULL, &channel), WEIR_INVALID_ARGUMENT);
}

/* ---- several threads ---- */

struct worker {
    void **state;
    size_t number;
    pthread_t thread;
};

static void *
work(void *arg)
{
    const struct worker *worker = arg;

    for (size_t i = 0; i < CALLS_PER_THREAD; i++) {
        weir_call *call = new_call(worker->state);

        exchange(call, worker->number * 1000 + i, worker->number * 100 + i);
        weir_call_free(call);
    }
    return NULL;
}

static void
run_workers(void **state)
{
    struct worker workers[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.state = state, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
}

static void
test_threads_share_a_channel(void **state)
{
    run_workers(state);
}

static void *
turn_loop(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static void
test_threads_share_a_channel_whose_loop_another_turns(void **state)
{
    const struct fixture *fixture = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, turn_loop, fixture->loop), 0);
    run_workers(state);
    weir_loop_stop(fixture->loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_channel, close_channel)

int
main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_messages_of_every_size),
        TEST(test_metadata_goes_there_and_back),
        TEST(test_repeated_keys_keep_their_order),
        TEST(test_what_may_not_be_sent_is_refused),
        TEST(test_every_status_arrives_with_its_text),
        TEST(test_a_deadline_ends_the_call_on_both_ends),
        TEST(test_a_deadline_that_has_passed_ends_the_call_at_once),
        TEST(test_without_a_deadline_the_server_sees_none),
        TEST(test_another_thread_can_cancel),
        TEST(test_an_unknown_method_is_unimplemented),
        TEST(test_an_answer_above_the_limit_is_refused),
        TEST(test_nobody_there_is_unavailable),
        TEST(test_what_is_no_target_is_refused),
        TEST(test_threads_share_a_channel),
        TEST(test_threads_share_a_channel_whose_loop_another_turns),
    };

    if (argc != 2) {
        fprintf(stderr, "usage: peer-client ADDRESS\n");
        return 2;
    }
    address = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
