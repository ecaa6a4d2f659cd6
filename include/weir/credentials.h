/* SPDX-License-Identifier: Apache-2.0 */
/* Call credentials: a token for each call, fetched when it is needed and kept until it expires. */
/* Threads: an object may serve channels of several loops at the same time. Its source then runs for
 * one call at a time, on any of them; one that gives tokens for a call alone runs for all calls at
 * the same time, and must be safe for that. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

typedef struct weir_credentials weir_credentials;

/* What a source gives. */
struct weir_call_token {
    const char *value; /* of `authorization`: "Bearer ..."; from weir_call_keep, or longer-lived */
    int64_t expires;   /* on the clock of weir_now; 0: it is for this call alone, and others are
                          not made to wait for it; WEIR_NEVER */
};

/* Fetch a token for a call that waits for it. A code other than OK, with a text of weir_fail, is
 * the status of the attempt; one that a library may not make becomes INTERNAL (gRFC A54). May
 * suspend: with this call, which may also be the parent of calls on other channels. */
typedef weir_code weir_token_source(void *self, weir_call *call, struct weir_call_token *out_token);

/* Zero is the default of every field. */
struct weir_credentials_options {
    int64_t refresh_before; /* nanoseconds before it expires a token is fetched anew, while calls go
                               on with the old one; 30 s, at most half of its life */
    bool insecure;          /* send it over connections without TLS as well, which anybody on the
                               way can read; never */
};

/* Borrows self. RESOURCE_EXHAUSTED: no memory. options may be NULL. */
WEIR_API WEIR_CHECK weir_code weir_credentials_new(weir_token_source *source, void *self,
    const struct weir_credentials_options *options, weir_credentials **out_credentials);

/* After every channel and call that uses it. */
WEIR_API void weir_credentials_free(weir_credentials *credentials);

/* Client, before the call starts, or an interceptor before it proceeds: use these in place of the
 * channel's; NULL: none. Borrows them until the call is freed. Over a connection without TLS the
 * call fails with UNAUTHENTICATED, and nothing is sent. */
WEIR_API void weir_call_set_credentials(weir_call *call, weir_credentials *credentials);

WEIR_END_C
