/* SPDX-License-Identifier: Apache-2.0 */
/* Accessors of claims, for handlers. */
#include "auth/token.h"
#include "json/strict_json.h"

#include <stddef.h>

bool
weir_claims_have_role(const struct weir_claims *claims, const char *role)
{
    for (size_t i = 0; i < claims->role_count; i++) {
        if (strcmp(claims->roles[i], role) == 0)
            return true;
    }
    return false;
}

/* Claims are always part of a token. */
static const json_t *
claim_of(const struct weir_claims *claims, const char *name)
{
    const struct token *token =
        (const struct token *)(const void *)((const char *)claims - offsetof(struct token, claims));

    return json_object_get(token->payload, name);
}

const char *
weir_claims_text(const struct weir_claims *claims, const char *name)
{
    return json_string_value(claim_of(claims, name));
}

bool
weir_claims_integer(const struct weir_claims *claims, const char *name, int64_t *out_value)
{
    const json_t *claim = claim_of(claims, name);

    if (!json_is_integer(claim))
        return false;
    *out_value = json_integer_value(claim);
    return true;
}
