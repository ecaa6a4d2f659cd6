/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: series and their text, and what is counted of calls of every kind. */
#include "kinds.h"
#include "service.h"
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/metrics.h>

#include <cmocka.h>

/* ---- the text ---- */

struct text {
    char *data;
    size_t len;
};

static void
add(void *arg, const char *bytes, size_t len)
{
    struct text *text = arg;

    text->data = realloc(text->data, text->len + len + 1);
    assert_non_null(text->data);
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

/* To be freed. */
static char *
text_of(weir_metrics *metrics)
{
    struct text text = {NULL, 0};

    weir_metrics_write(metrics, add, &text);
    add(&text, "", 0);
    return text.data;
}

static void
assert_text(weir_metrics *metrics, const char *expected)
{
    char *text = text_of(metrics);

    assert_string_equal(text, expected);
    free(text);
}

/* Is this a line of it? */
static bool
has_line(weir_metrics *metrics, const char *line)
{
    char *text = text_of(metrics), *at = text;
    size_t len = strlen(line);
    bool found = false;

    while (!found && (at = strstr(at, line)) != NULL) {
        found = (at == text || at[-1] == '\n') && at[len] == '\n';
        at++;
    }
    free(text);
    return found;
}

static void
assert_line(weir_metrics *metrics, const char *line)
{
    char *text;

    if (has_line(metrics, line))
        return;
    text = text_of(metrics);
    print_error("no line %s in\n%s", line, text);
    free(text);
    fail();
}

static size_t
count_of(weir_metrics *metrics, const char *wanted)
{
    char *text = text_of(metrics);
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, wanted)) != NULL; at++)
        count++;
    free(text);
    return count;
}

static weir_metrics *
new_metrics(const struct weir_metrics_options *options)
{
    weir_metrics *metrics;

    assert_int_equal(weir_metrics_new(options, &metrics), WEIR_OK);
    return metrics;
}

/* ---- one's own ---- */

static void
test_own(void **state)
{
    static const double bounds[] = {0.5, 2.5};
    static const struct weir_label labels[] = {{"a", "x\"y\\z\n\xC3\xA4\xFF"}, {"b", ""}};
    weir_metrics *metrics = new_metrics(NULL);
    weir_counter *counter =
        weir_metrics_counter(metrics, "one_total", "A \\ line\nbreak.", NULL, 0);
    weir_gauge *gauge = weir_metrics_gauge(metrics, "two:ratio", "Two.", labels, 2);
    weir_histogram *histogram =
        weir_metrics_histogram(metrics, "three_seconds", "Three.", bounds, 2, NULL, 0);

    (void)state;
    weir_counter_add(counter, 3);
    weir_counter_add(counter, 4);
    weir_gauge_set(gauge, 10);
    weir_gauge_add(gauge, -10.1);
    weir_histogram_observe(histogram, 0.5);
    weir_histogram_observe(histogram, 0.51);
    weir_histogram_observe(histogram, 1e6);
    assert_text(metrics, "# HELP one_total A \\\\ line\\nbreak.\n"
                         "# TYPE one_total counter\n"
                         "one_total 7\n"
                         "# HELP two:ratio Two.\n"
                         "# TYPE two:ratio gauge\n"
                         "two:ratio{a=\"x\\\"y\\\\z\\n\xC3\xA4\xEF\xBF\xBD\",b=\"\"} "
                         "-0.09999999999999964\n"
                         "# HELP three_seconds Three.\n"
                         "# TYPE three_seconds histogram\n"
                         "three_seconds_bucket{le=\"0.5\"} 1\n"
                         "three_seconds_bucket{le=\"2.5\"} 2\n"
                         "three_seconds_bucket{le=\"+Inf\"} 3\n"
                         "three_seconds_sum 1000001.01\n"
                         "three_seconds_count 3\n");
    weir_gauge_set(gauge, -INFINITY);
    assert_int_equal(count_of(metrics, "} -Inf\n"), 1);
    weir_metrics_free(metrics);
    weir_metrics_free(NULL);
    weir_counter_add(NULL, 1);
    weir_gauge_set(NULL, 1);
    weir_gauge_add(NULL, 1);
    weir_histogram_observe(NULL, 1);
}

