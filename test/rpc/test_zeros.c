/* SPDX-License-Identifier: Apache-2.0 */
/* A number that is -0 arrives as that, whichever way a message is packed, there and back. */
#include "client.h"
#include "service.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <weir/retry.h>

#include <cmocka.h>

static struct running running;

static int
start(void **state)
{
    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    return running_finish(&running);
}

/* With so many bytes of data, which decide how it is packed. */
static void
assert_kept(weir_channel *channel, size_t len, bool gzip, bool by_get)
{
    static uint8_t data[300000];
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_call *call = weir_call_new(channel, NULL);

    assert_non_null(call);
    request.real = -0.0;
    request.data = (ProtobufCBinaryData){len, data};
    if (gzip)
        assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    weir_call_set_cacheable(call, by_get);
    assert_int_equal(by_get ? rpctest_Test_Look(call, &request, &response)
                            : rpctest_Test_Unary(call, &request, &response),
        WEIR_OK);
    assert_int_equal(response->data.len, len);
    assert_true(response->real == 0 && signbit(response->real));
    weir_call_free(call);
}

static void
messages_of_every_size(void **state)
{
    static const size_t sizes[] = {0, 900, 2000, 5000, 60000, 300000};
    struct client client;

    (void)state;
    open_client(&client, running.address, NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (int gzip = 0; gzip < 2; gzip++)
            assert_kept(client.channel, sizes[i], gzip, false);
    close_client(&client);
}

static void
messages_in_paths(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, running.address, NULL);
    assert_kept(client.channel, 0, false, true);
    assert_kept(client.channel, 2000, false, true);
    close_client(&client);
}

/* They are kept as they were framed, for the next attempt. */
static void
messages_of_hedged_calls(void **state)
{
    weir_hedge *hedge;
    struct client client;

    (void)state;
    assert_int_equal(weir_hedge_new(NULL, &hedge), WEIR_OK);
    open_client(&client, running.address, NULL);
    wrap(&client, weir_hedge_calls, hedge);
    assert_kept(client.channel, 0, false, false);
    assert_kept(client.channel, 2000, true, false);
    close_client(&client);
    weir_hedge_free(hedge);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_every_size),
        cmocka_unit_test(messages_in_paths),
        cmocka_unit_test(messages_of_hedged_calls),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
