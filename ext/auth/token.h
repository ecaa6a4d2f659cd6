/* SPDX-License-Identifier: Apache-2.0 */
/* A signed token in its three parts (JWS Compact Serialization, RFC 7515, section 7.1), and what it
 * says. */
/* Threads: pure functions on what they are given; a token that was read is constant but for its
 * marks. */
#pragma once

#include "auth/key_set.h"

/* What a token must say besides being signed. */
struct token_rules {
    const char *issuer, *audience; /* NULL: any or none */
    int64_t skew;                  /* nanoseconds */
    bool allow_endless;            /* without an exp */
};

/* A token that was read. Counted, since its calls go on when a cache has dropped it. */
struct token {
    atomic_uint holders;
    struct weir_claims claims;
    json_t *payload; /* which the claims point into */
    json_t *header;
    enum key_algorithm algorithm;
    const char *key_id; /* NULL: none */
    int64_t expires;    /* nanoseconds since 1970, with the skew; INT64_MAX: never */
    int64_t begins;     /* the same of nbf; INT64_MIN: ever */
    size_t signed_len;  /* header and payload as they were signed */
    size_t signature_len;
    const uint8_t *signature; /* behind the text */
    atomic_uint keys_mark;    /* as of which keys and which revocations it was good, see auth.c */
    atomic_uint ask_mark;
    size_t len;
    char text[];
};

/* Read a token and hold its claims against the rules, all but the time. NULL: *out_token is there,
 * for token_unref; else the reason why it is no good. Static. */
const char *token_read(
    const char *text, size_t len, const struct token_rules *rules, struct token **out_token);

struct token *token_ref(struct token *token);
void token_unref(struct token *token);

/* At this time, in nanoseconds since 1970: NULL, or the reason why it is no good. */
const char *token_check_time(const struct token *token, int64_t now);

/* The same of its signature. */
const char *token_check_signature(const struct token *token, const struct key_set *keys);
