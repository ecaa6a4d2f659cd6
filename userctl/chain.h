/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors of userctl's calls: a deadline, then retries, then the outcome of each attempt.
 */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "userctl/args.h"
#include <weir/channel.h>
#include <weir/retry.h>
#include <weir/timeout.h>

struct chain {
    struct weir_timeout_options timeouts;
    weir_retry *retry;
};

/* Wrap the channel's calls; the channel borrows the chain. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code chain_begin(struct chain *chain, weir_channel *channel,
    const struct command *command, const struct args *args);

/* After the channel is freed. */
void chain_end(struct chain *chain);
