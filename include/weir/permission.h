/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what: roles per method, held against the claims that weir_auth left, and peers, held
 * against what the connection proves. In libweir-auth. */
/* Threads: a weir_permission is constant; it serves the calls of every loop at once. */
#pragma once

#include <weir/auth.h>

WEIR_BEGIN_C

typedef struct weir_permission weir_permission;

struct weir_permission_rule {
    const char *method; /* "/package.Service/Method" */

    /* Any one of them will do. NULL: no role is asked for; none: nobody may call it. */
    const char *const *roles;
    size_t role_count;

    /* Any one of them will do, besides the role: "uri:spiffe://example.org/billing",
     * "dns:billing.example.org" and "cn:billing" are names in the client's verified certificate,
     * "uid:1000" is the user behind a Unix socket. NULL: any peer. */
    const char *const *peers;
    size_t peer_count;
};

/* Is it a peer of one of these forms? */
WEIR_API bool weir_permission_is_peer(const char *text);

/* Copies the rules. INVALID_ARGUMENT: a method has two, or is not of the form
 * "/package.Service/Method", or a peer is of none. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_permission_new(
    const struct weir_permission_rule *rules, size_t count, weir_permission **out_permission);
WEIR_API void weir_permission_free(weir_permission *permission);

/* The interceptor; self is a weir_permission; it stands inside of weir_auth_intercept. A method
 * without a rule is open. PERMISSION_DENIED: "insufficient permissions", "no user claims found", or
 * "peer not allowed".
 */
WEIR_API weir_interceptor weir_permission_intercept;

WEIR_END_C
