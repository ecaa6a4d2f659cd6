/* SPDX-License-Identifier: Apache-2.0 */
/* Builds policies, looked up by a method's path, from a public service config. */
#include "client/config.h"

#include "base/map.h"
#include "base/random.h"
#include "client/retry.h"
#include <stdio.h>
#include <stdlib.h>

struct client_config {
    unsigned refs;
    struct arena arena;
    struct map names; /* "/SERVICE/METHOD", "/SERVICE/", "" -> client_policy */
    struct client_policy *policies;
    size_t count;
    const char *health_service; /* NULL: none */
};

/* ---- checks; parsed configs always pass them ---- */

static weir_code
refuse(struct weir_value_error *error, size_t number, const char *why)
{
    if (error != NULL)
        snprintf(error->text, sizeof(error->text), "methods[%zu]: %s", number, why);
    return WEIR_INVALID_ARGUMENT;
}

static weir_code
check_method(const struct weir_method_config *method, size_t number, struct weir_value_error *error)
{
    if (method->timeout < 0)
        return refuse(error, number, "timeout is below zero");
    if (method->retry != NULL && method->hedge != NULL)
        return refuse(error, number, "there are both retries and hedges");
    for (size_t i = 0; i < method->name_count; i++) {
        if (method->names[i].service == NULL && method->names[i].method != NULL)
            return refuse(error, number, "a method has no service");
    }
    return WEIR_OK;
}

static weir_code
check_throttle(const struct weir_service_config *from, struct weir_value_error *error)
{
    if (from->max_tokens == 0 || (from->max_tokens <= RETRY_MOST_TOKENS && from->token_ratio > 0 &&
                                     from->token_ratio <= RETRY_MOST_TOKENS))
        return WEIR_OK;
    if (error != NULL)
        snprintf(error->text, sizeof(error->text), "max_tokens or token_ratio is out of its range");
    return WEIR_INVALID_ARGUMENT;
}

/* ---- policies ---- */

static size_t
lower_of(size_t limit, size_t otherwise)
{
    return limit != 0 && limit < otherwise ? limit : otherwise;
}

static weir_code
make_retry(const struct weir_retry_options *options, struct retry_throttle *throttle,
    weir_retry **out_retry)
{
    WEIR_TRY(weir_retry_new(options, out_retry));
    (*out_retry)->policy.throttle = throttle;
    return WEIR_OK;
}

static weir_code
make_hedge(const struct weir_hedge_options *options, struct retry_throttle *throttle,
    weir_hedge **out_hedge)
{
    WEIR_TRY(weir_hedge_new(options, out_hedge));
    (*out_hedge)->policy.throttle = throttle;
    return WEIR_OK;
}

static weir_code
make_policy(struct client_config *config, const struct weir_method_config *method,
    const struct call_shared *shared, struct retry_throttle *throttle, struct client_policy *policy)
{
    *policy = (struct client_policy){.config = config,
        .timeout = method->timeout == 0 ? WEIR_NEVER : method->timeout,
        .wait_for_ready = method->wait_for_ready,
        .max_receive = lower_of(method->max_response_message, shared->max_receive),
        .max_send = lower_of(method->max_request_message, shared->max_send)};
    if (method->retry != NULL)
        return make_retry(method->retry, throttle, &policy->retry);
    return method->hedge == NULL ? WEIR_OK : make_hedge(method->hedge, throttle, &policy->hedge);
}

/* The key of a name, in the arena. NULL: no memory. */
static const char *
make_key(struct client_config *config, const struct weir_method_name *name)
{
    const char *method = name->method == NULL ? "" : name->method;
    size_t size;
    char *key;

    if (name->service == NULL)
        return "";
    size = strlen(name->service) + strlen(method) + 3;
    key = arena_alloc(&config->arena, size);
    if (key != NULL)
        snprintf(key, size, "/%s/%s", name->service, method);
    return key;
}

