/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a weir_auth, a weir_permission and the accounts from the flags. */
#include "userd/auth.h"

#include "userd/file_text.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_ISSUER "userd"
#define TTL_MAX (30 * 24 * 3600 * WEIR_SECOND)
#define RECHECK_MAX (30 * WEIR_SECOND)

/* Interval at which open streams are checked. With RECHECK_MAX, a revoked token stops working
 * within a minute. */
#define STREAM_RECHECK (10 * WEIR_SECOND)

/* ---- flags ---- */

bool
auth_read_mode(const struct flag *flag, const char *text, void *field)
{
    (void)flag;
    if (strcmp(text, "none") != 0 && strcmp(text, "jwt") != 0)
        return false;
    *(enum auth_mode *)field = strcmp(text, "jwt") == 0 ? AUTH_JWT : AUTH_NONE;
    return true;
}

static bool
fail(char error[FLAGS_ERROR], const char *text)
{
    snprintf(error, FLAGS_ERROR, "%s", text);
    return false;
}

bool
auth_check(const struct auth_settings *settings, char error[FLAGS_ERROR])
{
    bool has_key =
        settings->public_key != NULL || settings->jwks != NULL || settings->private_key != NULL;

    if (settings->mode == AUTH_JWT && !has_key)
        return fail(error, "--auth jwt needs a key to check tokens with: --jwt-private-key,"
                           " --jwt-public-key or --jwks; `userd keys create` makes one");
    if (settings->mode == AUTH_NONE && (has_key || settings->issuer != NULL ||
                                           settings->audience != NULL || settings->allow_endless))
        return fail(error, "the flags --jwt-... and --jwks have no meaning without --auth jwt");
    if (settings->ttl < WEIR_SECOND || settings->ttl > TTL_MAX)
        return fail(error, "--token-ttl: tokens live from 1s to 720h");
    if (settings->recheck < WEIR_MILLISECOND || settings->recheck > RECHECK_MAX)
        return fail(error, "--token-recheck: from 1ms to 30s");
    if (settings->ttl != AUTH_TTL_DEFAULT && settings->private_key == NULL)
        return fail(error, "--token-ttl needs --jwt-private-key, which signs tokens at Login");
    if (settings->recheck != AUTH_RECHECK_DEFAULT && settings->mode == AUTH_NONE)
        return fail(error, "--token-recheck has no meaning without --auth jwt");
    return true;
}

/* ---- keys ---- */

static char *
read_file(const char *path, char error[FLAGS_ERROR])
{
    char *text = file_text_read(path);

    if (text == NULL)
        snprintf(error, FLAGS_ERROR, "cannot read %.200s: %s", path, strerror(errno));
    return text;
}

static bool
open_signer(struct auth *auth, const char *path, char error[FLAGS_ERROR])
{
    struct weir_auth_error why;
    char *pem = path == NULL ? NULL : read_file(path, error);
    weir_code code;

    if (pem == NULL)
        return path == NULL;
    code = weir_signer_new(pem, &auth->signer, &why);
    explicit_bzero(pem, strlen(pem));
    free(pem);
    if (code != WEIR_OK)
        snprintf(error, FLAGS_ERROR, "--jwt-private-key %.200s: %s", path, why.text);
    return code == WEIR_OK;
}

/* Concatenates both texts and frees them. NULL: one of them is NULL, or no memory. */
static char *
join(char *first, char *second)
{
    size_t size = first == NULL || second == NULL ? 0 : strlen(first) + strlen(second) + 1;
    char *joined = size == 0 ? NULL : malloc(size);

    if (joined != NULL)
        snprintf(joined, size, "%s%s", first, second);
    free(first);
    free(second);
    return joined;
}

/* Our own public key, if tokens are issued here, and those of the file, as PEM. NULL: error says
 * why. */
static char *
public_keys_of(const struct auth *auth, const char *path, char error[FLAGS_ERROR])
{
    char *own = auth->signer == NULL ? strdup("") : weir_signer_public_pem(auth->signer);

    snprintf(error, FLAGS_ERROR, "out of memory");
    return join(own, path == NULL ? strdup("") : read_file(path, error));
}

