/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's identity, from the claims of its token; without authentication, anybody. */
/* Threads: each function belongs to the fiber of its call. */
#pragma once

#include <weir/auth.h>

#define CALLER_ADMIN "admin"
#define CALLER_USER "user"

/* The id of the caller's own user. False: no such user, or the token is from another issuer. */
bool caller_id(const weir_call *call, int32_t *out_id);

/* May the caller change this user? Admins and the user may. */
bool caller_may_change(const weir_call *call, int32_t id);

/* The name that the caller uses in the chat: the claim `name`, else `sub`, else ""; NULL without
 * authentication. */
const char *caller_name(const weir_call *call);
