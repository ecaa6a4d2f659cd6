/* SPDX-License-Identifier: Apache-2.0 */
/* Walking the chain of interceptors: each step's state is on the stack of the one before. */
#include "rpc/chain.h"

weir_code
weir_proceed(weir_next *next, weir_call *call)
{
    struct weir_next rest;

    if (next->left == 0)
        return next->last(next->arg, call);
    rest = *next;
    rest.links++;
    rest.left--;
    return next->links->run(next->links->self, call, &rest);
}
