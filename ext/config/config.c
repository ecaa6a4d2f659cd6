/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a service config: balancers, throttling, health, and methods. */
#include "config/choices.h"
#include "config/methods.h"
#include <stdlib.h>
#include <weir/config.h>

/* Everything that the public struct points to is in the tree. */
struct parsed {
    struct weir_service_config config; /* first, so that the two share an address */
    struct tree tree;
};

/* ---- balancers ---- */

/* {"round_robin": {}} */
static weir_code
read_balancer(
    const struct weir_value *value, struct weir_value *member, struct weir_value_error *error)
{
    if (value->kind != WEIR_VALUE_OBJECT || value->count != 1)
        return weir_value_refuse(
            value, NULL, error, "must be an object of one member, the balancer's name");
    *member = value->items[0];
    if (member->kind != WEIR_VALUE_OBJECT)
        return weir_value_refuse(&value->items[0], NULL, error, "must be an object");
    return WEIR_OK;
}

/* Convert the list to an object, whose members keep the locations for errors. */
static weir_code
read_balancers(struct tree *tree, const struct weir_value *list, struct weir_service_config *config,
    struct weir_value_error *error)
{
    struct weir_value *object = tree_alloc(tree, sizeof(*object));
    struct weir_value *members = tree_alloc(tree, list->count * sizeof(*members));

    if (object == NULL || members == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (list->count == 0)
        return weir_value_refuse(list, NULL, error, "is empty");
    for (size_t i = 0; i < list->count; i++)
        WEIR_TRY(read_balancer(&list->items[i], &members[i], error));
    *object = (struct weir_value){.kind = WEIR_VALUE_OBJECT,
        .name = list->name,
        .items = members,
        .count = list->count,
        .parent = list->parent};
    config->balancers = object;
    return WEIR_OK;
}

/* The older field: a name, case-insensitive. */
static weir_code
read_balancer_name(
    struct tree *tree, const struct weir_value *value, struct weir_service_config *config)
{
    size_t len = strlen(value->text);
    struct weir_value *object = tree_alloc(tree, 2 * sizeof(*object));
    char *name = tree_alloc(tree, len + 1);

    if (object == NULL || name == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < len; i++) {
        char c = value->text[i];

        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    object[1] = (struct weir_value){
        .kind = WEIR_VALUE_OBJECT, .name = name, .parent = object}; /* without options */
    object[0] = (struct weir_value){.kind = WEIR_VALUE_OBJECT,
        .name = value->name,
        .items = &object[1],
        .count = 1,
        .parent = value->parent};
    config->balancers = object;
    return WEIR_OK;
}

static weir_code
read_balancing(struct tree *tree, const struct weir_value *root, struct weir_service_config *config,
    struct weir_value_error *error)
{
    const struct weir_value *list = NULL;
    const char *name = NULL;

    WEIR_TRY(weir_value_read_list(root, "loadBalancingConfig", &list, error));
    WEIR_TRY(weir_value_read_text(root, "loadBalancingPolicy", &name, error));
    if (list != NULL)
        return read_balancers(tree, list, config, error);
    return name == NULL
               ? WEIR_OK
               : read_balancer_name(tree, weir_value_member(root, "loadBalancingPolicy"), config);
}

/* ---- the rest ---- */

static weir_code
read_throttling(const struct weir_value *root, struct weir_service_config *config,
    struct weir_value_error *error)
{
    const struct weir_value *object = NULL;
    int64_t tokens = 0;

    WEIR_TRY(weir_value_read_object(root, "retryThrottling", &object, error));
    if (object == NULL)
        return WEIR_OK;
    WEIR_TRY(weir_value_read_integer(object, "maxTokens", 1, 1000, &tokens, error));
    WEIR_TRY(
        weir_value_read_number(object, "tokenRatio", 0.001, 1000, &config->token_ratio, error));
    if (tokens == 0)
        return weir_value_refuse(object, "maxTokens", error, "is missing");
    if (config->token_ratio == 0)
        return weir_value_refuse(object, "tokenRatio", error, "is missing");
    config->max_tokens = (unsigned)tokens;
    return WEIR_OK;
}

static weir_code
read_health(const struct weir_value *root, struct weir_service_config *config,
    struct weir_value_error *error)
{
    const struct weir_value *object = NULL;

    WEIR_TRY(weir_value_read_object(root, "healthCheckConfig", &object, error));
    return weir_value_read_text(object, "serviceName", &config->health_service, error);
}

static weir_code
read_all(struct parsed *parsed, const char *json, size_t len, struct weir_value_error *error)
{
    struct weir_service_config *config = &parsed->config;
    const struct weir_value *root = NULL;
    struct choices_client client;
    char hostname[256];

    WEIR_TRY(tree_read(&parsed->tree, json, len, &root, error));
    if (root->kind == WEIR_VALUE_LIST) {
        client = choices_own_client(hostname);
        WEIR_TRY(choices_take(root, &client, &root, error));
    }
    WEIR_TRY(read_balancing(&parsed->tree, root, config, error));
    WEIR_TRY(methods_read(&parsed->tree, root, config, error));
    WEIR_TRY(read_throttling(root, config, error));
    return read_health(root, config, error);
}

weir_code
weir_service_config_parse(const char *json, size_t len, struct weir_service_config **out_config,
    struct weir_value_error *error)
{
    struct parsed *parsed = calloc(1, sizeof(*parsed));
    weir_code code;

    if (parsed == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = read_all(parsed, json, len, error);
    if (code == WEIR_OK)
        *out_config = &parsed->config;
    else
        weir_service_config_free(&parsed->config);
    return code;
}

void
weir_service_config_free(struct weir_service_config *config)
{
    struct parsed *parsed = (struct parsed *)(void *)config;

    if (parsed == NULL)
        return;
    tree_fini(&parsed->tree);
    free(parsed);
}

const struct weir_service_config_format weir_service_config_json = {
    .parse = weir_service_config_parse, .free = weir_service_config_free};
