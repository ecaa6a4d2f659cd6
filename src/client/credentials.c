/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens for calls: one caller fetches a token; others meanwhile wait for it or use the old one.
 * Waiting for a token that is valid for one call only would be useless: once the source has
 * returned such a token, every caller fetches its own. */
#include "client/credentials.h"

#include "client/client.h"
#include <stdlib.h>

#define REFRESH_BEFORE (30 * WEIR_SECOND)

struct weir_credentials {
    weir_token_source *source;
    void *self;
    struct weir_credentials_options options;
    pthread_mutex_t lock;
    char *value; /* NULL: none */
    int64_t refresh_at, expires;
    unsigned fetching;   /* callers fetching; at most one unless `each` */
    bool each;           /* the latest token was for a single call */
    struct list waiting; /* token_waiter */
};

struct token_waiter {
    struct list link; /* empty once `told` is set */
    weir_event *told;
    weir_code code;
};

weir_code
weir_credentials_new(weir_token_source *source, void *self,
    const struct weir_credentials_options *options, weir_credentials **out_credentials)
{
    weir_credentials *credentials = calloc(1, sizeof(*credentials));

    if (credentials == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    credentials->source = source;
    credentials->self = self;
    if (options != NULL)
        credentials->options = *options;
    if (credentials->options.refresh_before == 0)
        credentials->options.refresh_before = REFRESH_BEFORE;
    list_init(&credentials->waiting);
    pthread_mutex_init(&credentials->lock, NULL);
    *out_credentials = credentials;
    return WEIR_OK;
}

/* Wipes the token, which is a secret. */
static void
forget(weir_credentials *credentials)
{
    if (credentials->value != NULL)
        explicit_bzero(credentials->value, strlen(credentials->value));
    free(credentials->value);
    credentials->value = NULL;
}

void
weir_credentials_free(weir_credentials *credentials)
{
    if (credentials == NULL)
        return;
    pthread_mutex_destroy(&credentials->lock);
    forget(credentials);
    free(credentials);
}

void
weir_call_set_credentials(weir_call *call, weir_credentials *credentials)
{
    call->credentials = credentials;
}

/* ---- the cached token; under the lock ---- */

static void
keep(weir_credentials *credentials, const struct weir_call_token *token, int64_t now)
{
    int64_t life = token->expires - now, before = credentials->options.refresh_before;

    forget(credentials);
    credentials->each = token->expires == 0;
    credentials->expires = token->expires;
    credentials->refresh_at = token->expires - (before < life / 2 ? before : life / 2);
    /* Without memory the next call fetches again. */
    credentials->value = token->expires > now ? strdup(token->value) : NULL;
}

/* Is the current token usable? Until refresh_at, or until it expires if the next one is being
 * fetched. */
static bool
is_good(const weir_credentials *credentials, int64_t now)
{
    return credentials->value != NULL &&
           now < (credentials->fetching > 0 ? credentials->expires : credentials->refresh_at);
}

static void
tell_waiters(weir_credentials *credentials, weir_code code)
{
    struct list *link;

    while ((link = list_shift(&credentials->waiting)) != NULL) {
        struct token_waiter *waiter = container_of(link, struct token_waiter, link);

        waiter->code = code;
        weir_event_set(waiter->told);
    }
}

/* ---- fetching ---- */

/* Codes reserved for applications (gRFC A54). */
static bool
is_for_applications(weir_code code)
{
    return code == WEIR_INVALID_ARGUMENT || code == WEIR_NOT_FOUND || code == WEIR_ALREADY_EXISTS ||
           code == WEIR_FAILED_PRECONDITION || code == WEIR_ABORTED || code == WEIR_OUT_OF_RANGE ||
           code == WEIR_DATA_LOSS;
}

static weir_code
check_token(struct weir_call *call, const struct weir_call_token *token)
{
    if (token->value == NULL || token->value[0] == '\0')
        return weir_fail(call, WEIR_UNAUTHENTICATED, "the token source gave no token");
    if (!wire_value_is_sendable(weir_str_of(token->value)))
        return weir_fail(call, WEIR_INTERNAL, "the token cannot be sent as a header");
    return WEIR_OK;
}

static weir_code
ask_source(weir_credentials *credentials, struct weir_call *call, struct weir_call_token *out_token)
{
    weir_code code = credentials->source(credentials->self, call, out_token);

    if (code == WEIR_OK)
        return check_token(call, out_token);
    if (!is_for_applications(code))
        return code;
    return weir_fail(call, WEIR_INTERNAL, "the token source failed with %s: %s",
        weir_code_name(code), weir_call_message(call));
}

/* Called with the lock held; releases it meanwhile. */
static weir_code
fetch(weir_credentials *credentials, struct weir_call *call, char **out_value)
{
    struct weir_call_token token = {NULL, 0};
    int64_t now;
    weir_code code;

    credentials->fetching++;
    pthread_mutex_unlock(&credentials->lock);
    code = ask_source(credentials, call, &token);
    now = weir_now();
    pthread_mutex_lock(&credentials->lock);
    credentials->fetching--;
    if (code == WEIR_OK)
        keep(credentials, &token, now);
    tell_waiters(credentials, code);
    if (code == WEIR_OK)
        *out_value = arena_dup(&call->arena, weir_str_of(token.value));
    else if (credentials->value != NULL && now < credentials->expires && !call->ended)
        *out_value = arena_dup(&call->arena, weir_str_of(credentials->value));
    else
        return code;
    return WEIR_OK;
}

/* Wait for the caller that fetches. Called with the lock held; releases it meanwhile. */
static weir_code
wait_for_fetch(weir_credentials *credentials, struct weir_call *call)
{
    struct token_waiter waiter = {.told = weir_event_new()};
    weir_code code;

    if (waiter.told == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    list_push(&credentials->waiting, &waiter.link);
    pthread_mutex_unlock(&credentials->lock);
    code = weir_event_wait(waiter.told, call);
    pthread_mutex_lock(&credentials->lock);
    list_remove(&waiter.link);
    weir_event_unref(waiter.told);
    if (code != WEIR_OK)
        return code;
    if (waiter.code == WEIR_CANCELLED || waiter.code == WEIR_DEADLINE_EXCEEDED)
        return WEIR_OK; /* only the other call ended, so this one fetches */
    if (waiter.code != WEIR_OK)
        return weir_fail(call, waiter.code, "another call's attempt to get a token failed");
    return WEIR_OK;
}

/* Is a token being fetched that this call may use? */
static bool
is_coming(const weir_credentials *credentials)
{
    return credentials->fetching > 0 && !credentials->each;
}

/* Copies the token to the call's arena. */
static weir_code
get_token(weir_credentials *credentials, struct weir_call *call, char **out_value)
{
    char *value = NULL;
    weir_code code = WEIR_OK;

    pthread_mutex_lock(&credentials->lock);
    while (code == WEIR_OK && is_coming(credentials) && !is_good(credentials, weir_now()))
        code = wait_for_fetch(credentials, call);
    if (code == WEIR_OK && is_good(credentials, weir_now()))
        value = arena_dup(&call->arena, weir_str_of(credentials->value));
    else if (code == WEIR_OK)
        code = fetch(credentials, call, &value);
    pthread_mutex_unlock(&credentials->lock);
    if (code == WEIR_OK && value == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a token");
    *out_value = value;
    return code;
}

weir_code
credentials_apply(struct weir_call *attempt)
{
    const struct weir_channel *channel = attempt->owner;
    weir_credentials *credentials = attempt->credentials;

    if (credentials == NULL || attempt->token != NULL)
        return WEIR_OK;
    if (channel->tls == NULL && !credentials->options.insecure)
        return weir_fail(attempt, WEIR_UNAUTHENTICATED,
            "credentials are not sent over a connection without TLS");
    return get_token(credentials, attempt, &attempt->token);
}
