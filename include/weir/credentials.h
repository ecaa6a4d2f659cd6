/* SPDX-License-Identifier: Apache-2.0 */
/* Call credentials: an authorization token for each call, fetched on demand and cached until it
 * expires. */
/* Threads: credentials may be shared by channels of several loops. Their source runs for one call
 * at a time, on any of the loops; a source of tokens for a single call (expires 0) runs for several
 * calls concurrently. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

typedef struct weir_credentials weir_credentials;

/* A token as a source returns it. */
struct weir_call_token {
    const char *value; /* of the `authorization` header, "Bearer ..."; from weir_call_keep, or
                          longer-lived */
    int64_t expires;   /* on weir_now's clock; WEIR_NEVER: does not expire; 0: not cached, for
                          this call only */
};

/* Fetches a token for a waiting call. A code other than OK, with the message set by weir_fail, is
 * the status of the attempt; codes reserved for applications become INTERNAL (gRFC A54). May
 * suspend on this call, and use it as the parent of calls on other channels. */
typedef weir_code weir_token_source(void *self, weir_call *call, struct weir_call_token *out_token);

/* Zero selects each field's default, which is given last. */
struct weir_credentials_options {
    int64_t refresh_before; /* nanoseconds before its expiry from which on a token is refreshed,
                               while calls still use the old one; at most half of its lifetime;
                               default 30 s */
    bool insecure;          /* also send tokens over connections without TLS, where they can be read
                               by others; default no */
};

/* Create credentials. Borrows self until they are freed; copies the options, which may be NULL.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_credentials_new(weir_token_source *source, void *self,
    const struct weir_credentials_options *options, weir_credentials **out_credentials);

/* After every channel and call that uses them. */
WEIR_API void weir_credentials_free(weir_credentials *credentials);

/* Client, before the call starts, or an interceptor before it proceeds: use these credentials
 * instead of the channel's; NULL: none. Borrows them until the call is freed. Over a connection
 * without TLS the call fails with UNAUTHENTICATED and sends nothing, unless they are `insecure`. */
WEIR_API void weir_call_set_credentials(weir_call *call, weir_credentials *credentials);

WEIR_END_C
