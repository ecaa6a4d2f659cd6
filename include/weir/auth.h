/* SPDX-License-Identifier: Apache-2.0 */
/* Authentication: verifies the signed token (JWT, RFC 7519) of each call and attaches its claims.
 * Part of libweir-auth. */
/* Threads: create and free a weir_auth on one thread; everything else is safe from any thread. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* ---- claims ---- */

/* The claims of a token. Strings are UTF-8; NULL: the token has no such claim. Lives until
 * weir_auth_intercept returns. */
struct weir_claims {
    const char *subject; /* sub */
    const char *name;    /* name */
    const char *issuer;  /* iss */
    const char *id;      /* jti */
    const char *const *roles;
    size_t role_count;
    int64_t issued_at; /* iat, in Unix seconds; 0: none */
    int64_t expires;   /* exp, in Unix seconds; INT64_MAX: none */
};

/* The claims of the call's token. NULL: it has none, because the method is in `skip` or there is no
 * weir_auth_intercept. */
WEIR_API const struct weir_claims *weir_auth_claims(const weir_call *call);

/* Whether `role` is among the roles. */
WEIR_API bool weir_claims_have_role(const struct weir_claims *claims, const char *role);

/* Any other claim, from claims returned by weir_auth_claims. NULL or false: there is none of that
 * type. */
WEIR_API const char *weir_claims_text(const struct weir_claims *claims, const char *name);
WEIR_API bool weir_claims_integer(
    const struct weir_claims *claims, const char *name, int64_t *out_value);

/* ---- verifying tokens ---- */

typedef struct weir_auth weir_auth;

/* Zero selects each field's default, which is given last; one of the first two is required. */
struct weir_auth_options {
    /* One or more public keys or certificates in PEM, used for tokens with any kid. */
    const char *public_keys;
    /* A file of keys (JWKS, RFC 7517), selected by a token's kid. Reloaded when it changes; if that
     * fails, the old keys stay in use. */
    const char *jwks_file;
    const char *issuer;      /* the required iss; default any or none */
    const char *audience;    /* what aud must be or contain; default any or none */
    const char *const *skip; /* methods that need no token: "/package.Service/Method", or
                                "/package.Service/" for all of a service; NULL-terminated; default
                                none */
    int64_t clock_skew;  /* tolerated difference to the issuer's clock, in nanoseconds; default 0 */
    bool allow_endless;  /* accept tokens without exp, which never expire; default no */
    size_t max_token;    /* bytes; default 8 KiB */
    size_t cache_tokens; /* verified tokens cached per thread; default 1024 */
    int64_t recheck;     /* nanoseconds between checks of an open stream's token; default 10 s */
    /* Called for each token that is valid otherwise, before its first call and again after
     * weir_auth_recheck; true: the token is revoked. Must not suspend. */
    bool (*revoked)(void *self, const struct weir_claims *claims);
    /* Called when the JWKS file was reloaded (OK) or rejected, with the reason. Must neither
     * suspend nor call functions of the weir_auth. */
    void (*report)(void *self, weir_code code, const char *text);
    void *self; /* of both; borrowed */
};

/* Why weir_auth_new and weir_signer_new failed. */
struct weir_auth_error {
    char text[256];
};

/* Create an authenticator. Copies the options, but for self. out_error may be NULL; it has the
 * reason for the first two errors. INVALID_ARGUMENT: a key or option is not valid. NOT_FOUND: the
 * file cannot be read. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_auth_new(const struct weir_auth_options *options,
    weir_auth **out_auth, struct weir_auth_error *out_error);

/* After every server that uses it. */
WEIR_API void weir_auth_free(weir_auth *auth);

/* The server interceptor; self is the weir_auth. Proceeds with the claims attached, or ends the
 * call with UNAUTHENTICATED: "no authorization header", or "invalid token: " and the reason.
 * Algorithms are RS256, ES256 and EdDSA, each only with keys of its type. A stream is ended when
 * its token expires or is revoked. Suspends. */
WEIR_API weir_interceptor weir_auth_intercept;

/* Make `revoked` be called again for each token, because its answers have changed. Safe from any
 * thread. */
WEIR_API void weir_auth_recheck(weir_auth *auth);

/* Why a call was refused or an open stream ended. */
enum weir_auth_refusal {
    WEIR_AUTH_MISSING,   /* no authorization header with the scheme Bearer */
    WEIR_AUTH_TOO_LONG,  /* longer than max_token */
    WEIR_AUTH_MALFORMED, /* not a well-formed JWT */
    WEIR_AUTH_SIGNATURE, /* an unsupported algorithm, unknown key or bad signature */
    WEIR_AUTH_EXPIRED,
    WEIR_AUTH_NOT_YET_VALID,
    WEIR_AUTH_ISSUER,
    WEIR_AUTH_AUDIENCE,
    WEIR_AUTH_REVOKED,
    WEIR_AUTH_NO_MEMORY,
    WEIR_AUTH_REFUSALS
};

/* "missing", "too_long" and so on; NULL for any other number. Static. */
WEIR_API const char *weir_auth_refusal_name(enum weir_auth_refusal refusal);

/* Totals. */
struct weir_auth_stats {
    uint64_t cached;                      /* calls with a token from the cache */
    uint64_t verified;                    /* signatures verified successfully */
    uint64_t refused[WEIR_AUTH_REFUSALS]; /* calls refused and streams ended */
    uint64_t ended;                       /* open streams ended */
    uint64_t evicted;                     /* tokens evicted from the cache */
    uint64_t key_reloads;                 /* successful reloads of the JWKS file */
    uint64_t key_failures;                /* failed ones */
};

/* Read the counters, which may lag slightly behind. Safe from any thread. */
WEIR_API void weir_auth_read_stats(weir_auth *auth, struct weir_auth_stats *out_stats);

WEIR_END_C
