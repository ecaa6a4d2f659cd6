/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes service configs, which names in DNS bring: what is taken is sound, and can be walked;
 * what is refused says why. The input is the JSON. */
#include "fuzz.h"

#include <string.h>
#include <weir/config.h>

/* How many values there are. */
static size_t
walk(const struct weir_value *value)
{
    size_t count = 1;

    FUZZ_CHECK(value->kind != WEIR_VALUE_TEXT || value->text != NULL);
    for (size_t i = 0; i < value->count; i++) {
        FUZZ_CHECK(value->kind == WEIR_VALUE_LIST || value->items[i].name != NULL);
        count += walk(&value->items[i]);
    }
    return count;
}

static void
check_codes(const weir_code *codes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(codes[i] > WEIR_OK && codes[i] <= WEIR_UNAUTHENTICATED);
}

/* The library itself takes what the parser has taken. */
static void
check_method(const struct weir_method_config *method)
{
    weir_retry *retry;
    weir_hedge *hedge;

    FUZZ_CHECK(method->timeout >= 0);
    for (size_t i = 0; i < method->name_count; i++)
        FUZZ_CHECK(method->names[i].service != NULL || method->names[i].method == NULL);
    FUZZ_CHECK(method->retry == NULL || method->hedge == NULL);
    if (method->retry != NULL) {
        check_codes(method->retry->codes, method->retry->code_count);
        FUZZ_CHECK(method->retry->retries >= 1 && method->retry->retries <= 4);
        FUZZ_CHECK(weir_retry_new(method->retry, &retry) == WEIR_OK);
        weir_retry_free(retry);
    }
    if (method->hedge != NULL) {
        check_codes(method->hedge->codes, method->hedge->code_count);
        FUZZ_CHECK(method->hedge->attempts >= 2 && method->hedge->attempts <= 5);
        FUZZ_CHECK(weir_hedge_new(method->hedge, &hedge) == WEIR_OK);
        weir_hedge_free(hedge);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_service_config *config = NULL;
    struct weir_value_error error = {""};

    if (weir_service_config_parse((const char *)data, size, &config, &error) != WEIR_OK) {
        FUZZ_CHECK(config == NULL && error.text[0] != '\0');
        FUZZ_CHECK(memchr(error.text, '\0', sizeof(error.text)) != NULL);
        return 0;
    }
    FUZZ_CHECK(config->balancers == NULL || walk(config->balancers) > 1);
    for (size_t i = 0; i < config->method_count; i++)
        check_method(&config->methods[i]);
    FUZZ_CHECK((config->max_tokens == 0) == (config->token_ratio == 0));
    weir_service_config_free(config);
    return 0;
}
