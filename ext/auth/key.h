/* SPDX-License-Identifier: Apache-2.0 */
/* One key and the one algorithm that it is for (RFC 7518; RFC 8037). */
/* Threads: a key is constant; any thread may verify with it. */
#pragma once

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <weir/base.h>

/* The algorithm follows from the key and never from what a token says of itself (RFC 8725, section
 * 3.1). */
enum key_algorithm { KEY_RS256, KEY_ES256, KEY_EDDSA, KEY_ALGORITHM_COUNT };

/* Bytes of a signature on P-256: two numbers of this size (RFC 7518, section 3.4). */
#define KEY_P256_SIZE 32

struct key {
    EVP_PKEY *pkey;
    enum key_algorithm algorithm;
    char *id; /* its kid, NULL: none; it may serve any token then */
};

/* "RS256" and so on. */
const char *key_algorithm_name(enum key_algorithm algorithm);

/* KEY_ALGORITHM_COUNT: it is none of ours, such as "none" or "HS256". */
enum key_algorithm key_algorithm_of(const char *name);

/* Adopts pkey. NULL: the key may be used; else what is wrong with it, and it is freed. Static. */
const char *key_init(struct key *key, EVP_PKEY *pkey);

/* Read a public key of a set (RFC 7517, section 4). NULL: it is there; else why not. *out_foreign:
 * it is of a kind, or for a use, that is not ours: no fault of the set. */
const char *key_init_jwk(struct key *key, const json_t *jwk, bool *out_foreign);

void key_fini(struct key *key);

/* Is it the key's signature of the text? */
bool key_verify(const struct key *key, weir_str text, const uint8_t *signature, size_t len);

/* The public half as a JWK without kid, its members in the order of RFC 7638, so that its text is
 * what a thumbprint is made of. NULL: no memory. */
json_t *key_jwk(const struct key *key);
