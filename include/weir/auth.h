/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls: signed tokens (JWT, RFC 7519) checked before a call, their claims in its context. In
 * libweir-auth. */
/* Threads: one weir_auth serves the calls of every loop at once; make and free it on one thread. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

/* ---- claims ---- */

/* What a token says of its bearer. Texts are UTF-8; NULL where the token has no such claim. Lives
 * as long as the interceptor's part of the call. */
struct weir_claims {
    const char *subject; /* sub */
    const char *name;    /* name */
    const char *issuer;  /* iss */
    const char *id;      /* jti */
    const char *const *roles;
    size_t role_count;
    int64_t issued_at; /* iat, seconds since 1970; 0: none */
    int64_t expires;   /* exp, seconds since 1970; INT64_MAX: none */
};

/* The claims of the call's token, NULL without one: the method is open to all, or nobody asks for
 * tokens. */
WEIR_API const struct weir_claims *weir_auth_claims(const weir_call *call);

WEIR_API bool weir_claims_have_role(const struct weir_claims *claims, const char *role);

/* Any other claim of weir_auth_claims; NULL, or false, when there is none of that type. */
WEIR_API const char *weir_claims_text(const struct weir_claims *claims, const char *name);
WEIR_API bool weir_claims_integer(
    const struct weir_claims *claims, const char *name, int64_t *out_value);

/* ---- checking tokens ---- */

typedef struct weir_auth weir_auth;

/* Zero is the default of every field; at least one of the first two is needed. */
struct weir_auth_options {
    /* PEM, one public key (or certificate) or several, which serve whatever a token's kid says. */
    const char *public_keys;
    /* A file of keys (JWKS, RFC 7517), read anew when it changes; a token's kid chooses. A bad file
     * leaves the keys as they were. */
    const char *jwks_file;
    const char *issuer;      /* the iss that a token must have; any or none */
    const char *audience;    /* what aud must be or hold; any or none */
    const char *const *skip; /* "/package.Service/Method", or "/package.Service/" for all of its
                                methods: open to all. Ends in NULL; none */
    int64_t clock_skew;      /* nanoseconds that the issuer's clock may be off; 0 */
    bool allow_endless;      /* take tokens without an exp, which never expire */
    size_t max_token;        /* bytes; 8 KiB */
    size_t cache_tokens;     /* verified tokens that each loop remembers; 1024 */
    int64_t recheck;         /* nanoseconds between two looks at an open stream's token; 10 s */
    /* Asked about each token that is in order otherwise, before its first call and again after
     * weir_auth_recheck; true: it is refused as revoked. Must not park. */
    bool (*revoked)(void *self, const struct weir_claims *claims);
    /* Told when the JWKS file was read anew (OK), or could not be and why. Must neither park nor
     * ask the weir_auth anything. */
    void (*report)(void *self, weir_code code, const char *text);
    void *self; /* for both */
};

/* Why weir_auth_new and weir_signer_new failed. */
struct weir_auth_error {
    char text[256];
};

/* Copies the options. INVALID_ARGUMENT: a key or an option is no good, NOT_FOUND: the file cannot
 * be read; out_error, which may be NULL, says why. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_auth_new(const struct weir_auth_options *options,
    weir_auth **out_auth, struct weir_auth_error *out_error);

/* After the servers that use it. */
WEIR_API void weir_auth_free(weir_auth *auth);

/* The interceptor; self is a weir_auth. Lets a call pass with its claims, or ends it:
 * UNAUTHENTICATED "no authorization header", or "invalid token: " and the reason. RS256, ES256 and
 * EdDSA, each with keys of its own kind only. A stream is ended when its token expires or is
 * revoked. */
WEIR_API weir_interceptor weir_auth_intercept;

/* What `revoked` answers has changed: ask again about each token. Safe from any thread. */
WEIR_API void weir_auth_recheck(weir_auth *auth);

/* Why a call was refused, or an open stream ended. */
enum weir_auth_refusal {
    WEIR_AUTH_MISSING,   /* no header, or none of the scheme Bearer */
    WEIR_AUTH_TOO_LONG,  /* beyond max_token */
    WEIR_AUTH_MALFORMED, /* no JWT, or one that says odd things */
    WEIR_AUTH_SIGNATURE, /* an algorithm, a key or a signature that will not do */
    WEIR_AUTH_EXPIRED,
    WEIR_AUTH_NOT_YET_VALID,
    WEIR_AUTH_ISSUER,
    WEIR_AUTH_AUDIENCE,
    WEIR_AUTH_REVOKED,
    WEIR_AUTH_NO_MEMORY,
    WEIR_AUTH_REFUSALS
};

/* "missing", "too_long" and so on; NULL for a number that is none. Static. */
WEIR_API const char *weir_auth_refusal_name(enum weir_auth_refusal refusal);

struct weir_auth_stats {
    uint64_t cached;                      /* calls whose token had been verified before */
    uint64_t verified;                    /* signatures checked and good */
    uint64_t refused[WEIR_AUTH_REFUSALS]; /* calls refused, and streams ended */
    uint64_t ended;                       /* streams ended while open */
    uint64_t evicted;                     /* tokens that made room for others */
    uint64_t key_reloads;                 /* changes of the JWKS file that were taken over */
    uint64_t key_failures;                /* those that were not */
};

/* Sums as of about now. */
WEIR_API void weir_auth_read_stats(weir_auth *auth, struct weir_auth_stats *out_stats);

WEIR_END_C
