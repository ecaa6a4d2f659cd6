/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons why tokens are rejected. */
#include "auth/reason.h"

const char auth_no_header[] = "no authorization header";
const char auth_scheme[] = "the scheme Bearer is required";
const char auth_too_long[] = "too long";
const char auth_algorithm[] = "the algorithm is not allowed";
const char auth_other_algorithm[] = "the algorithm is not that of the key";
const char auth_no_key[] = "no key fits";
const char auth_mismatch[] = "the signature does not match";
const char auth_expired[] = "expired";
const char auth_not_yet[] = "not yet valid";
const char auth_issuer[] = "wrong issuer";
const char auth_audience[] = "wrong audience";
const char auth_revoked[] = "revoked";
const char auth_no_memory[] = "no memory";

static const struct {
    const char *text;
    enum weir_auth_refusal refusal;
} reasons[] = {
    {auth_no_header, WEIR_AUTH_MISSING},
    {auth_scheme, WEIR_AUTH_MISSING},
    {auth_too_long, WEIR_AUTH_TOO_LONG},
    {auth_algorithm, WEIR_AUTH_SIGNATURE},
    {auth_other_algorithm, WEIR_AUTH_SIGNATURE},
    {auth_no_key, WEIR_AUTH_SIGNATURE},
    {auth_mismatch, WEIR_AUTH_SIGNATURE},
    {auth_expired, WEIR_AUTH_EXPIRED},
    {auth_not_yet, WEIR_AUTH_NOT_YET_VALID},
    {auth_issuer, WEIR_AUTH_ISSUER},
    {auth_audience, WEIR_AUTH_AUDIENCE},
    {auth_revoked, WEIR_AUTH_REVOKED},
    {auth_no_memory, WEIR_AUTH_NO_MEMORY},
};

enum weir_auth_refusal
auth_refusal_of(const char *reason)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reason == reasons[i].text)
            return reasons[i].refusal;
    }
    return WEIR_AUTH_MALFORMED;
}

const char *
weir_auth_refusal_name(enum weir_auth_refusal refusal)
{
    static const char *const names[] = {
        [WEIR_AUTH_MISSING] = "missing",
        [WEIR_AUTH_TOO_LONG] = "too_long",
        [WEIR_AUTH_MALFORMED] = "malformed",
        [WEIR_AUTH_SIGNATURE] = "signature",
        [WEIR_AUTH_EXPIRED] = "expired",
        [WEIR_AUTH_NOT_YET_VALID] = "not_yet_valid",
        [WEIR_AUTH_ISSUER] = "issuer",
        [WEIR_AUTH_AUDIENCE] = "audience",
        [WEIR_AUTH_REVOKED] = "revoked",
        [WEIR_AUTH_NO_MEMORY] = "no_memory",
    };

    return (unsigned)refusal < WEIR_AUTH_REFUSALS ? names[refusal] : NULL;
}
