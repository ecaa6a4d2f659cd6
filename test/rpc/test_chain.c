/* SPDX-License-Identifier: Apache-2.0 */
/* Interceptors around calls of all four kinds, and what they are told about a call. */
#include "kinds.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the interceptors did, in order: a capital on the way in, a small letter on the way out. */
struct notes {
    char trace[64];
    char method[64], peer[64], peer_after[64];
    struct weir_address address;
    int64_t deadline;
    weir_method_kind kind;
    weir_code code; /* that the inner one saw */
    char message[64];
};

static struct notes notes;
static struct running running;

static void
trace(char letter)
{
    size_t len = strlen(notes.trace);

    if (len + 1 < sizeof(notes.trace))
        notes.trace[len] = letter;
}

static weir_code
outer(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    (void)self;
    trace('A');
    snprintf(notes.method, sizeof(notes.method), "%s", weir_call_method(call));
    snprintf(notes.peer, sizeof(notes.peer), "%s", weir_call_peer(call));
    weir_call_peer_address(call, &notes.address);
    notes.deadline = weir_call_deadline(call);
    WEIR_TRY(weir_call_add_header(call, "x-outer", weir_str_of("1")));
    code = weir_proceed(next, call);
    snprintf(notes.peer_after, sizeof(notes.peer_after), "%s", weir_call_peer(call));
    WEIR_TRY(weir_call_add_trailer(call, "x-code", weir_str_of(weir_code_name(code))));
    trace('a');
    return code;
}

static weir_code
inner(void *self, weir_call *call, weir_next *next)
{
    weir_str order = weir_call_header(call, "x-order");
    weir_code code;

    (void)self;
    trace('B');
    if (weir_str_equal(order, weir_str_of("deny")))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "not you");
    if (weir_str_equal(order, weir_str_of("pause")))
        WEIR_TRY(weir_call_sleep(call, WEIR_MILLISECOND));
    code = weir_proceed(next, call);
    notes.code = code;
    snprintf(notes.message, sizeof(notes.message), "%s", weir_call_message(call));
    trace('b');
    if (weir_str_equal(order, weir_str_of("change")))
        return weir_fail(call, WEIR_ABORTED, "changed from %s", weir_code_name(code));
    return code;
}

/* In the order of `kinds`. */
static const char *const paths[KINDS] = {
    "/rpctest.Test/Unary", "/rpctest.Test/Collect", "/rpctest.Test/Expand", "/rpctest.Test/Talk"};

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

static int
open_with(void **state, const char *address, weir_interceptor *const *chain)
{
    struct client *client = calloc(1, sizeof(*client));

    running_start_with(&running, address, NULL, chain);
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(client->loop, running.address, NULL, &client->channel), WEIR_OK);
    *state = client;
    return 0;
}

static int
open_all(void **state, const char *address)
{
    return open_with(state, address, (weir_interceptor *[]){outer, inner, NULL});
}

static int
open_tcp(void **state)
{
    return open_all(state, "127.0.0.1:0");
}

static int
open_tcp6(void **state)
{
    return open_all(state, "[::1]:0");
}

static int
open_unix(void **state)
{
    char address[64];

    snprintf(address, sizeof(address), "unix:/tmp/weir-chain-%d.sock", (int)getpid());
    return open_all(state, address);
}

static int
close_all(void **state)
{
    struct client *client = *state;

    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
    free(client);
    running_stop(&running, 10 * WEIR_SECOND);
    return 0;
}

static weir_call *
begin(struct client *client, const char *order)
{
    weir_call *call = weir_call_new(client->channel, NULL);

    memset(&notes, 0, sizeof(notes));
    if (order != NULL)
        assert_int_equal(weir_call_add_header(call, "x-order", weir_str_of(order)), WEIR_OK);
    return call;
}

static void
every_kind_passes_the_chain(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        weir_call *call = begin(*state, i % 2 == 0 ? NULL : "pause");

        assert_int_equal(kinds_try(call, kinds[i]), WEIR_OK);
        assert_string_equal(weir_call_method(call), paths[i]);
        assert_true(weir_str_equal(weir_call_header(call, "x-outer"), weir_str_of("1")));
        assert_true(weir_str_equal(weir_call_trailer(call, "x-code"), weir_str_of("OK")));
        assert_string_equal(notes.trace, "ABba");
        assert_string_equal(notes.method, paths[i]);
        assert_true(notes.deadline == WEIR_NEVER);
        weir_call_free(call);
    }
}

