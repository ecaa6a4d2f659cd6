/* SPDX-License-Identifier: Apache-2.0 */
/* A channel, and what is around its calls. */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void
open_client(struct client *client, const char *target, const struct weir_channel_options *options)
{
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, target, options, &client->channel), WEIR_OK);
}

void
wrap(struct client *client, weir_interceptor *interceptor, void *self)
{
    assert_int_equal(weir_channel_wrap(client->channel, interceptor, self), WEIR_OK);
}

void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}
