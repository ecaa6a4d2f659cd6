/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the policy file. What it leaves out keeps its default: a method for which it gives roles
 * has exactly these, and its skip list replaces the default one. */
#include "userd/policy.h"

#include "user.weir.h"
#include "userd/caller.h"
#include "userd/file_text.h"
#include "userd/limits.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVICE "/user.UserService/"
#define CHANNELZ "/grpc.channelz.v1.Channelz/"

static const char *const admin_only[] = {CALLER_ADMIN};
static const char *const admin_and_user[] = {CALLER_ADMIN, CALLER_USER};

static const struct weir_permission_rule default_rules[] = {
    {.method = SERVICE "DeleteUser", .roles = admin_only, .role_count = 1},
    {.method = SERVICE "UpdateUser", .roles = admin_and_user, .role_count = 2},
    /* these reveal who calls, and from where */
    {.method = CHANNELZ "GetTopChannels", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetServers", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetServer", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetServerSockets", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetChannel", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetSubchannel", .roles = admin_only, .role_count = 1},
    {.method = CHANNELZ "GetSocket", .roles = admin_only, .role_count = 1},
};
#define DEFAULT_RULES (sizeof(default_rules) / sizeof(default_rules[0]))

static const char *const default_skip[] = {
    SERVICE "Login", SERVICE "Register", "/grpc.health.v1.Health/", NULL};

struct reading {
    struct policy *policy;
    const char *path;
    char *error;
};

/* ---- errors ---- */

/* The line of the first occurrence of a word as a JSON string; 0: it is not written literally. */
static int
line_of(const struct reading *reading, const char *word)
{
    const char *text = reading->policy->text;
    size_t len = strlen(word);
    int line = 1;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n')
            line++;
        if (*at == '"' && strncmp(at + 1, word, len) == 0 && at[len + 1] == '"')
            return line;
    }
    return 0;
}

/* field: the word in the file that the error refers to. */
static bool
fail(const struct reading *reading, const char *field, const char *why)
{
    int line = line_of(reading, field);

    if (line == 0)
        snprintf(reading->error, POLICY_ERROR, "%.150s: \"%.100s\" %s", reading->path, field, why);
    else
        snprintf(reading->error, POLICY_ERROR, "%.150s: line %d: \"%.100s\" %s", reading->path,
            line, field, why);
    return false;
}

static bool
fail_memory(const struct reading *reading)
{
    snprintf(reading->error, POLICY_ERROR, "%.150s: no memory", reading->path);
    return false;
}

/* ---- methods ---- */

static bool
has_form(const char *name)
{
    const char *slash = name[0] == '/' ? strchr(name + 1, '/') : NULL;

    return slash != NULL && slash != name + 1 && strchr(slash + 1, '/') == NULL;
}

/* An unknown method of the user service is probably a typo, which would leave another method
 * unprotected. */
static bool
judge_method(const struct reading *reading, const char *name, bool whole_service)
{
    const struct weir_service *service = &user_UserService_service;

    if (!has_form(name))
        return fail(reading, name, "is not of the form /package.Service/Method");
    if (name[strlen(name) - 1] == '/')
        return whole_service || fail(reading, name, "names no method");
    if (strncmp(name, SERVICE, sizeof(SERVICE) - 1) != 0)
        return true;
    for (size_t i = 0; i < service->method_count; i++) {
        if (strcmp(service->methods[i].path, name) == 0)
            return true;
    }
    return fail(reading, name, "is no method of user.UserService");
}

/* ---- roles and peers ---- */

/* The texts of a list, to be freed; what: how errors name them. NULL: the error is set. */
static const char **
read_texts(const struct reading *reading, const char *method, const json_t *list, const char *what)
{
    const char **texts = calloc(json_array_size(list) + 1, sizeof(*texts));
    bool good = json_is_array(list);
    char why[80];

    if (texts == NULL) {
        (void)fail_memory(reading);
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(list) && good; i++) {
        texts[i] = json_string_value(json_array_get(list, i));
        good = texts[i] != NULL;
    }
    if (good)
        return texts;
    snprintf(why, sizeof(why), "needs a list of %s, which are texts", what);
    (void)fail(reading, method, why);
    free(texts);
    return NULL;
}

