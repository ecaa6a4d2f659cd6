/* SPDX-License-Identifier: Apache-2.0 */
/* Checks tokens before calls, and during streams.
 *
 * A token that was verified once is valid until it expires, as long as two marks stay unchanged:
 * that of the keys and that of the revocations. If one has changed, the signature is verified, or
 * the hook called, again. */
#include "auth/auth.h"

#include "method/method.h"
#include <strings.h>
#include <time.h>

/* Interval of checks of the key file. */
#define LOOK_EVERY WEIR_SECOND

static const struct weir_key token_key = {"weir_auth token"};

/* The coarse clock: a few milliseconds late at most, and ten times faster. */
static int64_t
unix_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

/* ---- token checks: NULL, or the reason of the rejection ---- */

static const char *
verify(struct weir_auth *auth, const struct token *token, unsigned *out_mark)
{
    struct key_set *keys;
    const char *reason;

    *out_mark = atomic_load(&auth->ring.mark);
    keys = key_ring_keys(&auth->ring);
    reason = token_check_signature(token, keys);
    key_set_unref(keys);
    return reason;
}

/* A missing key may have been added just now, and another thread may have reloaded the file first.
 */
static const char *
verify_with_newest(struct weir_auth *auth, const struct token *token, unsigned *out_mark)
{
    const char *reason = verify(auth, token, out_mark);

    if (reason == NULL)
        return NULL;
    key_ring_look(&auth->ring);
    return atomic_load(&auth->ring.mark) == *out_mark ? reason : verify(auth, token, out_mark);
}

static const char *
check_keys(struct weir_auth *auth, struct auth_home *home, struct token *token)
{
    const char *reason;
    unsigned mark;

    if (atomic_load_explicit(&token->keys_mark, memory_order_relaxed) ==
        atomic_load_explicit(&auth->ring.mark, memory_order_acquire))
        return NULL;
    reason = verify_with_newest(auth, token, &mark);
    if (reason != NULL)
        return reason;
    auth_count(&home->verified);
    atomic_store_explicit(&token->keys_mark, mark, memory_order_relaxed);
    return NULL;
}

static const char *
check_revoked(struct weir_auth *auth, struct token *token)
{
    unsigned mark = atomic_load_explicit(&auth->ask_mark, memory_order_acquire);

    if (auth->revoked == NULL ||
        atomic_load_explicit(&token->ask_mark, memory_order_relaxed) == mark)
        return NULL;
    if (auth->revoked(auth->self, &token->claims))
        return auth_revoked;
    atomic_store_explicit(&token->ask_mark, mark, memory_order_relaxed);
    return NULL;
}

static const char *
check_token(struct weir_auth *auth, struct auth_home *home, struct token *token, int64_t now)
{
    const char *reason = token_check_time(token, now);

    if (reason == NULL)
        reason = check_keys(auth, home, token);
    return reason == NULL ? check_revoked(auth, token) : reason;
}

/* ---- the token of a call ---- */

/* Check the key file periodically, so that removed keys lose effect. */
static void
look_at_keys(struct weir_auth *auth, struct auth_home *home, int64_t now)
{
    if (now < home->next_look && home->next_look - now <= LOOK_EVERY)
        return;
    home->next_look = now + LOOK_EVERY;
    key_ring_look(&auth->ring);
}

static const char *
find_cached(struct weir_auth *auth, struct auth_home *home, struct token *token, int64_t now)
{
    const char *reason = check_token(auth, home, token, now);

    if (reason == NULL)
        auth_count(&home->cached);
    else
        token_cache_drop(&home->cache, token);
    return reason;
}

static const char *
read_new(struct weir_auth *auth, struct auth_home *home, weir_str text, int64_t now,
    struct token **out_token)
{
    struct token *token;
    const char *reason = token_read(text.data, text.len, &auth->rules, &token);

    if (reason != NULL)
        return reason;
    reason = check_token(auth, home, token, now);
    if (reason != NULL) {
        token_unref(token);
        return reason;
    }
    if (token_cache_add(&home->cache, token, now))
        auth_count(&home->evicted);
    *out_token = token;
    return NULL;
}

/* The caller must unref *out_token. */
static const char *
find_token(struct weir_auth *auth, struct auth_home *home, weir_str text, struct token **out_token)
{
    int64_t now = unix_now();
    struct token *token;
    const char *reason;

    if (text.len > auth->max_token)
        return auth_too_long;
    look_at_keys(auth, home, now);
    token = token_cache_lookup(&home->cache, text);
    if (token == NULL)
        return read_new(auth, home, text, now, out_token);
    reason = find_cached(auth, home, token, now);
    if (reason == NULL)
        *out_token = token_ref(token);
    return reason;
}

/* ---- the header ---- */

/* "Bearer", case-insensitive (RFC 9110, section 11.1), and spaces before the token (RFC 6750,
 * section 2.1). */