static void
report_keys(void *self, weir_code code, const char *text)
{
    const struct auth *auth = self;

    if (code == WEIR_OK)
        log_line(auth->log, LOG_INFO, "new keys for tokens", log_text("file", text));
    else
        log_line(
            auth->log, LOG_ERROR, "the keys for tokens stay as they were", log_text("cause", text));
}

static bool
is_revoked(void *self, const struct weir_claims *claims)
{
    struct auth *auth = self;

    return revocations_hold(&auth->accounts.revocations, claims);
}

static bool
open_tokens(struct auth *auth, const struct auth_settings *settings, char error[FLAGS_ERROR])
{
    struct weir_auth_options options = {.jwks_file = settings->jwks,
        .issuer = settings->issuer,
        .audience = settings->audience,
        .skip = auth->policy.skip,
        .allow_endless = settings->allow_endless,
        .recheck = settings->recheck < STREAM_RECHECK ? settings->recheck : STREAM_RECHECK,
        .revoked = is_revoked,
        .report = report_keys,
        .self = auth};
    struct weir_auth_error why;
    char *pem = public_keys_of(auth, settings->public_key, error);
    weir_code code;

    if (pem == NULL)
        return false;
    options.public_keys = pem[0] == '\0' ? NULL : pem;
    code = weir_auth_new(&options, &auth->tokens, &why);
    free(pem);
    if (code != WEIR_OK)
        snprintf(error, FLAGS_ERROR, "cannot check tokens: %s", why.text);
    return code == WEIR_OK;
}

/* ---- starting and stopping ---- */

bool
auth_open(struct auth *auth, const struct auth_settings *settings, const struct log *log,
    char error[FLAGS_ERROR])
{
    auth->log = log;
    if (!policy_read(&auth->policy, settings->policy, error) ||
        !open_signer(auth, settings->private_key, error))
        return false;
    if (settings->mode == AUTH_NONE && auth->policy.guards)
        return fail(error, "--policy: roles and skip have no meaning without --auth jwt");
    if (settings->mode == AUTH_NONE)
        policy_forget_roles(&auth->policy);
    else if (!open_tokens(auth, settings, error))
        return false;
    return weir_permission_new(auth->policy.rules, auth->policy.rule_count, &auth->permission) ==
               WEIR_OK ||
           fail(error, "out of memory");
}

static bool
open_accounts(struct auth *auth, const struct auth_settings *settings, struct store *store,
    unsigned threads, char error[FLAGS_ERROR])
{
    struct accounts *accounts = &auth->accounts;
    struct store_cause cause;

    accounts->signer = auth->signer;
    accounts->issuer = settings->issuer == NULL ? DEFAULT_ISSUER : settings->issuer;
    accounts->audience = settings->audience;
    accounts->ttl = settings->ttl / WEIR_SECOND;
    if (accounts_open(accounts, store, threads, &cause))
        return true;
    snprintf(error, FLAGS_ERROR, "cannot read the accounts: %s", cause.text);
    return false;
}

static bool
wrap_tokens(struct auth *auth, const struct auth_settings *settings, weir_server *server)
{
    return revocations_start(
               &auth->accounts.revocations, auth->tokens, settings->recheck, auth->log) &&
           weir_server_wrap(server, weir_auth_intercept, auth->tokens) == WEIR_OK;
}

bool
auth_start(struct auth *auth, const struct auth_settings *settings, struct store *store,
    weir_pool *pool, unsigned threads, weir_server *server, char error[FLAGS_ERROR])
{
    if (store->accounts == NULL)
        return auth->tokens == NULL || fail(error, "this kind of database keeps no accounts");
    auth->accounts.pool = pool;
    if (!open_accounts(auth, settings, store, threads, error))
        return false;
    if (auth->tokens == NULL && !auth->policy.has_peers)
        return true;
    if ((auth->tokens == NULL || wrap_tokens(auth, settings, server)) &&
        weir_server_wrap(server, weir_permission_intercept, auth->permission) == WEIR_OK)
        return true;
    return fail(error, "out of memory or of threads");
}

void
auth_close(struct auth *auth)
{
    accounts_close(&auth->accounts);
    weir_permission_free(auth->permission);
    weir_auth_free(auth->tokens);
    weir_signer_free(auth->signer);
    policy_fini(&auth->policy);
}
