/* SPDX-License-Identifier: Apache-2.0 */
/* Signers: issue tokens (JWT, RFC 7519), signed with a private key. Part of libweir-auth. */
/* Threads: a signer is immutable; safe from any thread. Signing takes up to a millisecond of CPU
 * time (RS256). */
#pragma once

#include <weir/auth.h>

WEIR_BEGIN_C

typedef struct weir_signer weir_signer;

/* Create a signer from an unencrypted private key in PEM. The key determines the algorithm: RSA of
 * 2048 bits or more RS256, EC on P-256 ES256, Ed25519 EdDSA. INVALID_ARGUMENT: not such a key;
 * out_error, which may be NULL, has the reason. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_signer_new(
    const char *pem, weir_signer **out_signer, struct weir_auth_error *out_error);

/* Create a signer with a new key for "RS256" (3072 bits), "ES256" or "EdDSA". INVALID_ARGUMENT: no
 * such algorithm. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_signer_generate(const char *algorithm, weir_signer **out_signer);

WEIR_API void weir_signer_free(weir_signer *signer);

/* "RS256", "ES256" or "EdDSA". Static. */
WEIR_API const char *weir_signer_algorithm(const weir_signer *signer);

/* The kid in the tokens: the key's thumbprint (RFC 7638). Lives as long as the signer. */
WEIR_API const char *weir_signer_key_id(const weir_signer *signer);

/* The private or public key in PEM, and the public key as a JWKS (RFC 7517). The caller frees the
 * text. NULL: no memory. */
WEIR_API char *weir_signer_private_pem(const weir_signer *signer);
WEIR_API char *weir_signer_public_pem(const weir_signer *signer);
WEIR_API char *weir_signer_jwks(const weir_signer *signer);

/* An additional claim: a string, or, if text is NULL, a number. */
struct weir_claim {
    const char *name;
    const char *text;
    int64_t number;
};

/* The claims of a token. NULL and 0 omit a claim. */
struct weir_token {
    const char *subject;      /* sub */
    const char *name;         /* name */
    const char *issuer;       /* iss */
    const char *audience;     /* aud */
    const char *id;           /* jti */
    const char *const *roles; /* roles, never omitted */
    size_t role_count;
    int64_t issued_at, not_before, expires; /* iat, nbf, exp: Unix seconds */
    const struct weir_claim *extra;
    size_t extra_count;
};

/* Sign a token. The caller frees *out_token. INVALID_ARGUMENT: a string is not valid UTF-8.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_jwt_sign(
    const weir_signer *signer, const struct weir_token *token, char **out_token);

WEIR_END_C
