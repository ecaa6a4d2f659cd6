/* SPDX-License-Identifier: Apache-2.0 */
/* Looking symbols up in descriptors, and the end of the stream; test/userd/test_reflection.py asks
 * over the wire. */
#include "client.h"
#include "grpc/reflection/v1/reflection.weir.h"
#include "reflection/descriptor.h"
#include "service.h"
#include <setjmp.h>
#include <stdarg.h>
#include <weir/reflection.h>

#include <cmocka.h>

static void
test_symbols(void **state)
{
    static const char *const defined[] = {"rpctest.Test", ".rpctest.Test", "rpctest.Test.Unary",
        "rpctest.Payload", "rpctest.Payload.text", "rpctest.Nested.inner"};
    static const char *const undefined[] = {"", ".", "rpctest", "rpctest.", "Test", "rpctest.Tes",
        "rpctest.Test.", "rpctest.Test.Unar", "rpctest.Test.Unary.x", "rpctest.Payload.Unary",
        "rpctest.Payloadtext", "rpctest..Payload", "Payload", "rpctestPayload", "other.Payload"};
    const struct weir_file *file = rpctest_Test_service.file;

    (void)state;
    for (size_t i = 0; i < sizeof(defined) / sizeof(defined[0]); i++) {
        if (!descriptor_defines(file, defined[i]))
            fail_msg("%s is not found", defined[i]);
    }
    for (size_t i = 0; i < sizeof(undefined) / sizeof(undefined[0]); i++) {
        if (descriptor_defines(file, undefined[i]))
            fail_msg("\"%s\" is found", undefined[i]);
    }
}

/* File f: message M with message N (field a), enum E (value V), oneof O, and extension x = 5 of .M.
 */
static const uint8_t descriptor[] = {0x0a, 0x01, 0x66, 0x22, 0x29, 0x0a, 0x01, 0x4d, 0x1a, 0x08,
    0x0a, 0x01, 0x4e, 0x12, 0x03, 0x0a, 0x01, 0x61, 0x22, 0x0a, 0x0a, 0x01, 0x45, 0x12, 0x05, 0x0a,
    0x01, 0x56, 0x10, 0x01, 0x42, 0x03, 0x0a, 0x01, 0x4f, 0x32, 0x09, 0x0a, 0x01, 0x78, 0x12, 0x02,
    0x2e, 0x4d, 0x18, 0x05};

static bool
note_number(void *arg, int32_t number)
{
    int32_t *sum = arg;

    *sum += number;
    return true;
}

static void
test_by_hand(void **state)
{
    static const struct weir_file *const none[] = {NULL};
    struct weir_file file = {"f", descriptor, sizeof(descriptor), none};
    static const char *const defined[] = {"M", "M.N", "M.N.a", "M.E", "M.V", "M.O", "M.x"};
    int32_t sum = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(defined) / sizeof(defined[0]); i++) {
        if (!descriptor_defines(&file, defined[i]))
            fail_msg("%s is not found", defined[i]);
    }
    assert_false(descriptor_defines(&file, "M.E.V"));
    assert_false(descriptor_defines(&file, "N"));
    descriptor_each_extension(&file, "M", note_number, &sum);
    descriptor_each_extension(&file, "N", note_number, &sum);
    assert_int_equal(sum, 5);
    /* Cut off anywhere nothing is read beyond the end. */
    for (size_t len = 0; len < sizeof(descriptor); len++) {
        uint8_t *copy = malloc(len + 1);

        memcpy(copy, descriptor, len);
        file.descriptor = copy;
        file.descriptor_len = len;
        for (size_t i = 0; i < sizeof(defined) / sizeof(defined[0]); i++)
            (void)descriptor_defines(&file, defined[i]);
        descriptor_each_extension(&file, "M", note_number, &sum);
        free(copy);
    }
}

static void
test_offered_once(void **state)
{
    weir_server *server;
    weir_reflection *reflection, *again;

    (void)state;
    assert_int_equal(weir_server_new(NULL, &server), WEIR_OK);
    assert_null(weir_server_service(server, 0));
    assert_int_equal(weir_reflection_new(server, &reflection), WEIR_OK);
    assert_non_null(weir_server_service(server, 1));
    assert_null(weir_server_service(server, 2));
    assert_int_equal(weir_reflection_new(server, &again), WEIR_ALREADY_EXISTS);
    weir_server_free(server);
    weir_reflection_free(reflection);
    weir_reflection_free(again);
    weir_reflection_free(NULL);
}

static weir_reflection *offered;

static void
offer(struct running *running)
{
    assert_int_equal(weir_reflection_new(running->server, &offered), WEIR_OK);
}

/* A client that keeps its stream open does not hold the drain up. */
static void
test_drain(void **state)
{
    static weir_interceptor *const none[] = {NULL};
    Grpc__Reflection__V1__ServerReflectionRequest request =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    const Grpc__Reflection__V1__ServerReflectionResponse *response = NULL;
    struct grpc_reflection_v1_ServerReflection_ServerReflectionInfo_client stream = {NULL};
    struct running running;
    struct client client;
    weir_call *call;

    (void)state;
    running_start_prepared(&running, "127.0.0.1:0", NULL, none, offer);
    open_client(&client, running.address, NULL);
    call = weir_call_new(client.channel, NULL);
    assert_int_equal(
        grpc_reflection_v1_ServerReflection_ServerReflectionInfo(call, &stream), WEIR_OK);
    request.message_request_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
    request.list_services = (char *)"";
    assert_int_equal(
        grpc_reflection_v1_ServerReflection_ServerReflectionInfo_client_send(stream, &request),
        WEIR_OK);
    assert_true(
        grpc_reflection_v1_ServerReflection_ServerReflectionInfo_client_recv(stream, &response));
    assert_true(response != NULL && response->list_services_response->n_service == 3);
    weir_server_drain(running.server, 100 * WEIR_SECOND);
    assert_false(
        grpc_reflection_v1_ServerReflection_ServerReflectionInfo_client_recv(stream, &response));
    assert_int_equal(weir_call_code(call), WEIR_UNAVAILABLE);
    weir_call_free(call);
    close_client(&client);
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
    weir_reflection_free(offered);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_offered_once),
        cmocka_unit_test(test_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
