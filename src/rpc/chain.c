/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the chain of interceptors: each step's state is on the stack of the one before.
 *
 * On a client's side a step may be taken again. What was added to the request further in is undone
 * when the step returns, lest the next attempt have it twice. */
#include "rpc/chain.h"

#include "rpc/call.h"

weir_code
weir_proceed(weir_next *next, weir_call *call)
{
    struct weir_next rest;
    struct call_watch *watch;
    size_t headers;
    weir_code code;

    if (next->left == 0)
        return next->last(next->arg, call);
    rest = *next;
    rest.links++;
    rest.left--;
    if (call->is_server)
        return next->links->run(next->links->self, call, &rest);
    /* Also while an interceptor further in waits. */
    if (!call_arm_deadline(call))
        return call->code;
    headers = call->out_headers.count;
    watch = call_last_watch(call);
    code = next->links->run(next->links->self, call, &rest);
    call->out_headers.count = headers;
    if (call->headers == NULL) /* else messages may still be shown */
        call_drop_watches(call, watch);
    return code;
}
