/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's identity. */
#include "userd/caller.h"

#include <ctype.h>
#include <stdlib.h>

/* A decimal number as userd writes it: without sign or leading zeros. */
static bool
read_id(const char *text, int32_t *out_id)
{
    size_t len = text == NULL ? 0 : strlen(text);
    long long number;

    if (len == 0 || len > 10 || text[0] == '0')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
    }
    number = strtoll(text, NULL, 10);
    if (number > INT32_MAX)
        return false;
    *out_id = (int32_t)number;
    return true;
}

bool
caller_id(const weir_call *call, int32_t *out_id)
{
    const struct weir_claims *claims = weir_auth_claims(call);

    return claims != NULL && read_id(claims->subject, out_id);
}

bool
caller_may_change(const weir_call *call, int32_t id)
{
    const struct weir_claims *claims = weir_auth_claims(call);
    int32_t own;

    if (claims == NULL || weir_claims_have_role(claims, CALLER_ADMIN))
        return true;
    return caller_id(call, &own) && own == id;
}

const char *
caller_name(const weir_call *call)
{
    const struct weir_claims *claims = weir_auth_claims(call);

    if (claims == NULL)
        return NULL;
    if (claims->name != NULL && claims->name[0] != '\0')
        return claims->name;
    return claims->subject == NULL ? "" : claims->subject;
}