static void
test_same_and_other(void **state)
{
    static const struct weir_label a = {"a", "1"}, b = {"b", "1"}, bad = {"a:b", "1"};
    static const double falling[] = {2, 1};
    const struct weir_metrics_options options = {.max_series = 2};
    weir_metrics *metrics = new_metrics(&options);
    weir_counter *counter = weir_metrics_counter(metrics, "x_total", "X.", &a, 1), *overflow;

    (void)state;
    assert_non_null(counter);
    assert_ptr_equal(weir_metrics_counter(metrics, "x_total", "X.", &a, 1), counter);
    assert_null(weir_metrics_counter(metrics, "x_total", "X.", &b, 1));
    assert_null(weir_metrics_counter(metrics, "x_total", "X.", NULL, 0));
    assert_null(weir_metrics_gauge(metrics, "x_total", "X.", &a, 1));
    assert_null(weir_metrics_counter(metrics, "1x", "X.", NULL, 0));
    assert_null(weir_metrics_counter(metrics, "", "X.", NULL, 0));
    assert_null(weir_metrics_counter(metrics, "y-z", "X.", NULL, 0));
    assert_null(weir_metrics_counter(metrics, "y", "X.", &bad, 1));
    assert_null(weir_metrics_histogram(metrics, "z", "X.", falling, 2, NULL, 0));
    assert_non_null(
        weir_metrics_counter(metrics, "x_total", "X.", &(struct weir_label){"a", "2"}, 1));
    overflow = weir_metrics_counter(metrics, "x_total", "X.", &(struct weir_label){"a", "3"}, 1);
    for (int i = 0; i < 1000; i++) {
        char value[16];

        snprintf(value, sizeof(value), "%d", i + 4);
        assert_ptr_equal(
            weir_metrics_counter(metrics, "x_total", "X.", &(struct weir_label){"a", value}, 1),
            overflow);
    }
    weir_counter_add(overflow, 5);
    assert_line(metrics, "x_total{a=\"other\"} 5");
    assert_int_equal(count_of(metrics, "x_total{"), 3);
    weir_metrics_free(metrics);
}

/* A program's locale writes numbers its own way; the text does not. */
static void
test_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    weir_metrics *metrics = new_metrics(NULL);

    (void)state;
    for (size_t i = 0; i < 4 && setlocale(LC_NUMERIC, names[i]) == NULL; i++)
        continue;
    weir_gauge_set(weir_metrics_gauge(metrics, "g", "G.", NULL, 0), 0.1);
    assert_line(metrics, "g 0.1");
    setlocale(LC_NUMERIC, "C");
    weir_metrics_free(metrics);
}

#define THREADS 4
#define ROUNDS 50000

struct hammer {
    weir_metrics *metrics;
    weir_counter *counter;
    weir_gauge *gauge;
    weir_histogram *histogram;
};

static void *
hammer(void *arg)
{
    const struct hammer *one = arg;

    for (int i = 0; i < ROUNDS; i++) {
        weir_counter_add(one->counter, 1);
        weir_gauge_add(one->gauge, 1);
        weir_histogram_observe(one->histogram, i % 2);
        if (i % 10000 == 0)
            free(text_of(one->metrics));
    }
    return NULL;
}

static void
test_threads(void **state)
{
    static const double bound = 0;
    struct hammer one = {.metrics = new_metrics(NULL)};
    pthread_t threads[THREADS];

    (void)state;
    one.counter = weir_metrics_counter(one.metrics, "c", "C.", NULL, 0);
    one.gauge = weir_metrics_gauge(one.metrics, "g", "G.", NULL, 0);
    one.histogram = weir_metrics_histogram(one.metrics, "h", "H.", &bound, 1, NULL, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &one), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_line(one.metrics, "c 200000");
    assert_line(one.metrics, "g 200000");
    assert_line(one.metrics, "h_bucket{le=\"0\"} 100000");
    assert_line(one.metrics, "h_count 200000");
    assert_line(one.metrics, "h_sum 100000");
    weir_metrics_free(one.metrics);
}

/* ---- calls ---- */

struct fixture {
    struct running running;
    weir_metrics *metrics;
    weir_loop *loop;
    weir_channel *channel;
};

static struct fixture fixture;

static void
prepare(struct running *running)
{
    assert_int_equal(
        weir_server_wrap(running->server, weir_metrics_intercept, fixture.metrics), WEIR_OK);
    assert_int_equal(weir_metrics_server(fixture.metrics, running->server), WEIR_OK);
    assert_int_equal(weir_server_listen_http(running->server, "127.0.0.1:0"), WEIR_OK);
    assert_int_equal(
        weir_server_handle(running->server, "/metrics", weir_metrics_answer, fixture.metrics),
        WEIR_OK);
}

static int
open_fixture(void **state)
{
    static weir_interceptor *const none[] = {NULL};
    const struct weir_metrics_options options = {.max_methods = 8};

    (void)state;
    fixture.metrics = new_metrics(&options);
    running_start_prepared(&fixture.running, "127.0.0.1:0", NULL, none, prepare);
    assert_int_equal(weir_loop_new(&fixture.loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture.loop, fixture.running.address, NULL, &fixture.channel), WEIR_OK);
    assert_int_equal(
        weir_channel_wrap(fixture.channel, weir_metrics_intercept, fixture.metrics), WEIR_OK);
    return 0;
}

static int
close_fixture(void **state)
{
    (void)state;
    weir_channel_free(fixture.channel);
    weir_loop_free(fixture.loop);
    running_stop(&fixture.running, WEIR_SECOND);
    weir_metrics_free(fixture.metrics);
    return 0;
}

static weir_code
call_unary(const char *text)
{
    weir_call *call = weir_call_new(fixture.channel, NULL);
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;
    weir_code code;

    request.text = (char *)text;
    code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return code;
}

