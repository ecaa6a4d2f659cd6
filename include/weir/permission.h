/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call what: roles per method, held against the claims that weir_auth left. In
 * libweir-auth.
 */
/* Threads: a weir_permission is constant; it serves the calls of every loop at once. */
#pragma once

#include <weir/auth.h>

WEIR_BEGIN_C

typedef struct weir_permission weir_permission;

struct weir_permission_rule {
    const char *method;       /* "/package.Service/Method" */
    const char *const *roles; /* any one of them will do; none: nobody may call it */
    size_t role_count;
};

/* Copies the rules. INVALID_ARGUMENT: a method has two, or is not of the
 * form "/package.Service/Method". RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_permission_new(
    const struct weir_permission_rule *rules, size_t count, weir_permission **out_permission);
WEIR_API void weir_permission_free(weir_permission *permission);

/* The interceptor; self is a weir_permission; it stands inside of weir_auth_intercept. A method
 * without a rule is open. PERMISSION_DENIED: "insufficient permissions", or "no user claims found".
 */
WEIR_API weir_interceptor weir_permission_intercept;

WEIR_END_C
