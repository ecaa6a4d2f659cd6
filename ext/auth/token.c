/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parsing of tokens: whatever no issuer's library writes is rejected. */
#include "auth/token.h"

#include "auth/base64url.h"
#include "auth/reason.h"
#include "json/strict_json.h"
#include <stddef.h>
#include <stdlib.h>

/* ---- parts ---- */

struct parts {
    weir_str header, payload, signature;
};

static bool
take_part(const char **at, const char *end, weir_str *out)
{
    const char *dot = memchr(*at, '.', (size_t)(end - *at));

    if (dot == NULL)
        return false;
    *out = (weir_str){*at, (size_t)(dot - *at)};
    *at = dot + 1;
    return true;
}

static bool
split(const char *text, size_t len, struct parts *out)
{
    const char *at = text, *end = text + len;

    if (!take_part(&at, end, &out->header) || !take_part(&at, end, &out->payload))
        return false;
    out->signature = (weir_str){at, (size_t)(end - at)};
    return memchr(at, '.', out->signature.len) == NULL;
}

/* Parse a part that is a JSON object. Returns NULL, or the reason of a failure. scratch has room
 * for the part. */
static const char *
read_part(weir_str part, uint8_t *scratch, json_t **out)
{
    size_t len;

    if (!base64url_decode(part.data, part.len, scratch, &len))
        return "not base64url";
    *out = strict_json((const char *)scratch, len, NULL);
    return *out == NULL ? "not JSON" : NULL;
}

/* ---- the header (RFC 7515, section 4.1) ---- */

static const char *
read_header(struct token *token)
{
    const char *algorithm = strict_json_text(token->header, "alg");
    const json_t *id = json_object_get(token->header, "kid");

    if (algorithm == NULL)
        return "it names no algorithm";
    token->algorithm = key_algorithm_of(algorithm);
    if (token->algorithm == KEY_ALGORITHM_COUNT)
        return auth_algorithm;
    if (json_object_get(token->header, "crit") != NULL) /* not supported, so rejected */
        return "it has a critical extension";
    if (id != NULL && !json_is_string(id))
        return "kid is not a text";
    token->key_id = json_string_value(id);
    return NULL;
}

/* ---- the claims (RFC 7519, section 4.1) ---- */

/* An absent claim leaves *out unchanged. False: not a string. */
static bool
text_claim(const json_t *payload, const char *name, const char **out)
{
    const json_t *claim = json_object_get(payload, name);

    if (claim == NULL)
        return true;
    *out = json_string_value(claim);
    return *out != NULL;
}

/* NumericDate may have a fraction. False: not a number, or out of range. */
static bool
date_claim(const json_t *payload, const char *name, double *out)
{
    const json_t *claim = json_object_get(payload, name);

    if (claim == NULL)
        return true;
    *out = json_number_value(claim);
    return json_is_number(claim) && *out >= 0 && *out < 1e15;
}

/* Seconds to nanoseconds, clamped. */
static int64_t
nanoseconds(double seconds)
{
    return seconds >= 9e9 ? INT64_MAX : (int64_t)(seconds * 1e9);
}

static int64_t
later(int64_t time, int64_t skew)
{
    return time > INT64_MAX - skew ? INT64_MAX : time + skew;
}

static const char *
read_dates(struct token *token, const struct token_rules *rules)
{
    double expires = -1, begins = -1, issued = 0;

    if (!date_claim(token->payload, "exp", &expires))
        return "exp is not a date";
    if (!date_claim(token->payload, "nbf", &begins))
        return "nbf is not a date";
    if (!date_claim(token->payload, "iat", &issued))
        return "iat is not a date";
    if (expires < 0 && !rules->allow_endless)
        return "it never expires";
    token->claims.issued_at = (int64_t)issued;
    token->claims.expires = expires < 0 ? INT64_MAX : (int64_t)expires;
    token->expires = expires < 0 ? INT64_MAX : later(nanoseconds(expires), rules->skew);
    token->begins = begins < 0 ? INT64_MIN : nanoseconds(begins) - rules->skew;
    return NULL;
}

static const char *
read_roles(struct token *token)
{
    const json_t *roles = json_object_get(token->payload, "roles"), *role;
    size_t count = json_array_size(roles), i;
    const char **texts;

    if (roles == NULL)
        return NULL;
    if (!json_is_array(roles))
        return "roles is not a list";
    texts = calloc(count + 1, sizeof(*texts));
    if (texts == NULL)
        return auth_no_memory;
    token->claims.roles = texts;
    token->claims.role_count = count;
    json_array_foreach(roles, i, role)
    {
        texts[i] = json_string_value(role);
        if (texts[i] == NULL)
            return "a role is not a text";
    }
    return NULL;
}

