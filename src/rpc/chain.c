/* SPDX-License-Identifier: Apache-2.0 */
/* Building and running the chain of interceptors. */
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

/* On a client, a step may run again for another attempt. So what inner steps added to the request
 * is removed when the step returns. */
static APART weir_code
step_of_client(struct weir_next *step, struct weir_call *call)
{
    size_t headers = call->out_headers.count;
    struct call_watch *watch = call_last_watch(call);
    weir_code code;

    /* Apply a deadline set by an outer step to the inner ones. */
    if (!call_arm_deadline(call))
        return call->code;
    code = step->run(step->self, call, step + 1);
    call->out_headers.count = headers;
    if (call->headers == NULL) /* otherwise messages may still be shown to them */
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
