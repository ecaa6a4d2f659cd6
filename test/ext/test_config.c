/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs in JSON: what they say, and which are refused, with what words. */
#include <weir/config.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct weir_service_config *
parse(const char *json)
{
    struct weir_service_config *config = NULL;
    struct weir_value_error error = {""};

    if (weir_service_config_parse(json, strlen(json), &config, &error) != WEIR_OK)
        fail_msg("%s: %s", json, error.text);
    return config;
}

static void
nothing_is_a_config(void **state)
{
    struct weir_service_config *config = parse("{}");

    (void)state;
    assert_null(config->balancers);
    assert_int_equal(config->method_count, 0);
    assert_int_equal(config->max_tokens, 0);
    assert_null(config->health_service);
    weir_service_config_free(config);
    weir_service_config_free(NULL);
}

/* ---- methods ---- */

static void
all_of_a_method_is_read(void **state)
{
    struct weir_service_config *config = parse(
        "{\"methodConfig\": [{\"name\": [{\"service\": \"a.B\", \"method\": \"C\"},"
        "{\"service\": \"a.D\"}, {}], \"timeout\": \"1.5s\", \"waitForReady\": true,"
        "\"maxRequestMessageBytes\": 1024, \"maxResponseMessageBytes\": \"2048\","
        "\"retryPolicy\": {\"maxAttempts\": 3, \"initialBackoff\": \".1s\", \"maxBackoff\": \"1s\","
        "\"backoffMultiplier\": 1.5, \"retryableStatusCodes\": [\"UNAVAILABLE\", 8]}}]}");
    const struct weir_method_config *method = config->methods;

    (void)state;
    assert_int_equal(config->method_count, 1);
    assert_int_equal(method->name_count, 3);
    assert_string_equal(method->names[0].service, "a.B");
    assert_string_equal(method->names[0].method, "C");
    assert_string_equal(method->names[1].service, "a.D");
    assert_null(method->names[1].method);
    assert_null(method->names[2].service);
    assert_int_equal(method->timeout, 1500 * WEIR_MILLISECOND);
    assert_true(method->wait_for_ready);
    assert_int_equal(method->max_request_message, 1024);
    assert_int_equal(method->max_response_message, 2048);
    assert_null(method->hedge);
    assert_int_equal(method->retry->retries, 2);
    assert_int_equal(method->retry->initial_backoff, 100 * WEIR_MILLISECOND);
    assert_int_equal(method->retry->max_backoff, WEIR_SECOND);
    assert_true(method->retry->multiplier == 1.5);
    assert_int_equal(method->retry->code_count, 2);
    assert_int_equal(method->retry->codes[0], WEIR_UNAVAILABLE);
    assert_int_equal(method->retry->codes[1], WEIR_RESOURCE_EXHAUSTED);
    weir_service_config_free(config);
}

static void
hedging_is_read(void **state)
{
    struct weir_service_config *config =
        parse("{\"methodConfig\": [{}, {\"hedgingPolicy\": {\"maxAttempts\": 4}},"
              "{\"hedgingPolicy\": {\"maxAttempts\": 99, \"hedgingDelay\": \"0.5s\","
              "\"nonFatalStatusCodes\": [\"INTERNAL\", \"ABORTED\"]}}]}");
    const struct weir_method_config *methods = config->methods;

    (void)state;
    assert_int_equal(config->method_count, 3);
    assert_null(methods[0].hedge);
    assert_int_equal(methods[1].hedge->attempts, 4);
    assert_int_equal(methods[1].hedge->delay, 0);
    assert_int_equal(methods[1].hedge->code_count, 0);
    assert_int_equal(methods[2].hedge->attempts, 5); /* gRFC A6: no more */
    assert_int_equal(methods[2].hedge->delay, 500 * WEIR_MILLISECOND);
    assert_int_equal(methods[2].hedge->code_count, 2);
    assert_int_equal(methods[2].hedge->codes[1], WEIR_ABORTED);
    weir_service_config_free(config);
}

/* ---- all else ---- */

static void
throttling_and_health(void **state)
{
    struct weir_service_config *config =
        parse("{\"retryThrottling\": {\"maxTokens\": 100, \"tokenRatio\": 0.1},"
              "\"healthCheckConfig\": {\"serviceName\": \"\"}}");

    (void)state;
    assert_int_equal(config->max_tokens, 100);
    assert_true(config->token_ratio == 0.1);
    assert_string_equal(config->health_service, "");
    weir_service_config_free(config);
    config = parse("{\"healthCheckConfig\": {}}");
    assert_null(config->health_service);
    weir_service_config_free(config);
}

