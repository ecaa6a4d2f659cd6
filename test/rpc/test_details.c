/* SPDX-License-Identifier: Apache-2.0 */
/* Details of a status, from the handler that adds them to the client that looks for them. */
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/call.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct running running;
static weir_loop *loop;
static weir_channel *channel;

static weir_code added_after;

static weir_code
add_error_info(weir_call *call, const char *reason)
{
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
    Google__Rpc__ErrorInfo__MetadataEntry *entries[] = {&entry};

    entry.key = "field";
    entry.value = "email";
    info.reason = (char *)reason;
    info.domain = "weir.test";
    info.metadata = entries;
    info.n_metadata = 1;
    return weir_call_add_detail(call, &info.base);
}

static weir_code
add_bad_request(weir_call *call)
{
    Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
    Google__Rpc__BadRequest__FieldViolation violation =
        GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
    Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};

    violation.field = "user.email";
    violation.description = "not an address";
    bad.field_violations = violations;
    bad.n_field_violations = 1;
    return weir_call_add_detail(call, &bad.base);
}

static weir_code
add_empty(weir_call *call)
{
    Google__Rpc__RetryInfo retry = GOOGLE__RPC__RETRY_INFO__INIT;

    return weir_call_add_detail(call, &retry.base);
}

/* The bytes that a test wants for grpc-status-details-bin, past what users may send. */
static weir_code
forge(weir_call *call, weir_str bytes)
{
    struct h2_field *list = arena_alloc(&call->arena, sizeof(*list));

    *list = (struct h2_field){.name = weir_str_of("grpc-status-details-bin"),
        .value = wire_base64_encode(&call->arena, bytes),
        .indexing = H2_DO_NOT_INDEX};
    call->out_trailers = (struct call_fields){list, 1, 1};
    return weir_fail(call, WEIR_NOT_FOUND, "forged");
}

static weir_code
detailed(void *self, weir_call *call, weir_next *next)
{
    weir_str forged = weir_call_header(call, "x-forged-bin");
    weir_code code;

    (void)self;
    if (forged.data != NULL)
        return forge(call, forged);
    if (weir_call_header(call, "x-details").data == NULL)
        return weir_proceed(next, call);
    WEIR_TRY(add_error_info(call, "EMAIL_INVALID"));
    WEIR_TRY(add_bad_request(call));
    WEIR_TRY(add_error_info(call, "SECOND"));
    WEIR_TRY(add_empty(call));
    code = weir_proceed(next, call);
    return code;
}

static int
start(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, detailed);
    if (weir_loop_new(&loop) != WEIR_OK)
        return -1;
    return weir_channel_new(loop, running.address, NULL, &channel) == WEIR_OK ? 0 : -1;
}

static int
stop(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    return running_finish(&running);
}

static weir_call *
ask(const char *key, weir_str value, const char *text, weir_code code)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;
    weir_call *call = weir_call_new(channel, NULL);

    message.text = (char *)text;
    assert_int_equal(weir_call_add_header(call, key, value), WEIR_OK);
    assert_int_equal(rpctest_Test_Unary(call, &message, &reply), code);
    return call;
}

static size_t
count_details(weir_call *call)
{
    size_t cursor = 0, count = 0;
    weir_str type, bytes;

    while (weir_call_next_detail(call, &cursor, &type, &bytes))
        count++;
    assert_false(weir_call_next_detail(call, &cursor, &type, &bytes));
    return count;
}

static void
check_found(weir_call *call)
{
    ProtobufCMessage *found = NULL;
    const Google__Rpc__ErrorInfo *info;
    const Google__Rpc__BadRequest *bad;

    assert_true(weir_call_detail(call, &google__rpc__error_info__descriptor, &found));
    info = (const Google__Rpc__ErrorInfo *)found;
    assert_string_equal(info->reason, "EMAIL_INVALID");
    assert_string_equal(info->domain, "weir.test");
    assert_int_equal(info->n_metadata, 1);
    assert_string_equal(info->metadata[0]->value, "email");
    assert_true(weir_call_detail(call, &google__rpc__bad_request__descriptor, &found));
    bad = (const Google__Rpc__BadRequest *)found;
    assert_int_equal(bad->n_field_violations, 1);
    assert_string_equal(bad->field_violations[0]->field, "user.email");
    assert_true(weir_call_detail(call, &google__rpc__retry_info__descriptor, &found));
    assert_null(((const Google__Rpc__RetryInfo *)found)->retry_delay);
    assert_false(weir_call_detail(call, &google__rpc__help__descriptor, &found));
}

