/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization: per method, the roles a token must have (auth.h) and the peers that may call
 * (peer.h). Part of libweir-auth. */
/* Threads: a weir_permission is immutable; safe from any thread. */
#pragma once

#include <weir/auth.h>

WEIR_BEGIN_C

typedef struct weir_permission weir_permission;

struct weir_permission_rule {
    const char *method; /* "/package.Service/Method" */

    /* The token must have one of these roles. NULL: no role is required. An empty list: nobody may
     * call the method. */
    const char *const *roles;
    size_t role_count;

    /* In addition, the peer must be one of these: "uri:spiffe://example.org/billing",
     * "dns:billing.example.org" and "cn:billing" are names in the client's verified certificate,
     * "uid:1000" is the user at the other end of a Unix socket. NULL: any peer. */
    const char *const *peers;
    size_t peer_count;
};

/* Whether text has one of the forms of weir_permission_rule.peers. */
WEIR_API bool weir_permission_is_peer(const char *text);

/* Create permissions. Copies the rules. INVALID_ARGUMENT: a method has two rules or is malformed,
 * or a peer is malformed. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_permission_new(
    const struct weir_permission_rule *rules, size_t count, weir_permission **out_permission);

/* After every server that uses them. */
WEIR_API void weir_permission_free(weir_permission *permission);

/* The server interceptor; self is the weir_permission. Add it after weir_auth_intercept, whose
 * claims it checks. Methods without a rule are allowed. Ends a call with PERMISSION_DENIED:
 * "insufficient permissions", "no user claims found" or "peer not allowed". Suspends. */
WEIR_API weir_interceptor weir_permission_intercept;

WEIR_END_C
