/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of signed tokens (JWS Compact Serialization, RFC 7515, section 7.1), and validation of
 * their claims. */
/* Threads: pure functions; a parsed token is constant, except for its marks. */
#pragma once

#include "auth/key_set.h"

/* Requirements on a token's claims. */
struct token_rules {
    const char *issuer, *audience; /* NULL: any, or absent */
    int64_t skew;                  /* nanoseconds */
    bool allow_endless;            /* accept tokens without exp */
};

/* A parsed token. Reference-counted, since calls may outlive its place in a cache. */
struct token {
    atomic_uint holders;
    struct weir_claims claims;
    json_t *payload; /* the claims point into it */
    json_t *header;
    enum key_algorithm algorithm;
    const char *key_id; /* NULL: none */
    int64_t expires;    /* nanoseconds since 1970, including the skew; INT64_MAX: never */
    int64_t begins;     /* the same of nbf; INT64_MIN: always valid */
    size_t signed_len;  /* length of header and payload, as signed */
    size_t signature_len;
    const uint8_t *signature; /* stored after the text */
    atomic_uint keys_mark;    /* of the last check of keys and revocations, see auth.c */
    atomic_uint ask_mark;
    size_t len;
    char text[];
};

/* Parse a token and check its claims against the rules, except times. Returns NULL with *out_token,
 * to be released with token_unref; or the reason why it is rejected (static). */
const char *token_read(
    const char *text, size_t len, const struct token_rules *rules, struct token **out_token);

struct token *token_ref(struct token *token);
void token_unref(struct token *token);

/* Check the token at this time, in nanoseconds since 1970. Returns NULL, or the reason why it is
 * rejected. */
const char *token_check_time(const struct token *token, int64_t now);

/* The same for its signature. */
const char *token_check_signature(const struct token *token, const struct key_set *keys);
