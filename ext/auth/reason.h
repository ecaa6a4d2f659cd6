/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons why tokens are rejected: the texts sent to callers, of those counted separately. */
/* Threads: pure functions. */
#pragma once

#include <weir/auth.h>

/* Compared by address. Any other text describes a malformed token. */
extern const char auth_no_header[];
extern const char auth_scheme[];
extern const char auth_too_long[];
extern const char auth_algorithm[];
extern const char auth_other_algorithm[];
extern const char auth_no_key[];
extern const char auth_mismatch[];
extern const char auth_expired[];
extern const char auth_not_yet[];
extern const char auth_issuer[];
extern const char auth_audience[];
extern const char auth_revoked[];
extern const char auth_no_memory[];

enum weir_auth_refusal auth_refusal_of(const char *reason);
