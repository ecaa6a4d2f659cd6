/* SPDX-License-Identifier: Apache-2.0 */
/* Authorization by roles and peers per method. */
#include <weir/permission.h>

#include <stdlib.h>
#include <weir/peer.h>

struct rule {
    char *method;
    char **roles, **peers; /* NULL-terminated; NULL: none required */
};

struct weir_permission {
    size_t count;
    struct rule rules[]; /* sorted by method */
};

static int
compare(const void *a, const void *b)
{
    return strcmp(((const struct rule *)a)->method, ((const struct rule *)b)->method);
}

static void
free_texts(char **texts)
{
    for (char **text = texts; text != NULL && *text != NULL; text++)
        free(*text);
    free((void *)texts);
}

static void
rule_fini(struct rule *rule)
{
    free_texts(rule->roles);
    free_texts(rule->peers);
    free(rule->method);
}

/* Copy a list of strings. NULL: no memory. */
static char **
dup_texts(const char *const *texts, size_t count)
{
    char **copies = (char **)calloc(count + 1, sizeof(char *));

    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = strdup(texts[i]);
        if (copies[i] == NULL) {
            free_texts(copies);
            return NULL;
        }
    }
    return copies;
}

/* False: no memory; call rule_fini in any case. */
static bool
rule_init(struct rule *copy, const struct weir_permission_rule *rule)
{
    copy->method = strdup(rule->method);
    if (rule->roles != NULL)
        copy->roles = dup_texts(rule->roles, rule->role_count);
    if (rule->peers != NULL)
        copy->peers = dup_texts(rule->peers, rule->peer_count);
    return copy->method != NULL && (copy->roles == NULL) == (rule->roles == NULL) &&
           (copy->peers == NULL) == (rule->peers == NULL);
}

/* The text after a prefix; NULL: it has another prefix. */
static const char *
after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 && text[len] != '\0' ? text + len : NULL;
}

static bool
is_number(const char *text)
{
    return text != NULL && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 10;
}

bool
weir_permission_is_peer(const char *text)
{
    return after(text, "uri:") != NULL || after(text, "dns:") != NULL ||
           after(text, "cn:") != NULL || is_number(after(text, "uid:"));
}

static bool
are_peers(const char *const *peers, size_t count)
{
    for (size_t i = 0; peers != NULL && i < count; i++)
        if (!weir_permission_is_peer(peers[i]))
            return false;
    return true;
}

/* "/package.Service/Method": anything else would match no call, and leave a method unprotected. */
static bool
is_method(const char *text)
{
    const char *slash = text[0] == '/' ? strchr(text + 1, '/') : NULL;

    return slash != NULL && slash != text + 1 && slash[1] != '\0' && strchr(slash + 1, '/') == NULL;
}

static weir_code
copy_rules(struct weir_permission *permission, const struct weir_permission_rule *rules)
{
    struct rule *own = permission->rules;

    for (size_t i = 0; i < permission->count; i++) {
        if (!is_method(rules[i].method) || !are_peers(rules[i].peers, rules[i].peer_count))
            return WEIR_INVALID_ARGUMENT;
        if (!rule_init(&own[i], &rules[i]))
            return WEIR_RESOURCE_EXHAUSTED;
    }
    qsort(own, permission->count, sizeof(*own), compare);
    for (size_t i = 1; i < permission->count; i++) {
        if (compare(&own[i - 1], &own[i]) == 0)
            return WEIR_INVALID_ARGUMENT;
    }
    return WEIR_OK;
}

weir_code
weir_permission_new(
    const struct weir_permission_rule *rules, size_t count, weir_permission **out_permission)
{
    struct weir_permission *permission =
        calloc(1, sizeof(*permission) + count * sizeof(permission->rules[0]));
    weir_code code;

    if (permission == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    permission->count = count;
    code = copy_rules(permission, rules);
    if (code == WEIR_OK)
        *out_permission = permission;
    else
        weir_permission_free(permission);
    return code;
}

void
weir_permission_free(weir_permission *permission)
{
    for (size_t i = 0; permission != NULL && i < permission->count; i++)
        rule_fini(&permission->rules[i]);
    free(permission);
}

static bool
have_one(const struct weir_claims *claims, char *const *roles)
{
    for (; *roles != NULL; roles++) {
        if (weir_claims_have_role(claims, *roles))
            return true;
    }
    return false;
}

static bool
is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The names of an unverified certificate are ignored. */
static bool
has_name(const struct weir_peer_identity *peer, const char *text)
{
    const char *uri = after(text, "uri:"), *dns = after(text, "dns:"), *cn = after(text, "cn:");

    if (!peer->is_verified)
        return false;
    if (uri != NULL)
        return is_one_of(uri, peer->uris, peer->uri_count);
    if (dns != NULL)
        return is_one_of(dns, peer->dns_names, peer->dns_name_count);
    return cn != NULL && peer->common_name != NULL && strcmp(cn, peer->common_name) == 0;
}

static bool
is_user(const struct weir_peer_identity *peer, const char *text)
{
    const char *uid = after(text, "uid:");

    return uid != NULL && peer->is_unix && strtoull(uid, NULL, 10) == peer->uid;
}

static bool
is_allowed(weir_call *call, char *const *peers)
{
    const struct weir_peer_identity *peer = weir_call_peer_identity(call);

    for (; peer != NULL && *peers != NULL; peers++)
        if (has_name(peer, *peers) || is_user(peer, *peers))
            return true;
    return false;
}

weir_code
weir_permission_intercept(void *self, weir_call *call, weir_next *next)
{
    const struct weir_permission *permission = self;
    const struct rule wanted = {.method = (char *)weir_call_method(call)};
    const struct rule *rule =
        bsearch(&wanted, permission->rules, permission->count, sizeof(*rule), compare);
    const struct weir_claims *claims = rule == NULL ? NULL : weir_auth_claims(call);

    if (rule == NULL)
        return weir_proceed(next, call);
    if (rule->peers != NULL && !is_allowed(call, rule->peers))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "peer not allowed");
    if (rule->roles != NULL && claims == NULL)
        return weir_fail(call, WEIR_PERMISSION_DENIED, "no user claims found");
    if (rule->roles != NULL && !have_one(claims, rule->roles))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "insufficient permissions");
    return weir_proceed(next, call);
}
