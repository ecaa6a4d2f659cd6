/* SPDX-License-Identifier: Apache-2.0 */
/* Acceptable passwords, and tokens for accounts. */
#include "userd/accounts.h"

#include "usercommon/utf8.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define ROLES_MAX 16

bool
accounts_open(
    struct accounts *accounts, struct store *store, unsigned threads, struct store_cause *cause)
{
    snprintf(cause->text, sizeof(cause->text), "out of memory or of threads");
    return hasher_open(&accounts->hasher, threads) && attempts_init(&accounts->attempts) &&
           revocations_open(&accounts->revocations, store, cause);
}

void
accounts_close(struct accounts *accounts)
{
    revocations_close(&accounts->revocations);
    attempts_fini(&accounts->attempts);
    hasher_close(&accounts->hasher);
}

const char *
accounts_judge_password(const char *password)
{
    size_t len = strlen(password);

    if (len < PASSWORD_MIN)
        return "password is shorter than 8 bytes";
    if (len > PASSWORD_MAX)
        return "password is longer than 1024 bytes";
    return utf8_valid(password, len) ? NULL : "password is not valid UTF-8";
}

/* ---- tokens ---- */

/* Split a text at its commas. */
static size_t
split_roles(char *text, const char *out[ROLES_MAX])
{
    size_t count = 0;

    for (char *role; count < ROLES_MAX && (role = strsep(&text, ",")) != NULL;) {
        if (role[0] != '\0')
            out[count++] = role;
    }
    return count;
}

/* On the stack of the fiber that waits. */
struct signing {
    const weir_signer *signer;
    struct weir_token token;
    char *text;
    weir_code code;
    weir_event *done;
};

static void
sign(void *arg)
{
    struct signing *signing = arg;

    signing->code = weir_jwt_sign(signing->signer, &signing->token, &signing->text);
    weir_event_set(signing->done);
}

/* An RS256 signature takes a millisecond, too long for an event loop. */
static weir_code
sign_on(weir_pool *pool, struct signing *signing)
{
    weir_code code;

    signing->done = weir_event_new();
    if (signing->done == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = weir_pool_submit(pool, sign, signing);
    if (code == WEIR_OK)
        code = weir_event_wait(signing->done, NULL);
    weir_event_unref(signing->done);
    return code == WEIR_OK ? signing->code : code;
}

weir_code
accounts_issue(const struct accounts *accounts, const struct account *account, char **out_token,
    int64_t *out_expires)
{
    const struct weir_claim epoch = {REVOCATIONS_EPOCH, NULL, account->epoch};
    struct signing signing = {.signer = accounts->signer};
    const char *roles[ROLES_MAX];
    char id[16], *role_texts = strdup(account->roles);
    int64_t now = weir_unix_seconds();
    weir_code code;

    if (role_texts == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    snprintf(id, sizeof(id), "%d", (int)account->user.id);
    signing.token = (struct weir_token){.subject = id,
        .name = account->user.name,
        .issuer = accounts->issuer,
        .audience = accounts->audience,
        .roles = roles,
        .role_count = split_roles(role_texts, roles),
        .issued_at = now,
        .expires = now + accounts->ttl,
        .extra = &epoch,
        .extra_count = 1};
    code = sign_on(accounts->pool, &signing);
    free(role_texts);
    if (code != WEIR_OK)
        return code;
    *out_token = signing.text;
    *out_expires = signing.token.expires;
    return WEIR_OK;
}

/* ---- addresses ---- */

void
accounts_address(const char *peer, char out[ACCOUNTS_ADDRESS])
{
    const char *colon = strrchr(peer, ':');
    struct in6_addr address;

    snprintf(out, ACCOUNTS_ADDRESS, "%.*s", colon == NULL ? 0 : (int)(colon - peer), peer);
    if (strncmp(out, "ipv6:[", 6) != 0)
        return;
    out[strcspn(out, "]%")] = '\0';
    if (inet_pton(AF_INET6, out + 6, &address) == 1)
        snprintf(out, ACCOUNTS_ADDRESS, "ipv6:%02x%02x%02x%02x%02x%02x%02x%02x", address.s6_addr[0],
            address.s6_addr[1], address.s6_addr[2], address.s6_addr[3], address.s6_addr[4],
            address.s6_addr[5], address.s6_addr[6], address.s6_addr[7]);
}
