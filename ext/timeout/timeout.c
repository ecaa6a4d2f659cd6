/* SPDX-License-Identifier: Apache-2.0 */
/* The default deadline of calls without one. */
#include <weir/timeout.h>

#define DEFAULT_TIMEOUT (5 * WEIR_SECOND)

static int64_t
of_kind(const struct weir_timeout_options *options, weir_method_kind kind)
{
    const int64_t timeouts[] = {[WEIR_UNARY] = options->unary,
        [WEIR_CLIENT_STREAM] = options->client_stream,
        [WEIR_SERVER_STREAM] = options->server_stream,
        [WEIR_BIDI_STREAM] = options->bidi_stream};

    return timeouts[kind];
}

static int64_t
of_call(const struct weir_timeout_options *options, const weir_call *call)
{
    int64_t timeout = of_kind(options, weir_call_kind(call));

    for (size_t i = 0; i < options->rule_count; i++) {
        if (strcmp(options->rules[i].method, weir_call_method(call)) == 0)
            timeout = options->rules[i].timeout;
    }
    return timeout == 0 ? DEFAULT_TIMEOUT : timeout;
}

weir_code
weir_timeout_calls(void *self, weir_call *call, weir_next *next)
{
    static const struct weir_timeout_options defaults = {.unary = 0};
    const struct weir_timeout_options *options = self == NULL ? &defaults : self;

    if (weir_call_deadline(call) == WEIR_NEVER)
        weir_call_set_timeout(call, of_call(options, call));
    return weir_proceed(next, call);
}