static void
a_chain_may_end_early(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        weir_call *call = begin(*state, "deny");

        assert_int_equal(kinds_try(call, kinds[i]), WEIR_PERMISSION_DENIED);
        assert_string_equal(weir_call_message(call), "not you");
        assert_true(
            weir_str_equal(weir_call_trailer(call, "x-code"), weir_str_of("PERMISSION_DENIED")));
        assert_string_equal(notes.trace, "ABa");
        assert_int_equal(running.seen.started, 0);
        weir_call_free(call);
    }
}

static void
a_chain_may_change_the_status(void **state)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        weir_call *call = begin(*state, "change");

        assert_int_equal(kinds_try(call, kinds[i]), WEIR_ABORTED);
        assert_string_equal(weir_call_message(call), "changed from OK");
        weir_call_free(call);
    }
}

/* What is not there passes the chain as well: who counts calls counts these. */
static void
unknown_methods_pass_the_chain(void **state)
{
    static const struct weir_method unknown = {.path = "/rpctest.Test/None",
        .kind = WEIR_UNARY,
        .input = &rpctest__payload__descriptor,
        .output = &rpctest__payload__descriptor};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *response;
    weir_call *call = begin(*state, NULL);

    assert_int_equal(weir_call_unary(call, &unknown, &request.base, &response), WEIR_UNIMPLEMENTED);
    assert_string_equal(notes.trace, "ABba");
    assert_string_equal(notes.method, "/rpctest.Test/None");
    assert_int_equal(notes.code, WEIR_UNIMPLEMENTED);
    assert_string_equal(notes.message, "unknown method None for service rpctest.Test");
    weir_call_free(call);
}

static void
check_address(bool is_unix, bool is_v6)
{
    static const uint8_t ipv4[16] = {127, 0, 0, 1}, ipv6[16] = {[15] = 1}, none[16];
    char port[8];

    assert_int_equal(notes.address.family, is_unix ? WEIR_ADDRESS_UNIX
                                           : is_v6 ? WEIR_ADDRESS_IPV6
                                                   : WEIR_ADDRESS_IPV4);
    assert_memory_equal(notes.address.bytes, is_unix ? none : is_v6 ? ipv6 : ipv4, 16);
    if (is_unix)
        return;
    snprintf(port, sizeof(port), ":%u", (unsigned)notes.address.port);
    assert_string_equal(strrchr(notes.peer, ':'), port);
}

static void
both_ends_have_names(void **state)
{
    struct weir_address own;
    weir_call *call = begin(*state, NULL);
    char expected[160];
    bool is_unix = strncmp(running.address, "unix:", 5) == 0;
    bool is_v6 = running.address[0] == '[';

    assert_string_equal(weir_call_peer(call), "");
    assert_string_equal(weir_call_method(call), "");
    assert_int_equal(kinds_try(call, WEIR_UNARY), WEIR_OK);
    snprintf(expected, sizeof(expected), "%s%s",
        is_unix ? ""
        : is_v6 ? "ipv6:"
                : "ipv4:",
        running.address);
    assert_string_equal(weir_call_peer(call), expected);
    if (is_unix)
        assert_string_equal(notes.peer, "unix:");
    else
        assert_non_null(strstr(notes.peer, is_v6 ? "ipv6:[::1]:" : "ipv4:127.0.0.1:"));
    assert_string_equal(notes.peer_after, notes.peer);
    check_address(is_unix, is_v6);
    weir_call_peer_address(call, &own);
    assert_int_equal(own.family, WEIR_ADDRESS_NONE);
    weir_call_free(call);
}

/* Nor is a peer forgotten that has gone. */
static void
peers_that_went_keep_their_names(void **state)
{
    struct raw raw;

    (void)state;
    memset(&notes, 0, sizeof(notes));
    raw_connect(&raw, running.address);
    raw_greet(&raw, true, 0, 0);
    raw_request(&raw, 1, "Unary", NULL);
    raw_text(&raw, RAW_END_STREAM, 1, "wait");
    EVENTUALLY(running.seen.parked == 1)
    raw_break(&raw);
    running_stop(&running, 10 * WEIR_SECOND);
    assert_string_equal(notes.trace, "ABba");
    assert_int_equal(notes.code, WEIR_CANCELLED);
    assert_non_null(strstr(notes.peer_after, "ipv4:127.0.0.1:"));
    running_start(&running, "127.0.0.1:0", NULL, NULL);
}

/* ---- what interceptors leave on a call ---- */

static const struct weir_key first_key = {"first"}, second_key = {"second"};

