/* SPDX-License-Identifier: Apache-2.0 */
/* The timeout is outermost, so it applies to all attempts together. */
#include "userctl/chain.h"

#include "userctl/doubt.h"

weir_code
chain_begin(struct chain *chain, weir_channel *channel, const struct command *command,
    const struct args *args)
{
    /* For the interceptor 0 means its default; here it means no time at all. */
    int64_t timeout = args->timeout > 0 ? args->timeout : 1;

    *chain = (struct chain){.timeouts = {.unary = timeout,
                                .client_stream = timeout,
                                .server_stream = timeout,
                                .bidi_stream = timeout}};
    WEIR_TRY(weir_channel_wrap(channel, weir_timeout_calls, &chain->timeouts));
    /* A broken stream may have created users; a retry would report them as errors. */
    if (command == &commands[COMMAND_IMPORT])
        return WEIR_OK;
    WEIR_TRY(weir_retry_new(NULL, &chain->retry));
    WEIR_TRY(weir_channel_wrap(channel, weir_retry_calls, chain->retry));
    return weir_channel_wrap(channel, doubt_watch, NULL);
}

void
chain_end(struct chain *chain)
{
    weir_retry_free(chain->retry);
}
