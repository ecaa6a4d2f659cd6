/* SPDX-License-Identifier: Apache-2.0 */
/* A channel on a loop of its own. */
/* Threads: as the channel's; what must not be ends the test. */
#pragma once

#include <weir/channel.h>

struct client {
    weir_loop *loop;
    weir_channel *channel;
};

void open_client(
    struct client *client, const char *target, const struct weir_channel_options *options);
void wrap(struct client *client, weir_interceptor *interceptor, void *self);
void close_client(struct client *client);
