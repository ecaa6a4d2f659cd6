/* SPDX-License-Identifier: Apache-2.0 */
/* Building the chain of interceptors, and walking it. */
#include "rpc/chain.h"

#include "rpc/call.h"
#include <stdlib.h>

void
rpc_chain_init(struct rpc_chain *chain, weir_interceptor *end)
{
    *chain = (struct rpc_chain){.end = {.run = end, .is_end = true}};
}

void
rpc_chain_fini(struct rpc_chain *chain)
{
    free(chain->steps);
}

bool
rpc_chain_add(struct rpc_chain *chain, weir_interceptor *interceptor, void *self)
{
    struct weir_next *steps = realloc(chain->steps, (chain->count + 2) * sizeof(*steps));

    if (steps == NULL)
        return false;
    steps[chain->count++] = (struct weir_next){.run = interceptor, .self = self};
    steps[chain->count] = chain->end;
    chain->steps = steps;
    return true;
}

/* On a client's side a step may be taken again. What was added to the request further in is undone
 * when the step returns, lest the next attempt have it twice. */
static APART weir_code
step_of_client(struct weir_next *step, struct weir_call *call)
{
    size_t headers = call->out_headers.count;
    struct call_watch *watch = call_last_watch(call);
    weir_code code;

    /* A deadline that was set further out ends what waits further in. */
    if (!call_arm_deadline(call))
        return call->code;
    code = step->run(step->self, call, step + 1);
    call->out_headers.count = headers;
    if (call->headers == NULL) /* else messages may still be shown */
        call_drop_watches(call, watch);
    return code;
}

weir_code
weir_proceed(weir_next *next, weir_call *call)
{
    if (call->is_server || next->is_end)
        return next->run(next->self, call, next + 1);
    return step_of_client(next, call);
}
