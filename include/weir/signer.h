/* SPDX-License-Identifier: Apache-2.0 */
/* Issuing tokens: a private key that signs claims (JWT). In libweir-auth. */
/* Threads: a signer is constant; any thread may sign. Signing takes up to a millisecond (RS256). */
#pragma once

#include <weir/auth.h>

WEIR_BEGIN_C

typedef struct weir_signer weir_signer;

/* A private key in PEM: RSA of 2048 bits or more signs RS256, EC on P-256 ES256, Ed25519 EdDSA; a
 * passphrase is not asked for. INVALID_ARGUMENT: it is none of these; out_error, which may be NULL,
 * says why. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_signer_new(
    const char *pem, weir_signer **out_signer, struct weir_auth_error *out_error);

/* A new key for "RS256" (3072 bits), "ES256" or "EdDSA". INVALID_ARGUMENT: no such algorithm. */
WEIR_API WEIR_CHECK weir_code weir_signer_generate(const char *algorithm, weir_signer **out_signer);

WEIR_API void weir_signer_free(weir_signer *signer);

/* "RS256", "ES256" or "EdDSA". Static. */
WEIR_API const char *weir_signer_algorithm(const weir_signer *signer);

/* What tokens name the key by: its thumbprint (RFC 7638). Lives as long as the signer. */
WEIR_API const char *weir_signer_key_id(const weir_signer *signer);

/* The key as text: private and public in PEM, and the public one as a JWKS. The caller frees it.
 * NULL: no memory. */
WEIR_API char *weir_signer_private_pem(const weir_signer *signer);
WEIR_API char *weir_signer_public_pem(const weir_signer *signer);
WEIR_API char *weir_signer_jwks(const weir_signer *signer);

/* A claim of one's own: a text, or without one a number. */
struct weir_claim {
    const char *name;
    const char *text;
    int64_t number;
};

/* What a token says. NULL and 0 leave a claim out. */
struct weir_token {
    const char *subject;      /* sub */
    const char *name;         /* name */
    const char *issuer;       /* iss */
    const char *audience;     /* aud */
    const char *id;           /* jti */
    const char *const *roles; /* roles, always there */
    size_t role_count;
    int64_t issued_at, not_before, expires; /* iat, nbf, exp: seconds since 1970 */
    const struct weir_claim *extra;
    size_t extra_count;
};

/* Sign a token. The caller frees it. INVALID_ARGUMENT: a text is not UTF-8. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_jwt_sign(
    const weir_signer *signer, const struct weir_token *token, char **out_token);

WEIR_END_C