static weir_code
add_names(struct client_config *config, const struct weir_method_config *method, size_t number,
    struct weir_value_error *error)
{
    for (size_t i = 0; i < method->name_count; i++) {
        const char *key = make_key(config, &method->names[i]);

        if (key == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        if (map_lookup(&config->names, weir_str_of(key)) != NULL)
            return refuse(error, number, "a name has a config already");
        if (!map_put(&config->names, weir_str_of(key), &config->policies[number]))
            return WEIR_RESOURCE_EXHAUSTED;
    }
    return WEIR_OK;
}

static weir_code
add_method(struct client_config *config, const struct weir_method_config *method,
    const struct call_shared *shared, struct retry_throttle *throttle,
    struct weir_value_error *error)
{
    size_t number = config->count++;
    weir_code code;

    WEIR_TRY(check_method(method, number, error));
    code = make_policy(config, method, shared, throttle, &config->policies[number]);
    if (code == WEIR_INVALID_ARGUMENT)
        return refuse(error, number, "an option of retries or hedges is out of its range");
    if (code != WEIR_OK)
        return code;
    return add_names(config, method, number, error);
}

static weir_code
fill(struct client_config *config, const struct weir_service_config *from,
    const struct call_shared *shared, struct retry_throttle *throttle,
    struct weir_value_error *error)
{
    WEIR_TRY(check_throttle(from, error));
    config->policies = arena_zalloc(&config->arena, from->method_count * sizeof(*config->policies));
    if (config->policies == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (from->health_service != NULL) {
        config->health_service = arena_dup(&config->arena, weir_str_of(from->health_service));
        if (config->health_service == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
    }
    for (size_t i = 0; i < from->method_count; i++)
        WEIR_TRY(add_method(config, &from->methods[i], shared, throttle, error));
    return WEIR_OK;
}

weir_code
config_new(const struct weir_service_config *from, const struct call_shared *shared,
    struct retry_throttle *throttle, struct client_config **out_config,
    struct weir_value_error *error)
{
    struct client_config *config = calloc(1, sizeof(*config));
    weir_code code;

    if (config == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    config->refs = 1;
    arena_init(&config->arena, NULL, 0);
    map_init(&config->names, random_u64());
    code = fill(config, from, shared, throttle, error);
    if (code != WEIR_OK) {
        config_unref(config);
        return code;
    }
    retry_throttle_set(throttle, from->max_tokens, from->token_ratio);
    *out_config = config;
    return WEIR_OK;
}

void
config_unref(struct client_config *config)
{
    if (config == NULL || --config->refs > 0)
        return;
    for (size_t i = 0; i < config->count; i++) {
        weir_retry_free(config->policies[i].retry);
        weir_hedge_free(config->policies[i].hedge);
    }
    map_fini(&config->names);
    arena_fini(&config->arena);
    free(config);
}

const char *
config_health_service(const struct client_config *config)
{
    return config == NULL ? NULL : config->health_service;
}

/* ---- calls ---- */

const struct client_policy *
config_lookup(const struct client_config *config, const char *path)
{
    const char *slash = strrchr(path, '/');
    const struct client_policy *policy = map_lookup(&config->names, weir_str_of(path));

    if (policy == NULL && slash != NULL)
        policy = map_lookup(&config->names, (weir_str){path, (size_t)(slash - path) + 1});
    return policy != NULL ? policy : map_lookup(&config->names, weir_str_of(""));
}

void
config_enter(struct client_config *config, struct weir_call *call)
{
    const struct client_policy *policy = config_lookup(config, call->path);

    if (policy == NULL)
        return;
    config->refs++;
    call->policy = policy;
    call->max_receive = policy->max_receive;
    call->max_send = policy->max_send;
    if (policy->timeout != WEIR_NEVER)
        weir_call_set_timeout(call, policy->timeout);
    if (!call->wait_chosen)
        call->wait_for_ready = policy->wait_for_ready;
}

void
config_leave(struct weir_call *call)
{
    if (call->policy != NULL)
        config_unref(call->policy->config);
    call->max_receive = call->shared->max_receive;
    call->max_send = call->shared->max_send;
}
