/* SPDX-License-Identifier: Apache-2.0 */
/* An attempt on a connection that ends without an answer leaves a doubt; what was refused later
 * does not end it, because the refusal may come of what that attempt did: the email is taken, the
 * user is gone, the old password is wrong. */
#include "userctl/doubt.h"

struct doubt {
    bool earlier, last; /* attempts, counted from the last one */
};

static const struct weir_key key = {"doubt"};

weir_code
doubt_begin(weir_call *call)
{
    struct doubt *doubt = weir_call_keep(call, sizeof(*doubt));

    return doubt == NULL ? WEIR_RESOURCE_EXHAUSTED : weir_call_set_value(call, &key, doubt);
}

/* A server that does not get to an end says UNAVAILABLE as well, as when its database hangs up. An
 * attempt without a peer never left. */
static bool
is_open(weir_call *call, weir_code code)
{
    return (code == WEIR_UNAVAILABLE || code == WEIR_DEADLINE_EXCEEDED) &&
           weir_call_peer(call)[0] != '\0';
}

weir_code
doubt_watch(void *self, weir_call *call, weir_next *next)
{
    struct doubt *doubt = weir_call_value(call, &key);
    weir_code code = weir_proceed(next, call);

    (void)self;
    if (doubt != NULL) {
        doubt->earlier = doubt->earlier || doubt->last;
        doubt->last = is_open(call, code);
    }
    return code;
}

const char *
doubt_of(const weir_call *call)
{
    const struct doubt *doubt = weir_call_value(call, &key);

    if (doubt == NULL)
        return "";
    if (doubt->last)
        return "; whether it was done is not known";
    return doubt->earlier ? "; an earlier attempt that failed may have done it" : "";
}
