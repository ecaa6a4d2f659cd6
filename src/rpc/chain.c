/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the chain of interceptors: each step's state is on the stack of the one before. */
#include "rpc/chain.h"

#include "rpc/call.h"

/* On a client's side a step may be taken again. What was added to the request further in is undone
 * when the step returns, lest the next attempt have it twice. */
static weir_code __attribute__((noinline))
step_of_client(const struct rpc_link *link, struct weir_call *call, struct weir_next *rest)
{
    size_t headers = call->out_headers.count;
    struct call_watch *watch = call_last_watch(call);
    weir_code code;

    /* A deadline that was set further out ends what waits further in. */
    if (!call_arm_deadline(call))
        return call->code;
    code = link->run(link->self, call, rest);
    call->out_headers.count = headers;
    if (call->headers == NULL) /* else messages may still be shown */
        call_drop_watches(call, watch);
    return code;
}

weir_code
weir_proceed(weir_next *next, weir_call *call)
{
    struct weir_next rest;

    if (next->left == 0)
        return next->last(next->arg, call);
    rest = *next;
    rest.links++;
    rest.left--;
    if (call->is_server)
        return next->links->run(next->links->self, call, &rest);
    return step_of_client(next->links, call, &rest);
}