static void
balancers_are_listed(void **state)
{
    struct weir_service_config *config =
        parse("{\"loadBalancingConfig\": [{\"mine\": {\"size\": 3}}, {\"round_robin\": {}}],"
              "\"loadBalancingPolicy\": \"pick_first\"}");
    const struct weir_value *balancers = config->balancers;
    struct weir_value_error error;

    (void)state;
    assert_int_equal(balancers->count, 2);
    assert_string_equal(balancers->items[0].name, "mine");
    assert_true(weir_value_member(&balancers->items[0], "size")->number == 3);
    assert_string_equal(balancers->items[1].name, "round_robin");
    assert_int_equal(balancers->items[1].count, 0);
    assert_int_equal(
        weir_value_refuse(&balancers->items[0], "size", &error, "bad"), WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "loadBalancingConfig[0].mine.size: bad");
    assert_int_equal(
        weir_value_refuse(weir_value_member(&balancers->items[0], "size"), NULL, &error, "bad"),
        WEIR_INVALID_ARGUMENT);
    assert_string_equal(error.text, "loadBalancingConfig[0].mine.size: bad");
    weir_service_config_free(config);
}

static void
the_older_field_names_one(void **state)
{
    struct weir_service_config *config = parse("{\"loadBalancingPolicy\": \"ROUND_ROBIN\"}");

    (void)state;
    assert_int_equal(config->balancers->count, 1);
    assert_string_equal(config->balancers->items[0].name, "round_robin");
    assert_int_equal(config->balancers->items[0].kind, WEIR_VALUE_OBJECT);
    weir_service_config_free(config);
}

static void
other_fields_are_left_alone(void **state)
{
    struct weir_service_config *config =
        parse("{\"new\": 1, \"methodConfig\": [{\"newer\": [], \"timeout\": null,"
              "\"hedgingPolicy\": null}], \"retryThrottling\": null}");

    (void)state;
    assert_int_equal(config->method_count, 1);
    weir_service_config_free(config);
}

/* ---- choices ---- */

static void
clients_take_what_is_for_them(void **state)
{
    static const char one[] =
        "[{\"clientLanguage\": [\"java\", \"go\"], \"serviceConfig\": {}},"
        "{\"percentage\": 0, \"serviceConfig\": {}},"
        "{\"clientHostname\": [\"no.such.host.example\"], \"serviceConfig\": {}},"
        "{\"clientLanguage\": [\"C\"], \"percentage\": 100,"
        "\"serviceConfig\": {\"loadBalancingPolicy\": \"round_robin\"}},"
        "{\"serviceConfig\": {\"loadBalancingPolicy\": \"pick_first\"}}]";
    struct weir_service_config *config = parse(one);

    (void)state;
    assert_string_equal(config->balancers->items[0].name, "round_robin");
    weir_service_config_free(config);
    config = parse("[{\"percentage\": 0, \"serviceConfig\": {\"methodConfig\": [{}]}}]");
    assert_int_equal(config->method_count, 0);
    weir_service_config_free(config);
    config = parse("[]");
    assert_null(config->balancers);
    weir_service_config_free(config);
}

/* ---- what is refused ---- */

#define RETRY(text) "{\"methodConfig\": [{}, {\"retryPolicy\": {" text "}}]}"
#define GOOD_TIMES "\"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\", \"backoffMultiplier\": 2"
#define HEDGE(text) "{\"methodConfig\": [{\"hedgingPolicy\": {" text "}}]}"
#define METHOD(text) "{\"methodConfig\": [{" text "}]}"
#define THROTTLE(text) "{\"retryThrottling\": {" text "}}"

