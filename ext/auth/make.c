/* SPDX-License-Identifier: Apache-2.0 */
/* Creates a weir_auth from its options. */
#include "auth/auth.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_TOKEN 8192
#define CACHE_TOKENS 1024
#define RECHECK (10 * WEIR_SECOND)

/* Copy a string; NULL stays NULL. False: no memory. */
static bool
copy_text(const char *text, char **out)
{
    if (text == NULL)
        return true;
    *out = strdup(text);
    return *out != NULL;
}

static weir_code
copy_skip(struct weir_auth *auth, const char *const *skip)
{
    struct skipped *list;
    size_t count = 0;

    while (skip != NULL && skip[count] != NULL)
        count++;
    list = calloc(count + 1, sizeof(*list));
    auth->skip = list;
    for (size_t i = 0; list != NULL && i < count; i++) {
        char *text = strdup(skip[i]);

        if (text == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        list[i] = (struct skipped){.text = text, .len = strlen(text)};
        auth->skip_count++;
    }
    return list == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static weir_code
copy_options(struct weir_auth *auth, const struct weir_auth_options *options)
{
    auth->max_token = options->max_token == 0 ? MAX_TOKEN : options->max_token;
    auth->cache_tokens = options->cache_tokens == 0 ? CACHE_TOKENS : options->cache_tokens;
    auth->recheck = options->recheck == 0 ? RECHECK : options->recheck;
    auth->revoked = options->revoked;
    auth->self = options->self;
    if (!copy_text(options->issuer, &auth->issuer) ||
        !copy_text(options->audience, &auth->audience))
        return WEIR_RESOURCE_EXHAUSTED;
    auth->rules = (struct token_rules){.issuer = auth->issuer,
        .audience = auth->audience,
        .skew = options->clock_skew,
        .allow_endless = options->allow_endless};
    return copy_skip(auth, options->skip);
}

static weir_code
fail(struct weir_auth_error *error, const char *what, const char *text)
{
    snprintf(error->text, sizeof(error->text), "%s%.200s", what, text);
    return WEIR_INVALID_ARGUMENT;
}

static bool
is_method(const char *text)
{
    const char *slash = text[0] == '/' ? strchr(text + 1, '/') : NULL;

    return slash != NULL && slash != text + 1 && strchr(slash + 1, '/') == NULL;
}

static weir_code
judge_options(const struct weir_auth_options *options, struct weir_auth_error *error)
{
    if (options->public_keys == NULL && options->jwks_file == NULL)
        return fail(error, "there is no key to verify tokens with", "");
    if (options->clock_skew < 0 || options->recheck < 0)
        return fail(error, "a duration is below zero", "");
    for (size_t i = 0; options->skip != NULL && options->skip[i] != NULL; i++) {
        if (!is_method(options->skip[i]))
            return fail(error, "not of the form /package.Service/Method: ", options->skip[i]);
    }
    return WEIR_OK;
}

static weir_code
fill(struct weir_auth *auth, const struct weir_auth_options *options, struct weir_auth_error *error)
{
    pthread_mutex_init(&auth->lock, NULL);
    atomic_init(&auth->ask_mark, 1);
    WEIR_TRY(key_ring_init(&auth->ring, options->public_keys, options->jwks_file, error));
    auth->ring.report = options->report;
    auth->ring.self = options->self;
    WEIR_TRY(copy_options(auth, options));
    return auth_homes_init(auth) ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

weir_code
weir_auth_new(const struct weir_auth_options *options, weir_auth **out_auth,
    struct weir_auth_error *out_error)
{
    struct weir_auth_error ignored = {0}, *error = out_error == NULL ? &ignored : out_error;
    struct weir_auth *auth;
    weir_code code;

    WEIR_TRY(judge_options(options, error));
    snprintf(error->text, sizeof(error->text), "no memory");
    auth = calloc(1, sizeof(*auth));
    if (auth == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = fill(auth, options, error);
    if (code == WEIR_OK)
        *out_auth = auth;
    else
        weir_auth_free(auth);
    return code;
}

void
weir_auth_free(weir_auth *auth)
{
    if (auth == NULL)
        return;
    auth_homes_fini(auth);
    for (size_t i = 0; i < auth->skip_count; i++)
        free(auth->skip[i].text);
    free(auth->skip);
    free(auth->issuer);
    free(auth->audience);
    key_ring_fini(&auth->ring);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}