static void
test_every_kind(void **state)
{
    static const struct {
        const char *method, *type;
    } rows[] = {{"Unary", "unary"}, {"Collect", "client_stream"}, {"Expand", "server_stream"},
        {"Talk", "bidi_stream"}};
    static const char *const sides[] = {"grpc_", "grpc_client_"};
    char line[256];

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct kinds_outcome outcome = kinds_call(fixture.channel, kinds[i], 100 * WEIR_SECOND);

        kinds_check_whole(&outcome, kinds[i]);
    }
    EVENTUALLY(count_of(fixture.metrics, "grpc_request_duration_seconds_count{") == KINDS);
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < KINDS; i++) {
            snprintf(line, sizeof(line),
                "%srequests_total{method=\"/rpctest.Test/%s\",type=\"%s\"} 1", sides[side],
                rows[i].method, rows[i].type);
            assert_line(fixture.metrics, line);
            snprintf(line, sizeof(line),
                "%srequest_duration_seconds_bucket{method=\"/rpctest.Test/%s\",type=\"%s\","
                "le=\"+Inf\"} 1",
                sides[side], rows[i].method, rows[i].type);
            EVENTUALLY(has_line(fixture.metrics, line));
        }
    }
    assert_int_equal(count_of(fixture.metrics, "errors_total{"), 0);
    assert_int_equal(count_of(fixture.metrics, "le=\"5e-05\""), 2 * KINDS);
    assert_int_equal(count_of(fixture.metrics, "le=\"10\""), 2 * KINDS);
}

static void
test_errors(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(call_unary("fail:5"), WEIR_NOT_FOUND);
    assert_int_equal(call_unary("fail:16"), WEIR_UNAUTHENTICATED);
    assert_line(fixture.metrics,
        "grpc_request_errors_total{method=\"/rpctest.Test/Unary\",code=\"NotFound\"} 3");
    assert_line(fixture.metrics,
        "grpc_request_errors_total{method=\"/rpctest.Test/Unary\",code=\"Unauthenticated\"} 1");
    assert_line(fixture.metrics,
        "grpc_client_request_errors_total{method=\"/rpctest.Test/Unary\",code=\"NotFound\"} 3");
    assert_int_equal(count_of(fixture.metrics, "errors_total{"), 4);
}

/* Methods that the server has not got, and more than the table takes. */
static void
test_flood(void **state)
{
    static char paths[300][32];
    const Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *response;

    (void)state;
    for (int i = 0; i < 300; i++) {
        weir_call *call = weir_call_new(fixture.channel, NULL);
        const struct weir_method method = {.path = paths[i],
            .kind = WEIR_UNARY,
            .input = &rpctest__payload__descriptor,
            .output = &rpctest__payload__descriptor};

        snprintf(paths[i], sizeof(paths[i]), "/rpctest.Test/Absent%d", i);
        assert_int_equal(
            weir_call_unary(call, &method, &request.base, &response), WEIR_UNIMPLEMENTED);
        weir_call_free(call);
    }
    assert_line(fixture.metrics, "grpc_requests_total{method=\"other\",type=\"unary\"} 300");
    assert_line(
        fixture.metrics, "grpc_request_errors_total{method=\"other\",code=\"Unimplemented\"} 300");
    assert_int_equal(count_of(fixture.metrics, "\ngrpc_requests_total{"), 1);
    assert_line(fixture.metrics, "grpc_client_requests_total{method=\"other\",type=\"unary\"} 292");
    assert_int_equal(count_of(fixture.metrics, "\ngrpc_client_requests_total{"), 9);
}

/* Each limit by its own name, and no others. */
static void
assert_limits(weir_metrics *metrics)
{
    char label[128];

    for (unsigned i = 0; i < WEIR_LIMIT_COUNT; i++) {
        snprintf(label, sizeof(label), "\nweir_server_limit_hits_total{limit=\"%s\"} ",
            weir_limit_name((enum weir_limit)i));
        assert_int_equal(count_of(metrics, label), 1);
    }
    assert_int_equal(count_of(metrics, "\nweir_server_limit_hits_total{"), WEIR_LIMIT_COUNT);
}

static void
test_runtime(void **state)
{
    weir_metrics *metrics = new_metrics(NULL);
    weir_pool *pool;

    (void)state;
    assert_int_equal(call_unary("hello"), WEIR_OK);
    assert_int_equal(weir_pool_new(2, &pool), WEIR_OK);
    assert_int_equal(weir_metrics_pool(metrics, pool), WEIR_OK);
    assert_line(metrics, "weir_pool_threads 2");
    weir_metrics_free(metrics);
    weir_pool_free(pool);
    metrics = fixture.metrics;
    assert_line(metrics, "weir_server_calls_started_total 1");
    assert_line(metrics, "weir_server_limit_hits_total{limit=\"resets\"} 0");
    assert_limits(metrics);
    assert_line(metrics, "# TYPE weir_server_connections gauge");
    assert_line(metrics, "weir_server_connections 1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_same_and_other),
        cmocka_unit_test(test_locale),
        cmocka_unit_test(test_threads),
        cmocka_unit_test_setup_teardown(test_every_kind, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_errors, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_flood, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_runtime, open_fixture, close_fixture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