/* Adopts the roles. False: there are none. */
static bool
add_rule(const struct reading *reading, const char *method, const char **roles, size_t count)
{
    if (roles == NULL)
        return false;
    reading->policy->rules[reading->policy->rule_count++] =
        (struct weir_permission_rule){.method = method, .roles = roles, .role_count = count};
    return true;
}

static bool
read_rule(const struct reading *reading, const char *method, const json_t *roles)
{
    return add_rule(
        reading, method, read_texts(reading, method, roles, "roles"), json_array_size(roles));
}

/* NULL: no memory. */
static const char **
dup_roles(const struct weir_permission_rule *rule)
{
    const char **roles = calloc(rule->role_count, sizeof(*roles));

    if (roles != NULL)
        memcpy(roles, rule->roles, rule->role_count * sizeof(*roles));
    return roles;
}

static bool
add_default_rules(const struct reading *reading, const json_t *roles)
{
    for (size_t i = 0; i < DEFAULT_RULES; i++) {
        const struct weir_permission_rule *rule = &default_rules[i];

        if (json_object_get(roles, rule->method) != NULL)
            continue;
        if (!add_rule(reading, rule->method, dup_roles(rule), rule->role_count))
            return fail_memory(reading);
    }
    return true;
}

/* peers: the number of rules to leave room for. */
static bool
read_roles(const struct reading *reading, json_t *roles, size_t peers)
{
    const char *method;
    json_t *list;

    if (roles != NULL && !json_is_object(roles))
        return fail(reading, "roles", "needs an object of methods and their roles");
    reading->policy->rules =
        calloc(json_object_size(roles) + DEFAULT_RULES + peers, sizeof(*reading->policy->rules));
    if (reading->policy->rules == NULL)
        return fail_memory(reading);
    json_object_foreach(roles, method, list)
    {
        if (!judge_method(reading, method, false) || !read_rule(reading, method, list))
            return false;
    }
    return add_default_rules(reading, roles);
}

/* The rule of a method; created if there is none. */
static struct weir_permission_rule *
rule_of(struct policy *policy, const char *method)
{
    struct weir_permission_rule *rule = policy->rules;

    while (rule < policy->rules + policy->rule_count && strcmp(rule->method, method) != 0)
        rule++;
    if (rule == policy->rules + policy->rule_count) {
        policy->rule_count++;
        rule->method = method;
    }
    return rule;
}

static bool
read_peers(const struct reading *reading, json_t *peers)
{
    const char *method;
    json_t *list;

    if (peers != NULL && !json_is_object(peers))
        return fail(reading, "peers", "needs an object of methods and their peers");
    json_object_foreach(peers, method, list)
    {
        struct weir_permission_rule *rule = rule_of(reading->policy, method);

        if (!judge_method(reading, method, false))
            return false;
        rule->peers = read_texts(reading, method, list, "peers");
        if (rule->peers == NULL)
            return false;
        rule->peer_count = json_array_size(list);
        for (size_t i = 0; i < rule->peer_count; i++)
            if (!weir_permission_is_peer(rule->peers[i]))
                return fail(reading, rule->peers[i], "is none of uri:..., dns:..., cn:..., uid:N");
    }
    return true;
}

/* ---- skip ---- */

static bool
copy_default_skip(const struct reading *reading)
{
    reading->policy->skip = calloc(1, sizeof(default_skip));
    if (reading->policy->skip == NULL)
        return fail_memory(reading);
    memcpy(reading->policy->skip, default_skip, sizeof(default_skip));
    return true;
}