static void
details_are_found(void **state)
{
    static const char *const types[] = {"google.rpc.ErrorInfo", "google.rpc.BadRequest",
        "google.rpc.ErrorInfo", "google.rpc.RetryInfo"};
    weir_call *call = ask("x-details", weir_str_of("1"), "fail:3", WEIR_INVALID_ARGUMENT);
    weir_str type, bytes, key, value;
    size_t cursor = 0;

    (void)state;
    check_found(call);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_true(weir_call_next_detail(call, &cursor, &type, &bytes));
        assert_true(weir_str_equal(type, weir_str_of(types[i])));
    }
    assert_int_equal(bytes.len, 0);
    assert_int_equal(count_details(call), 4);
    cursor = 0; /* they are no metadata of the user's */
    assert_false(weir_call_next_trailer(call, &cursor, &key, &value));
    weir_call_free(call);
}

/* What is sent is a google.rpc.Status, the same status as beside it. */
static void
details_are_a_status(void **state)
{
    weir_call *call = ask("x-details", weir_str_of("1"), "fail:9", WEIR_FAILED_PRECONDITION);
    Google__Rpc__Status *status;

    (void)state;
    assert_int_equal(count_details(call), 4);
    status = google__rpc__status__unpack(
        NULL, call->status_bytes.len, (const uint8_t *)call->status_bytes.data);
    assert_non_null(status);
    assert_int_equal(status->code, 9);
    assert_string_equal(status->message, weir_call_message(call));
    assert_int_equal(status->n_details, 4);
    assert_string_equal(status->details[1]->type_url, "type.googleapis.com/google.rpc.BadRequest");
    google__rpc__status__free_unpacked(status, NULL);
    added_after = add_empty(call);
    assert_int_equal(added_after, WEIR_FAILED_PRECONDITION); /* a client's */
    weir_call_free(call);
}

static void
a_success_has_no_details(void **state)
{
    weir_call *call = ask("x-details", weir_str_of("1"), "hello", WEIR_OK);

    (void)state;
    assert_int_equal(count_details(call), 0);
    weir_call_free(call);
}

#define BYTES(text)            \
    {                          \
        text, sizeof(text) - 1 \
    }

/* Whatever stands there, the call ends as grpc-status says. */
static void
details_that_are_none(void **state)
{
    static const struct {
        weir_str bytes;
        size_t count;
    } forged[] = {
        {BYTES(""), 0},
        {BYTES("\x08\x05"), 0},
        {BYTES("\x08\x01"), 0}, /* another code */
        {BYTES("garbage"), 0},
        {BYTES("\x1a"), 0},
        {BYTES("\x1a\xff\xff\xff\xff\x0f"), 0},
        {BYTES("\x1a\x7f"), 0},
        {BYTES("\x1a\x00"), 0}, /* no type */
        {BYTES("\x18\x05"), 0}, /* a number */
        {BYTES("\x1a\x03\x0a\x01"
               "a"),
            1}, /* a type without a host */
        {BYTES("\x1a\x06\x0a\x01"
               "a\x12\x09z"),
            0}, /* a value that is cut short */
        {BYTES("\x1a\x03\x0a\x01"
               "a\x1a\x7f"),
            1}, /* a good one first */
        {BYTES("\x1a\x03\x0a\x01"
               "/\x1a\x03\x0a\x01"
               "b\x08\x07"),
            2},
    };
    ProtobufCMessage *found;

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        weir_call *call = ask("x-forged-bin", forged[i].bytes, "", WEIR_NOT_FOUND);

        assert_string_equal(weir_call_message(call), "forged");
        assert_int_equal(count_details(call), forged[i].count);
        assert_false(weir_call_detail(call, &google__rpc__error_info__descriptor, &found));
        weir_call_free(call);
    }
}

/* The right type, and bytes that are not of it. */
static void
a_detail_that_does_not_parse(void **state)
{
    static const weir_str cut = BYTES("\x1a\x1a\x0a\x14google.rpc.ErrorInfo\x12\x02\x0a\x05");
    static const weir_str nul = BYTES("\x1a\x1b\x0a\x14google.rpc.ErrorInfo\x12\x03\x0a\x01\x00");
    ProtobufCMessage *found;
    weir_call *call = ask("x-forged-bin", cut, "", WEIR_NOT_FOUND);

    (void)state;
    assert_int_equal(count_details(call), 1);
    assert_false(weir_call_detail(call, &google__rpc__error_info__descriptor, &found));
    weir_call_free(call);
    call = ask("x-forged-bin", nul, "", WEIR_NOT_FOUND);
    assert_int_equal(count_details(call), 1);
    assert_false(weir_call_detail(call, &google__rpc__error_info__descriptor, &found));
    weir_call_free(call);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(details_are_found),
        cmocka_unit_test(details_are_a_status),
        cmocka_unit_test(a_success_has_no_details),
        cmocka_unit_test(details_that_are_none),
        cmocka_unit_test(a_detail_that_does_not_parse),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
