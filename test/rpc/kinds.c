/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind as a user would call it. */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

const weir_method_kind kinds[KINDS] = {
    WEIR_UNARY, WEIR_CLIENT_STREAM, WEIR_SERVER_STREAM, WEIR_BIDI_STREAM};

Rpctest__Payload
kinds_payload(void)
{
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

    message.text = "hello";
    return message;
}

static weir_code
collect(weir_call *call, struct kinds_outcome *outcome)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    const Rpctest__Payload *response = NULL;
    Rpctest__Payload message = kinds_payload();
    weir_code code;

    WEIR_TRY(rpctest_Test_Collect(call, &stream));
    for (int i = 0; i < KINDS_MESSAGES; i++) {
        if (rpctest_Test_Collect_client_send(stream, &message) != WEIR_OK)
            break; /* the reason comes at the end */
    }
    code = rpctest_Test_Collect_client_finish(stream, &response);
    outcome->has_response = response != NULL;
    return code;
}

static weir_code
expand(weir_call *call, struct kinds_outcome *outcome)
{
    struct rpctest_Test_Expand_client stream = {NULL};
    const Rpctest__Payload *message;
    Rpctest__Payload request = kinds_payload();

    request.number = 1;
    WEIR_TRY(rpctest_Test_Expand(call, &request, &stream));
    while (rpctest_Test_Expand_client_recv(stream, &message))
        outcome->received++;
    return rpctest_Test_Expand_client_finish(stream);
}

static weir_code
talk(weir_call *call, struct kinds_outcome *outcome)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    const Rpctest__Payload *message;
    Rpctest__Payload request = kinds_payload();

    WEIR_TRY(rpctest_Test_Talk(call, &stream));
    for (int i = 0; i < KINDS_MESSAGES; i++) {
        if (rpctest_Test_Talk_client_send(stream, &request) != WEIR_OK)
            break;
    }
    (void)!rpctest_Test_Talk_client_close_send(stream);
    while (rpctest_Test_Talk_client_recv(stream, &message))
        outcome->received++;
    return rpctest_Test_Talk_client_finish(stream);
}

static weir_code
unary(weir_call *call, struct kinds_outcome *outcome)
{
    const Rpctest__Payload *response = NULL;
    Rpctest__Payload request = kinds_payload();
    weir_code code = rpctest_Test_Unary(call, &request, &response);

    outcome->has_response = response != NULL;
    return code;
}

weir_code
kinds_run(weir_call *call, weir_method_kind kind, struct kinds_outcome *outcome)
{
    switch (kind) {
    case WEIR_UNARY:
        return unary(call, outcome);
    case WEIR_CLIENT_STREAM:
        return collect(call, outcome);
    case WEIR_SERVER_STREAM:
        return expand(call, outcome);
    case WEIR_BIDI_STREAM:
        return talk(call, outcome);
    }
    return WEIR_INTERNAL;
}

weir_code
kinds_try(weir_call *call, weir_method_kind kind)
{
    struct kinds_outcome outcome = {.code = WEIR_OK};

    return kinds_run(call, kind, &outcome);
}

struct kinds_outcome
kinds_call(weir_channel *channel, weir_method_kind kind, int64_t timeout)
{
    struct kinds_outcome outcome = {.code = WEIR_OK};
    weir_call *call = weir_call_new(channel, NULL);

    weir_call_set_timeout(call, timeout);
    outcome.code = kinds_run(call, kind, &outcome);
    assert_int_equal(outcome.code, weir_call_code(call));
    snprintf(outcome.message, sizeof(outcome.message), "%s", weir_call_message(call));
    weir_call_free(call);
    return outcome;
}

void
kinds_check_whole(const struct kinds_outcome *outcome, weir_method_kind kind)
{
    assert_int_equal(outcome->code, WEIR_OK);
    if (kind == WEIR_UNARY || kind == WEIR_CLIENT_STREAM)
        assert_true(outcome->has_response);
    else
        assert_true(outcome->received > 0);
}