static const char *
read_bearer(weir_str header, weir_str *out_token)
{
    static const char scheme[] = "Bearer";
    size_t len = sizeof(scheme) - 1, at = len;

    if (header.len <= len || header.data[len] != ' ' ||
        (memcmp(header.data, scheme, len) != 0 && strncasecmp(header.data, scheme, len) != 0))
        return auth_scheme;
    while (at < header.len && header.data[at] == ' ')
        at++;
    *out_token = (weir_str){header.data + at, header.len - at};
    return out_token->len == 0 ? "it is empty" : NULL;
}

/* The header's value; several are rejected, since a proxy may have checked another one. */
static const char *
find_header(weir_call *call, weir_str *out_value)
{
    static const char name[] = "authorization";
    weir_str second;
    size_t cursor = 0;

    if (!weir_call_next_header_of(call, name, &cursor, out_value))
        return auth_no_header;
    if (weir_call_next_header_of(call, name, &cursor, &second))
        return "more than one authorization header";
    return NULL;
}

/* ---- streams ---- */

/* Attached to a call until it ends; token is NULL once the interceptor has returned. */
struct watch {
    struct weir_auth *auth;
    struct token *token;
};

/* The time of the next check, on the clock of weir_now: the token's expiry, or the next recheck. */
static int64_t
next_look(const struct weir_auth *auth, const struct token *token)
{
    int64_t left = token->expires == INT64_MAX ? INT64_MAX : token->expires - unix_now();
    int64_t now = weir_now();

    if (left > auth->recheck)
        left = auth->recheck;
    if (left < 0)
        left = 0;
    return left > WEIR_NEVER - now ? WEIR_NEVER : now + left;
}

static weir_code
refuse(struct auth_home *home, weir_call *call, const char *reason)
{
    auth_count(&home->refused[auth_refusal_of(reason)]);
    if (reason == auth_no_header)
        return weir_fail(call, WEIR_UNAUTHENTICATED, "%s", reason);
    return weir_fail(call, WEIR_UNAUTHENTICATED, "invalid token: %s", reason);
}

/* The alarm of a stream. */
static weir_code
look_at_stream(void *self, weir_call *call, int64_t *out_again)
{
    const struct watch *watch = self;
    struct auth_home *home = auth_home_of(watch->auth);
    const char *reason;

    if (watch->token == NULL)
        return WEIR_OK;
    if (home == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    look_at_keys(watch->auth, home, unix_now());
    reason = check_token(watch->auth, home, watch->token, unix_now());
    if (reason != NULL) {
        auth_count(&home->ended);
        return refuse(home, call, reason);
    }
    *out_again = next_look(watch->auth, watch->token);
    return WEIR_OK;
}

static weir_code
pass_stream(struct weir_auth *auth, struct token *token, weir_call *call, weir_next *next)
{
    struct watch *watch = weir_call_keep(call, sizeof(*watch));
    weir_code code;

    if (watch == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *watch = (struct watch){auth, token};
    WEIR_TRY(weir_call_alarm(call, next_look(auth, token), look_at_stream, watch));
    code = weir_proceed(next, call);
    watch->token = NULL;
    return code;
}

/* ---- the interceptor ---- */

static weir_code
pass(struct weir_auth *auth, struct token *token, weir_call *call, weir_next *next)
{
    WEIR_TRY(weir_call_set_value(call, &token_key, token));
    if (weir_call_kind(call) != WEIR_UNARY)
        return pass_stream(auth, token, call, next);
    return weir_proceed(next, call);
}

static weir_code
check_call(struct weir_auth *auth, weir_call *call, struct token **out_token)
{
    struct auth_home *home = auth_home_of(auth);
    weir_str header = {NULL, 0}, text = {NULL, 0};
    const char *reason;

    if (home == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    reason = find_header(call, &header);
    if (reason == NULL)
        reason = read_bearer(header, &text);
    if (reason == NULL)
        reason = find_token(auth, home, text, out_token);
    return reason == NULL ? WEIR_OK : refuse(home, call, reason);
}

static bool
is_skipped(const struct weir_auth *auth, const char *method)
{
    for (size_t i = 0; i < auth->skip_count; i++) {
        if (method_matches(method, auth->skip[i].text, auth->skip[i].len))
            return true;
    }
    return false;
}

/* The value is inherited by calls that the handler makes, and ends with the interceptor. */
weir_code
weir_auth_intercept(void *self, weir_call *call, weir_next *next)
{
    struct weir_auth *auth = self;
    struct token *token = NULL;
    weir_code code;

    if (is_skipped(auth, weir_call_method(call)))
        return weir_proceed(next, call);
    code = check_call(auth, call, &token);
    if (token == NULL)
        return code;
    code = pass(auth, token, call, next);
    (void)!weir_call_set_value(call, &token_key, NULL);
    token_unref(token);
    return code;
}

const struct weir_claims *
weir_auth_claims(const weir_call *call)
{
    const struct token *token = weir_call_value(call, &token_key);

    return token == NULL ? NULL : &token->claims;
}

void
weir_auth_recheck(weir_auth *auth)
{
    if (atomic_fetch_add(&auth->ask_mark, 1) + 1 == 0) /* 0 marks a token that was never checked */
        atomic_fetch_add(&auth->ask_mark, 1);
}
