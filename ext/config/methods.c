/* SPDX-License-Identifier: Apache-2.0 */
/* Names, limits, and retry and hedging policies (gRFC A2, A6). */
#include "config/methods.h"

/* gRFC A6: higher values are clamped to this. */
#define MOST_ATTEMPTS 5

/* OK: the member exists. */
static weir_code
need(const struct weir_value *object, const char *name, struct weir_value_error *error)
{
    return weir_value_member(object, name) != NULL
               ? WEIR_OK
               : weir_value_refuse(object, name, error, "is missing");
}

/* ---- names ---- */

static weir_code
read_name(
    const struct weir_value *value, struct weir_method_name *name, struct weir_value_error *error)
{
    if (value->kind != WEIR_VALUE_OBJECT)
        return weir_value_refuse(value, NULL, error, "must be an object");
    WEIR_TRY(weir_value_read_text(value, "service", &name->service, error));
    WEIR_TRY(weir_value_read_text(value, "method", &name->method, error));
    if (name->service != NULL && name->service[0] == '\0')
        name->service = NULL;
    if (name->method != NULL && name->method[0] == '\0')
        name->method = NULL;
    if (name->service == NULL && name->method != NULL)
        return weir_value_refuse(value, "method", error, "has no service");
    return WEIR_OK;
}

static weir_code
read_names(struct tree *tree, const struct weir_value *object, struct weir_method_config *method,
    struct weir_value_error *error)
{
    const struct weir_value *list = NULL;
    struct weir_method_name *names;

    WEIR_TRY(weir_value_read_list(object, "name", &list, error));
    if (list == NULL)
        return WEIR_OK; /* of no method */
    names = tree_alloc(tree, list->count * sizeof(*names));
    if (names == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    method->names = names;
    method->name_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        WEIR_TRY(read_name(&list->items[i], &names[i], error));
    return WEIR_OK;
}

static bool
texts_are_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Is the name used by one of these configs? */
static bool
is_named(
    const struct weir_method_config *methods, size_t count, const struct weir_method_name *name)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < methods[i].name_count; k++) {
            const struct weir_method_name *other = &methods[i].names[k];

            if (other == name)
                return false; /* those before it */
            if (texts_are_equal(other->service, name->service) &&
                texts_are_equal(other->method, name->method))
                return true;
        }
    }
    return false;
}

/* Check that no method has two configs. list: the methodConfigs. */
static weir_code
check_names(const struct weir_value *list, const struct weir_method_config *methods,
    struct weir_value_error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct weir_value *names = weir_value_member(&list->items[i], "name");

        for (size_t k = 0; k < methods[i].name_count; k++) {
            if (is_named(methods, list->count, &methods[i].names[k]))
                return weir_value_refuse(
                    &names->items[k], NULL, error, "has a config already, further up");
        }
    }
    return WEIR_OK;
}

/* ---- codes ---- */

static bool
read_code(const struct weir_value *value, weir_code *out_code)
{
    if (value->kind == WEIR_VALUE_NUMBER) {
        if (!(value->number >= WEIR_OK && value->number <= WEIR_UNAUTHENTICATED))
            return false;
        *out_code = (weir_code)value->number;
        return (double)*out_code == value->number;
    }
    for (int code = WEIR_OK; value->kind == WEIR_VALUE_TEXT && code <= WEIR_UNAUTHENTICATED;
         code++) {
        *out_code = (weir_code)code;
        if (strcmp(value->text, weir_code_name(*out_code)) == 0)
            return true;
    }
    return false;
}

static weir_code
read_codes(struct tree *tree, const struct weir_value *object, const char *name,
    const weir_code **out_codes, size_t *out_count, struct weir_value_error *error)
{
    const struct weir_value *list = NULL;
    weir_code *codes;

    WEIR_TRY(weir_value_read_list(object, name, &list, error));
    if (list == NULL)
        return WEIR_OK;
    codes = tree_alloc(tree, list->count * sizeof(*codes));
    if (codes == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < list->count; i++) {
        if (!read_code(&list->items[i], &codes[i]))
            return weir_value_refuse(&list->items[i], NULL, error,
                "must be a status code, by its name in capitals or its number");
        if (codes[i] == WEIR_OK)
            return weir_value_refuse(&list->items[i], NULL, error, "OK is no failure");
    }
    *out_codes = codes;
    *out_count = list->count;
    return WEIR_OK;
}

/* ---- policies ---- */

static weir_code
read_attempts(
    const struct weir_value *object, int64_t *out_attempts, struct weir_value_error *error)
{
    WEIR_TRY(need(object, "maxAttempts", error));
    WEIR_TRY(weir_value_read_integer(object, "maxAttempts", 2, UINT32_MAX, out_attempts, error));
    if (*out_attempts > MOST_ATTEMPTS)
        *out_attempts = MOST_ATTEMPTS;
    return WEIR_OK;
}

