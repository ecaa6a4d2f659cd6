/* SPDX-License-Identifier: Apache-2.0 */
/* The token is sent as call credentials, so neither interceptors nor traces see it. */
#include "userctl/token.h"

#include <stdio.h>
#include <string.h>

bool
token_is_sendable(const char *token)
{
    for (const char *c = token; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return token[0] != '\0';
}

static weir_code
give(void *self, weir_call *call, struct weir_call_token *out_token)
{
    const struct args *args = self;
    size_t size = sizeof("Bearer ") + strlen(args->token);
    char *value = weir_call_keep(call, size);

    if (value == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the token");
    snprintf(value, size, "Bearer %s", args->token);
    *out_token = (struct weir_call_token){value, WEIR_NEVER};
    return WEIR_OK;
}

weir_code
token_open(const struct args *args, weir_credentials **out_credentials)
{
    const struct weir_credentials_options options = {.insecure = !args->tls};

    *out_credentials = NULL;
    if (args->token == NULL)
        return WEIR_OK;
    return weir_credentials_new(give, (void *)args, &options, out_credentials);
}
