/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls, by the claims of the token; without authentication, anybody. */
/* Threads: each function belongs to the fiber of its call. */
#pragma once

#include <weir/auth.h>

#define CALLER_ADMIN "admin"
#define CALLER_USER "user"

/* The id of the caller's own record. False: nobody, or a subject of another issuer. */
bool caller_id(const weir_call *call, int32_t *out_id);

/* May the caller change this user? An admin may, and the user. */
bool caller_may_change(const weir_call *call, int32_t id);

/* Whom the caller speaks as: the claim name, else sub, else nobody, ""; NULL without
 * authentication. */
const char *caller_name(const weir_call *call);