static const struct {
    const char *json, *error;
} bad[] = {
    {"", "'[' or '{' expected near end of file"},
    {"[1]", "[0]: must be an object"},
    {"[{}]", "[0].serviceConfig: is missing"},
    {"[{\"percentage\": 101}]", "[0].percentage: must be a whole number from 0 to 100"},
    {"[{\"clientLanguage\": \"c\"}]", "[0].clientLanguage: must be a list"},
    {"[{\"clientHostname\": [1]}]", "[0].clientHostname[0]: must be a text"},
    {"[{\"serviceConfig\": {\"methodConfig\": [1]}}]",
        "[0].serviceConfig.methodConfig[0]: must be an object"},
    {"{\"methodConfig\": [}", "line 1, column 19: unexpected token near '}'"},
    {"{\"a\": 1, \"a\": 2}", "line 1, column 12: duplicate object key near '\"a\"'"},
    {"{\"a\": [[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]}", "nested too deep"},

    {"{\"loadBalancingConfig\": {}}", "loadBalancingConfig: must be a list"},
    {"{\"loadBalancingConfig\": []}", "loadBalancingConfig: is empty"},
    {"{\"loadBalancingConfig\": [1]}",
        "loadBalancingConfig[0]: must be an object of one member, the balancer's name"},
    {"{\"loadBalancingConfig\": [{\"a\": {}}, {}]}",
        "loadBalancingConfig[1]: must be an object of one member, the balancer's name"},
    {"{\"loadBalancingConfig\": [{\"a\": {}, \"b\": {}}]}",
        "loadBalancingConfig[0]: must be an object of one member, the balancer's name"},
    {"{\"loadBalancingConfig\": [{\"a\": []}]}", "loadBalancingConfig[0].a: must be an object"},
    {"{\"loadBalancingPolicy\": 1}", "loadBalancingPolicy: must be a text"},

    {"{\"methodConfig\": {}}", "methodConfig: must be a list"},
    {"{\"methodConfig\": [{}, []]}", "methodConfig[1]: must be an object"},
    {METHOD("\"name\": {}"), "methodConfig[0].name: must be a list"},
    {METHOD("\"name\": [1]"), "methodConfig[0].name[0]: must be an object"},
    {METHOD("\"name\": [{\"service\": 1}]"), "methodConfig[0].name[0].service: must be a text"},
    {METHOD("\"name\": [{\"method\": \"A\"}]"), "methodConfig[0].name[0].method: has no service"},
    {METHOD("\"name\": [{\"service\": \"a\"}, {\"service\": \"a\"}]"),
        "methodConfig[0].name[1]: has a config already, further up"},
    {METHOD("\"name\": [{}]}, {\"name\": [{\"service\": \"\"}]"),
        "methodConfig[1].name[0]: has a config already, further up"},
    {METHOD("\"name\": [{\"service\": \"a\", \"method\": \"b\"}]}, {\"name\": [{\"service\": "
            "\"a\"}, {\"service\": \"a\", \"method\": \"b\"}]"),
        "methodConfig[1].name[1]: has a config already, further up"},
    {METHOD("\"timeout\": 1"),
        "methodConfig[0].timeout: must be a duration like \"1.5s\", not below zero"},
    {METHOD("\"timeout\": \"-1s\""),
        "methodConfig[0].timeout: must be a duration like \"1.5s\", not below zero"},
    {METHOD("\"timeout\": \"0s\""), "methodConfig[0].timeout: must be above zero"},
    {METHOD("\"waitForReady\": \"true\""), "methodConfig[0].waitForReady: must be true or false"},
    {METHOD("\"maxRequestMessageBytes\": -1"),
        "methodConfig[0].maxRequestMessageBytes: must be a whole number from 1 to 4294967295"},
    {METHOD("\"maxResponseMessageBytes\": 1.5"),
        "methodConfig[0].maxResponseMessageBytes: must be a whole number from 1 to 4294967295"},

    {RETRY(""), "methodConfig[1].retryPolicy.maxAttempts: is missing"},
    {RETRY("\"maxAttempts\": 1"),
        "methodConfig[1].retryPolicy.maxAttempts: must be a whole number from 2 to 4294967295"},
    {RETRY("\"maxAttempts\": 2"), "methodConfig[1].retryPolicy.initialBackoff: is missing"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"0s\""),
        "methodConfig[1].retryPolicy.initialBackoff: must be above zero"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"1s\""),
        "methodConfig[1].retryPolicy.maxBackoff: is missing"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": 5"),
        "methodConfig[1].retryPolicy.maxBackoff: must be a duration like \"1.5s\", not below zero"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\""),
        "methodConfig[1].retryPolicy.backoffMultiplier: is missing"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\","
           "\"backoffMultiplier\": 0"),
        "methodConfig[1].retryPolicy.backoffMultiplier: must be above zero"},
    {RETRY("\"maxAttempts\": 2, \"initialBackoff\": \"1s\", \"maxBackoff\": \"1s\","
           "\"backoffMultiplier\": -2"),
        "methodConfig[1].retryPolicy.backoffMultiplier: must be from 0 to 1e+09"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES),
        "methodConfig[1].retryPolicy.retryableStatusCodes: is missing"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES ", \"retryableStatusCodes\": []"),
        "methodConfig[1].retryPolicy.retryableStatusCodes: is empty"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES ", \"retryableStatusCodes\": [14, \"Internal\"]"),
        "methodConfig[1].retryPolicy.retryableStatusCodes[1]: must be a status code, by its name "
        "in capitals or its number"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES ", \"retryableStatusCodes\": [17]"),
        "methodConfig[1].retryPolicy.retryableStatusCodes[0]: must be a status code, by its name "
        "in capitals or its number"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES ", \"retryableStatusCodes\": [1.5]"),
        "methodConfig[1].retryPolicy.retryableStatusCodes[0]: must be a status code, by its name "
        "in capitals or its number"},
    {RETRY("\"maxAttempts\": 2, " GOOD_TIMES ", \"retryableStatusCodes\": [\"OK\"]"),
        "methodConfig[1].retryPolicy.retryableStatusCodes[0]: OK is no failure"},
    {METHOD("\"retryPolicy\": []"), "methodConfig[0].retryPolicy: must be an object"},
    {METHOD("\"retryPolicy\": {}, \"hedgingPolicy\": {}"),
        "methodConfig[0].hedgingPolicy: cannot be beside a retryPolicy"},

    {HEDGE(""), "methodConfig[0].hedgingPolicy.maxAttempts: is missing"},
    {HEDGE("\"maxAttempts\": \"1\""),
        "methodConfig[0].hedgingPolicy.maxAttempts: must be a whole number from 2 to 4294967295"},
    {HEDGE("\"maxAttempts\": 2, \"hedgingDelay\": \"1\""),
        "methodConfig[0].hedgingPolicy.hedgingDelay: must be a duration like \"1.5s\", not below "
        "zero"},
    {HEDGE("\"maxAttempts\": 2, \"nonFatalStatusCodes\": [true]"),
        "methodConfig[0].hedgingPolicy.nonFatalStatusCodes[0]: must be a status code, by its name "
        "in capitals or its number"},

    {"{\"retryThrottling\": 1}", "retryThrottling: must be an object"},
    {THROTTLE(""), "retryThrottling.maxTokens: is missing"},
    {THROTTLE("\"maxTokens\": 1"), "retryThrottling.tokenRatio: is missing"},
    {THROTTLE("\"maxTokens\": 0, \"tokenRatio\": 1"),
        "retryThrottling.maxTokens: must be a whole number from 1 to 1000"},
    {THROTTLE("\"maxTokens\": 1001, \"tokenRatio\": 1"),
        "retryThrottling.maxTokens: must be a whole number from 1 to 1000"},
    {THROTTLE("\"maxTokens\": 10, \"tokenRatio\": 0"),
        "retryThrottling.tokenRatio: must be from 0.001 to 1000"},
    {THROTTLE("\"maxTokens\": 10, \"tokenRatio\": \"1\""),
        "retryThrottling.tokenRatio: must be a number"},
    {"{\"healthCheckConfig\": []}", "healthCheckConfig: must be an object"},
    {"{\"healthCheckConfig\": {\"serviceName\": 1}}",
        "healthCheckConfig.serviceName: must be a text"},
};

static void
errors_name_the_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct weir_service_config *config = NULL;
        struct weir_value_error error = {""};

        assert_int_equal(
            weir_service_config_parse(bad[i].json, strlen(bad[i].json), &config, &error),
            WEIR_INVALID_ARGUMENT);
        assert_string_equal(error.text, bad[i].error);
        assert_null(config);
        assert_int_equal(weir_service_config_parse(bad[i].json, strlen(bad[i].json), &config, NULL),
            WEIR_INVALID_ARGUMENT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_config),
        cmocka_unit_test(all_of_a_method_is_read),
        cmocka_unit_test(hedging_is_read),
        cmocka_unit_test(throttling_and_health),
        cmocka_unit_test(balancers_are_listed),
        cmocka_unit_test(the_older_field_names_one),
        cmocka_unit_test(other_fields_are_left_alone),
        cmocka_unit_test(clients_take_what_is_for_them),
        cmocka_unit_test(errors_name_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
