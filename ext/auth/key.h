/* SPDX-License-Identifier: Apache-2.0 */
/* A key and its algorithm (RFC 7518; RFC 8037). */
/* Threads: a key is constant; any thread may verify with it. */
#pragma once

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <weir/base.h>

/* The algorithm is determined by the key, never by the token (RFC 8725, section 3.1). */
enum key_algorithm { KEY_RS256, KEY_ES256, KEY_EDDSA, KEY_ALGORITHM_COUNT };

/* A P-256 signature is two integers of this size, in bytes (RFC 7518, section 3.4). */
#define KEY_P256_SIZE 32

struct key {
    EVP_PKEY *pkey;
    enum key_algorithm algorithm;
    char *id; /* kid; NULL: none, so it may verify any token */
};

/* "RS256" and so on. */
const char *key_algorithm_name(enum key_algorithm algorithm);

/* KEY_ALGORITHM_COUNT: not supported, such as "none" or "HS256". */
enum key_algorithm key_algorithm_of(const char *name);

/* Adopts pkey. Returns NULL, or the reason why the key is not usable (static); it is then freed. */
const char *key_init(struct key *key, EVP_PKEY *pkey);

/* Parse a public key of a set (RFC 7517, section 4). Returns NULL, or the reason of a failure.
 * *out_foreign: its type or use is not supported here, which is not an error of the set. */
const char *key_init_jwk(struct key *key, const json_t *jwk, bool *out_foreign);

void key_fini(struct key *key);

/* Is the signature of the text valid under this key? */
bool key_verify(const struct key *key, weir_str text, const uint8_t *signature, size_t len);

/* The public key as a JWK without kid, its members in the order of RFC 7638, so that its text is
 * the input of a thumbprint. NULL: no memory. */
json_t *key_jwk(const struct key *key);