/* Required, and above zero. */
static weir_code
read_backoff(
    const struct weir_value *object, const char *name, int64_t *out, struct weir_value_error *error)
{
    WEIR_TRY(need(object, name, error));
    WEIR_TRY(weir_value_read_duration(object, name, out, error));
    return *out > 0 ? WEIR_OK : weir_value_refuse(object, name, error, "must be above zero");
}

static weir_code
read_retry(struct tree *tree, const struct weir_value *object, struct weir_method_config *method,
    struct weir_value_error *error)
{
    struct weir_retry_options *retry = tree_alloc(tree, sizeof(*retry));
    int64_t attempts = 0;

    if (retry == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(read_attempts(object, &attempts, error));
    retry->retries = (unsigned)attempts - 1;
    WEIR_TRY(read_backoff(object, "initialBackoff", &retry->initial_backoff, error));
    WEIR_TRY(read_backoff(object, "maxBackoff", &retry->max_backoff, error));
    WEIR_TRY(need(object, "backoffMultiplier", error));
    WEIR_TRY(
        weir_value_read_number(object, "backoffMultiplier", 0, 1e9, &retry->multiplier, error));
    if (retry->multiplier == 0)
        return weir_value_refuse(object, "backoffMultiplier", error, "must be above zero");
    WEIR_TRY(need(object, "retryableStatusCodes", error));
    WEIR_TRY(
        read_codes(tree, object, "retryableStatusCodes", &retry->codes, &retry->code_count, error));
    if (retry->code_count == 0)
        return weir_value_refuse(object, "retryableStatusCodes", error, "is empty");
    method->retry = retry;
    return WEIR_OK;
}

static weir_code
read_hedge(struct tree *tree, const struct weir_value *object, struct weir_method_config *method,
    struct weir_value_error *error)
{
    struct weir_hedge_options *hedge = tree_alloc(tree, sizeof(*hedge));
    int64_t attempts = 0;

    if (hedge == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(read_attempts(object, &attempts, error));
    hedge->attempts = (unsigned)attempts;
    WEIR_TRY(weir_value_read_duration(object, "hedgingDelay", &hedge->delay, error));
    WEIR_TRY(
        read_codes(tree, object, "nonFatalStatusCodes", &hedge->codes, &hedge->code_count, error));
    method->hedge = hedge;
    return WEIR_OK;
}

static weir_code
read_policies(struct tree *tree, const struct weir_value *object, struct weir_method_config *method,
    struct weir_value_error *error)
{
    const struct weir_value *retry = NULL, *hedge = NULL;

    WEIR_TRY(weir_value_read_object(object, "retryPolicy", &retry, error));
    WEIR_TRY(weir_value_read_object(object, "hedgingPolicy", &hedge, error));
    if (retry != NULL && hedge != NULL)
        return weir_value_refuse(hedge, NULL, error, "cannot be beside a retryPolicy");
    if (retry != NULL)
        return read_retry(tree, retry, method, error);
    return hedge == NULL ? WEIR_OK : read_hedge(tree, hedge, method, error);
}

/* ---- a method's config ---- */

static weir_code
read_limit(
    const struct weir_value *object, const char *name, size_t *out, struct weir_value_error *error)
{
    int64_t limit = 0;

    if (weir_value_member(object, name) == NULL)
        return WEIR_OK;
    WEIR_TRY(weir_value_read_integer(object, name, 1, UINT32_MAX, &limit, error));
    *out = (size_t)limit;
    return WEIR_OK;
}

static weir_code
read_method(struct tree *tree, const struct weir_value *object, struct weir_method_config *method,
    struct weir_value_error *error)
{
    if (object->kind != WEIR_VALUE_OBJECT)
        return weir_value_refuse(object, NULL, error, "must be an object");
    WEIR_TRY(read_names(tree, object, method, error));
    if (weir_value_member(object, "timeout") != NULL)
        WEIR_TRY(read_backoff(object, "timeout", &method->timeout, error));
    WEIR_TRY(weir_value_read_bool(object, "waitForReady", &method->wait_for_ready, error));
    WEIR_TRY(read_limit(object, "maxRequestMessageBytes", &method->max_request_message, error));
    WEIR_TRY(read_limit(object, "maxResponseMessageBytes", &method->max_response_message, error));
    return read_policies(tree, object, method, error);
}

weir_code
methods_read(struct tree *tree, const struct weir_value *root, struct weir_service_config *config,
    struct weir_value_error *error)
{
    const struct weir_value *list = NULL;
    struct weir_method_config *methods;

    WEIR_TRY(weir_value_read_list(root, "methodConfig", &list, error));
    if (list == NULL)
        return WEIR_OK;
    methods = tree_alloc(tree, list->count * sizeof(*methods));
    if (methods == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < list->count; i++)
        WEIR_TRY(read_method(tree, &list->items[i], &methods[i], error));
    config->methods = methods;
    config->method_count = list->count;
    return check_names(list, methods, error);
}
