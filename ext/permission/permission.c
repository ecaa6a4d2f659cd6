/* SPDX-License-Identifier: Apache-2.0 */
/* Roles per method. */
#include <weir/permission.h>

#include <stdlib.h>

struct rule {
    char *method;
    char **roles; /* ends in NULL */
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
rule_fini(struct rule *rule)
{
    for (char **role = rule->roles; role != NULL && *role != NULL; role++)
        free(*role);
    free((void *)rule->roles);
    free(rule->method);
}

/* False: no memory; to be ended in any case. */
static bool
rule_init(struct rule *copy, const struct weir_permission_rule *rule)
{
    copy->method = strdup(rule->method);
    copy->roles = (char **)calloc(rule->role_count + 1, sizeof(char *));
    if (copy->method == NULL || copy->roles == NULL)
        return false;
    for (size_t i = 0; i < rule->role_count; i++) {
        copy->roles[i] = strdup(rule->roles[i]);
        if (copy->roles[i] == NULL)
            return false;
    }
    return true;
}

/* "/package.Service/Method": another text would match no call, and leave a method open. */
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
        if (!is_method(rules[i].method))
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

weir_code
weir_permission_intercept(void *self, weir_call *call, weir_next *next)
{
    const struct weir_permission *permission = self;
    const struct rule wanted = {.method = (char *)weir_call_method(call)};
    const struct rule *rule =
        bsearch(&wanted, permission->rules, permission->count, sizeof(*rule), compare);
    const struct weir_claims *claims = rule == NULL ? NULL : weir_auth_claims(call);

    if (rule != NULL && claims == NULL)
        return weir_fail(call, WEIR_PERMISSION_DENIED, "no user claims found");
    if (rule != NULL && !have_one(claims, rule->roles))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "insufficient permissions");
    return weir_proceed(next, call);
}
