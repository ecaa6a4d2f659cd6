/* SPDX-License-Identifier: Apache-2.0 */
/* An attempt that was sent and got no response may have been executed. A later attempt that is
 * refused does not rule that out: the refusal may be a consequence of the first one, because now
 * the email is taken, the user is gone, or the old password is wrong. */
#include "userctl/doubt.h"

struct doubt {
    bool earlier, last; /* attempts whose outcome is unknown */
};

static const struct weir_key key = {"doubt"};

weir_code
doubt_begin(weir_call *call)
{
    struct doubt *doubt = weir_call_keep(call, sizeof(*doubt));

    return doubt == NULL ? WEIR_RESOURCE_EXHAUSTED : weir_call_set_value(call, &key, doubt);
}

/* Servers also return UNAVAILABLE if they cannot complete a call, for example when the database
 * closes its connection. An attempt without a peer was never sent. */
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