static bool
read_skip(const struct reading *reading, const json_t *skip)
{
    const json_t *method;
    size_t i;

    if (skip == NULL)
        return copy_default_skip(reading);
    if (!json_is_array(skip))
        return fail(reading, "skip", "needs a list of methods");
    reading->policy->skip = calloc(json_array_size(skip) + 1, sizeof(char *));
    if (reading->policy->skip == NULL)
        return fail_memory(reading);
    json_array_foreach(skip, i, method)
    {
        if (!json_is_string(method))
            return fail(reading, "skip", "holds what is not a text");
        if (!judge_method(reading, json_string_value(method), true))
            return false;
        reading->policy->skip[i] = json_string_value(method);
    }
    return true;
}

/* ---- rates ---- */

static bool
read_rate(const struct reading *reading, const char *method, const char *text)
{
    struct weir_method_rate *rate = &reading->policy->rates[reading->policy->rate_count];

    if (text == NULL || !limits_rate_parse(text, &rate->rate))
        return fail(reading, method, "needs a rate such as \"100:200\", \"0.5\" or \"off\"");
    rate->method = method;
    reading->policy->rate_count++;
    return true;
}

static bool
read_rates(const struct reading *reading, json_t *rates)
{
    struct policy *policy = reading->policy;
    const char *method;
    json_t *rate;

    if (rates != NULL && !json_is_object(rates))
        return fail(reading, "rates", "needs an object of methods and their rates");
    policy->rates = calloc(json_object_size(rates) + 1, sizeof(*policy->rates));
    if (policy->rates == NULL)
        return fail_memory(reading);
    json_object_foreach(rates, method, rate)
    {
        if (!judge_method(reading, method, false) ||
            !read_rate(reading, method, json_string_value(rate)))
            return false;
    }
    return true;
}

/* ---- the whole file ---- */

static bool
judge_fields(const struct reading *reading, json_t *json)
{
    const char *name;
    json_t *value;

    json_object_foreach(json, name, value)
    {
        if (strcmp(name, "roles") != 0 && strcmp(name, "peers") != 0 && strcmp(name, "skip") != 0 &&
            strcmp(name, "rates") != 0)
            return fail(reading, name, "is not known; roles, peers, skip and rates are");
    }
    return true;
}

static bool
load(const struct reading *reading, json_t **out_json)
{
    json_error_t error;

    reading->policy->text = file_text_read(reading->path);
    if (reading->policy->text == NULL) {
        snprintf(
            reading->error, POLICY_ERROR, "cannot read %.150s: %s", reading->path, strerror(errno));
        return false;
    }
    *out_json = json_loads(reading->policy->text, JSON_REJECT_DUPLICATES, &error);
    reading->policy->json = *out_json;
    if (*out_json != NULL && json_is_object(*out_json))
        return true;
    snprintf(reading->error, POLICY_ERROR, "%.150s: line %d: %.150s", reading->path,
        *out_json == NULL ? error.line : 1, *out_json == NULL ? error.text : "not an object");
    return false;
}

bool
policy_read(struct policy *policy, const char *path, char error[POLICY_ERROR])
{
    const struct reading reading = {policy, path == NULL ? "policy" : path, error};
    json_t *json = NULL, *peers;

    *policy = (struct policy){0};
    if (path != NULL && (!load(&reading, &json) || !judge_fields(&reading, json)))
        return false;
    policy->guards =
        json_object_get(json, "roles") != NULL || json_object_get(json, "skip") != NULL;
    peers = json_object_get(json, "peers");
    policy->has_peers = json_object_size(peers) > 0;
    return read_roles(&reading, json_object_get(json, "roles"), json_object_size(peers)) &&
           read_peers(&reading, peers) && read_skip(&reading, json_object_get(json, "skip")) &&
           read_rates(&reading, json_object_get(json, "rates"));
}

void
policy_forget_roles(struct policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        free((void *)policy->rules[i].roles);
        policy->rules[i].roles = NULL;
    }
}

void
policy_fini(struct policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        free((void *)policy->rules[i].roles);
        free((void *)policy->rules[i].peers);
    }
    free(policy->rules);
    free((void *)policy->skip);
    free(policy->rates);
    free(policy->text);
    json_decref(policy->json);
}