static weir_code
count_message(void *self, weir_call *call, const ProtobufCMessage *message)
{
    const Rpctest__Payload *payload = (const Rpctest__Payload *)message;

    ++*(int *)self;
    return strcmp(payload->text, "refuse me") == 0
               ? weir_fail(call, WEIR_INVALID_ARGUMENT, "refused by a watcher")
               : WEIR_OK;
}

static const struct weir_watcher counter = {count_message, count_message};
static int seen_messages;

static weir_code
leave(void *self, weir_call *call, weir_next *next)
{
    char *text = weir_call_keep(call, 6);

    (void)self;
    assert_null(weir_call_value(call, &first_key));
    assert_non_null(text);
    memcpy(text, "first", 6);
    WEIR_TRY(weir_call_set_value(call, &first_key, NULL));
    WEIR_TRY(weir_call_set_value(call, &second_key, &seen_messages));
    WEIR_TRY(weir_call_set_value(call, &first_key, text));
    WEIR_TRY(weir_call_watch(call, &counter, &seen_messages));
    return weir_proceed(next, call);
}

static weir_code
find(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    (void)self;
    assert_true(weir_call_is_server(call));
    assert_true(weir_call_known(call));
    notes.kind = weir_call_kind(call);
    code = weir_proceed(next, call);
    assert_string_equal(weir_call_value(call, &first_key), "first");
    assert_ptr_equal(weir_call_value(call, &second_key), &seen_messages);
    return code;
}

static int
open_leaving(void **state)
{
    return open_with(state, "127.0.0.1:0", (weir_interceptor *[]){leave, find, NULL});
}

static void
values_and_watchers(void **state)
{
    struct client *client = *state;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        weir_call *call = weir_call_new(client->channel, NULL);

        seen_messages = 0;
        assert_int_equal(kinds_try(call, kinds[i]), WEIR_OK);
        assert_true(seen_messages >= 2);
        assert_int_equal(notes.kind, i);
        weir_call_free(call);
    }
}

static void
watchers_refuse(void **state)
{
    struct client *client = *state;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(client->channel, NULL);

    request.text = "refuse me";
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_INVALID_ARGUMENT);
    assert_string_equal(weir_call_message(call), "refused by a watcher");
    weir_call_free(call);
}

/* ---- verbs out of order ---- */

static void
verbs_out_of_order(void **state)
{
    struct client *client = *state;
    struct rpctest_Test_Talk_client stream;
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    weir_call *call = weir_call_new(client->channel, NULL);

    stream.call = call;
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_FAILED_PRECONDITION);
    assert_int_equal(rpctest_Test_Talk_client_close_send(stream), WEIR_FAILED_PRECONDITION);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_FAILED_PRECONDITION);
    assert_int_equal(weir_call_add_trailer(call, "x-a", weir_str_of("")), WEIR_FAILED_PRECONDITION);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    assert_int_equal(weir_call_add_header(call, "x-a", weir_str_of("")), WEIR_FAILED_PRECONDITION);
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_close_send(stream), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_close_send(stream), WEIR_OK);
    assert_int_not_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    while (rpctest_Test_Talk_client_recv(stream, &reply))
        continue;
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_false(rpctest_Test_Talk_client_recv(stream, &reply));
    assert_int_equal(kinds_try(call, WEIR_UNARY), WEIR_FAILED_PRECONDITION);
    weir_call_free(call);
    weir_call_free(NULL);
}

/* A number that is no code. */
static void
codes_out_of_range(void **state)
{
    struct client *client = *state;
    static char *const texts[] = {"fail:17", "fail:99", "fail:-1"};

    for (size_t i = 0; i < COUNT(texts); i++) {
        Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
        const Rpctest__Payload *response = NULL;
        weir_call *call = weir_call_new(client->channel, NULL);

        request.text = texts[i];
        assert_int_equal(rpctest_Test_Unary(call, &request, &response), WEIR_UNKNOWN);
        weir_call_free(call);
    }
}

int
main(void)
{
#define ON(where, test) cmocka_unit_test_setup_teardown(test, where, close_all)
    const struct CMUnitTest tests[] = {
        ON(open_tcp, every_kind_passes_the_chain),
        ON(open_tcp, a_chain_may_end_early),
        ON(open_tcp, a_chain_may_change_the_status),
        ON(open_tcp, unknown_methods_pass_the_chain),
        ON(open_tcp, both_ends_have_names),
        ON(open_tcp6, both_ends_have_names),
        ON(open_unix, both_ends_have_names),
        ON(open_tcp, peers_that_went_keep_their_names),
        ON(open_leaving, values_and_watchers),
        ON(open_leaving, watchers_refuse),
        ON(open_tcp, verbs_out_of_order),
        ON(open_tcp, codes_out_of_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