static const char *
read_claims(struct token *token, const struct token_rules *rules)
{
    struct weir_claims *claims = &token->claims;
    const char *reason;

    if (!text_claim(token->payload, "sub", &claims->subject))
        return "sub is not a text";
    if (!text_claim(token->payload, "name", &claims->name))
        return "name is not a text";
    if (!text_claim(token->payload, "iss", &claims->issuer))
        return "iss is not a text";
    if (!text_claim(token->payload, "jti", &claims->id))
        return "jti is not a text";
    reason = read_dates(token, rules);
    return reason == NULL ? read_roles(token) : reason;
}

static bool
is_text(const json_t *json, const char *wanted)
{
    return json_is_string(json) && strcmp(json_string_value(json), wanted) == 0;
}

/* aud is a string, or a list of strings. */
static bool
is_for(const json_t *audience, const char *wanted)
{
    const json_t *one;
    size_t i;

    json_array_foreach(audience, i, one)
    {
        if (is_text(one, wanted))
            return true;
    }
    return is_text(audience, wanted);
}

static const char *
check_rules(const struct token *token, const struct token_rules *rules)
{
    const char *issuer = token->claims.issuer;

    if (rules->issuer != NULL && (issuer == NULL || strcmp(issuer, rules->issuer) != 0))
        return auth_issuer;
    if (rules->audience != NULL && !is_for(json_object_get(token->payload, "aud"), rules->audience))
        return auth_audience;
    return NULL;
}

/* ---- whole tokens ---- */

static const char *
read_parts(struct token *token, const struct parts *parts, uint8_t *scratch)
{
    const char *reason = read_part(parts->header, scratch, &token->header);

    if (reason == NULL)
        reason = read_header(token);
    if (reason == NULL)
        reason = read_part(parts->payload, scratch, &token->payload);
    if (reason == NULL && !base64url_decode(parts->signature.data, parts->signature.len,
                              (uint8_t *)token->text + token->len, &token->signature_len))
        reason = "not base64url";
    return reason;
}

/* Allocate a token with room for the text, followed by the signature. */
static struct token *
token_new(const char *text, size_t len, const struct parts *parts)
{
    struct token *token = calloc(1, sizeof(*token) + len + BASE64URL_DECODED(parts->signature.len));

    if (token == NULL)
        return NULL;
    atomic_init(&token->holders, 1);
    memcpy(token->text, text, len);
    token->len = len;
    token->signature = (const uint8_t *)token->text + len;
    token->signed_len = parts->header.len + 1 + parts->payload.len;
    return token;
}

static const char *
fill(struct token *token, const struct parts *parts, const struct token_rules *rules)
{
    uint8_t *scratch = malloc(BASE64URL_DECODED(token->len));
    const char *reason;

    if (scratch == NULL)
        return auth_no_memory;
    reason = read_parts(token, parts, scratch);
    free(scratch);
    if (reason == NULL)
        reason = read_claims(token, rules);
    return reason == NULL ? check_rules(token, rules) : reason;
}

const char *
token_read(const char *text, size_t len, const struct token_rules *rules, struct token **out_token)
{
    struct parts parts;
    struct token *token;
    const char *reason;

    if (!split(text, len, &parts))
        return "not of three parts";
    token = token_new(text, len, &parts);
    if (token == NULL)
        return auth_no_memory;
    reason = fill(token, &parts, rules);
    if (reason == NULL)
        *out_token = token;
    else
        token_unref(token);
    return reason;
}

struct token *
token_ref(struct token *token)
{
    atomic_fetch_add_explicit(&token->holders, 1, memory_order_relaxed);
    return token;
}

void
token_unref(struct token *token)
{
    if (token == NULL || atomic_fetch_sub(&token->holders, 1) != 1)
        return;
    json_decref(token->header);
    json_decref(token->payload);
    free((void *)token->claims.roles);
    free(token);
}

const char *
token_check_time(const struct token *token, int64_t now)
{
    if (now >= token->expires)
        return auth_expired;
    return now < token->begins ? auth_not_yet : NULL;
}

const char *
token_check_signature(const struct token *token, const struct key_set *keys)
{
    return key_set_verify(keys, token->algorithm, token->key_id,
        (weir_str){token->text, token->signed_len}, token->signature, token->signature_len);
}
