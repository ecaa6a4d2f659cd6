/* SPDX-License-Identifier: Apache-2.0 */
/* Logging: lines of both formats, a sink that does not take them, and calls of every kind. */
#include "kinds.h"
#include "service.h"
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/logging.h>
#include <weir/tracing.h>

#include <cmocka.h>

/* Where lines go. */
struct sink {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool closed; /* takes nothing until it is opened */
    char text[1 << 20];
    size_t len;
    unsigned writes;
};

static struct sink sink;

static void
take(void *self, const char *lines, size_t len)
{
    struct sink *to = self;

    pthread_mutex_lock(&to->lock);
    to->writes++;
    while (to->closed)
        pthread_cond_wait(&to->opened, &to->lock);
    if (len < sizeof(to->text) - to->len) {
        memcpy(to->text + to->len, lines, len);
        to->len += len;
    }
    to->text[to->len] = '\0';
    pthread_mutex_unlock(&to->lock);
}

static void
set_closed(bool closed)
{
    pthread_mutex_lock(&sink.lock);
    sink.closed = closed;
    pthread_cond_broadcast(&sink.opened);
    pthread_mutex_unlock(&sink.lock);
}

static unsigned
writes_so_far(void)
{
    unsigned writes;

    pthread_mutex_lock(&sink.lock);
    writes = sink.writes;
    pthread_mutex_unlock(&sink.lock);
    return writes;
}

static bool
has_taken(const char *text)
{
    bool found;

    pthread_mutex_lock(&sink.lock);
    found = strstr(sink.text, text) != NULL;
    pthread_mutex_unlock(&sink.lock);
    return found;
}

static weir_log *
new_log(struct weir_log_options options)
{
    weir_log *log;

    sink.len = 0;
    sink.writes = 0;
    sink.text[0] = '\0';
    options.write = take;
    options.self = &sink;
    assert_int_equal(weir_log_new(&options, &log), WEIR_OK);
    return log;
}

/* What one line comes to. Behind the time, for text. */
static const char *
logged(enum weir_log_format format, enum weir_log_level level, const char *value)
{
    weir_log *log = new_log((struct weir_log_options){.format = format});

    weir_log_line(
        log, level, "it \"happened\"", weir_log_text("cause", value), weir_log_number("n", -7));
    weir_log_free(log);
    return format == WEIR_LOG_TEXT && sink.len > 25 ? sink.text + 25 : sink.text;
}

static json_t *
logged_json(const char *value)
{
    const char *line = logged(WEIR_LOG_JSON, WEIR_LOG_WARN, value);
    json_error_t error;
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);

    assert_non_null(json);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    return json;
}

static void
assert_field(json_t *json, const char *key, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(json, key)), value);
}

/* ---- lines ---- */

static void
test_json(void **state)
{
    json_t *json = logged_json("plain");
    const char *time = json_string_value(json_object_get(json, "time"));

    (void)state;
    assert_int_equal(strlen(time), strlen("2026-01-02T03:04:05.678Z"));
    assert_int_equal(time[10], 'T');
    assert_int_equal(time[23], 'Z');
    assert_field(json, "level", "warn");
    assert_field(json, "message", "it \"happened\"");
    assert_field(json, "cause", "plain");
    assert_int_equal(json_integer_value(json_object_get(json, "n")), -7);
    json_decref(json);
}

static void
test_hostile_json(void **state)
{
    static const struct {
        const char *value, *read_back;
    } cases[] = {
        {"", ""},
        {"\"\\/\b\f\n\r\t\x01\x1B[2J\x7F", "\"\\/\b\f\n\r\t\x01\x1B[2J\x7F"},
        {"\xC3\xA9\xE2\x98\x8E\xC2\x9B", "\xC3\xA9\xE2\x98\x8E\xC2\x9B"},
        {"a\xFF\xC3(b\xED\xA0\x80",
            "a\xEF\xBF\xBD\xEF\xBF\xBD(b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"cut \xF0\x9F\x98", "cut \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *json = logged_json(cases[i].value);

        assert_field(json, "cause", cases[i].read_back);
        assert_null(strchr(sink.text, '\x1B'));
        json_decref(json);
    }
}

/* A byte that must be escaped is found wherever it stands, among few others and many. */
static void
test_each_place(void **state)
{
    static const char *const specials[] = {"\"", "\\", "\x1F", "\x7F", "\xC3\xA9"};
    char value[40];

    (void)state;
    for (size_t at = 0; at < sizeof(value) - 2; at++) {
        for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
            json_t *json;

            memset(value, '~', sizeof(value));
            memcpy(value + at, specials[i], strlen(specials[i]));
            value[sizeof(value) - 1] = '\0';
            json = logged_json(value);
            assert_field(json, "cause", value);
            json_decref(json);
        }
    }
}

/* The extremes, too. */
static void
test_numbers(void **state)
{
    static const int64_t numbers[] = {0, 9, 10, -1, INT64_MAX, INT64_MIN};
    weir_log *log;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        json_t *json;

        log = new_log((struct weir_log_options){.format = WEIR_LOG_JSON});
        weir_log_line(log, WEIR_LOG_INFO, "counted", weir_log_number("n", numbers[i]));
        weir_log_free(log);
        json = json_loads(sink.text, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_integer_value(json_object_get(json, "n")) == numbers[i]);
        json_decref(json);
    }
}

static void
test_text(void **state)
{
    (void)state;
    assert_string_equal(logged(WEIR_LOG_TEXT, WEIR_LOG_INFO, "plain"),
        "info  it \\\"happened\\\" cause=plain n=-7\n");
    assert_string_equal(logged(WEIR_LOG_TEXT, WEIR_LOG_ERROR, "a b\x1B[2J\n=\xC2\x9B"),
        "error it \\\"happened\\\" cause=\"a b\\u001b[2J\\u000a=\\u009b\" n=-7\n");
    assert_string_equal(
        logged(WEIR_LOG_TEXT, WEIR_LOG_INFO, ""), "info  it \\\"happened\\\" cause=\"\" n=-7\n");
    assert_string_equal(logged(WEIR_LOG_TEXT, WEIR_LOG_DEBUG, "below the level"), "");
}

/* A value that is long is cut, a field for which no room is left is dropped whole. */
static void
test_long_values(void **state)
{
    char value[600];
    struct weir_log_field fields[20];
    weir_log *log = new_log((struct weir_log_options){.format = WEIR_LOG_JSON});
    json_t *json;

    (void)state;
    memset(value, '"', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < 20; i++) {
        static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k",
            "l", "m", "n", "o", "p", "q", "r", "s", "t"};

        fields[i] = weir_log_text(keys[i], value);
    }
    weir_log_write(log, WEIR_LOG_INFO, "long", fields, 20);
    weir_log_free(log);
    assert_true(sink.len <= 4096);
    json = json_loads(sink.text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    assert_int_equal(strlen(json_string_value(json_object_get(json, "a"))), 512 + 3);
    assert_null(json_object_get(json, "t"));
    json_decref(json);
}

/* ---- a sink that does not take lines ---- */

static void
test_stuck_sink(void **state)
{
    weir_log *log = new_log((struct weir_log_options){.buffer = 4096});
    char expected[128];
    unsigned lines = 0;
    uint64_t dropped;

    (void)state;
    set_closed(true);
    weir_log_line(log, WEIR_LOG_INFO, "first", weir_log_number("i", -1));
    EVENTUALLY(writes_so_far() == 1);
    for (int i = 0; i < 10000; i++)
        weir_log_line(log, WEIR_LOG_INFO, "more", weir_log_number("i", i));
    dropped = weir_log_dropped(log);
    assert_true(dropped > 9000 && dropped < 10000);
    set_closed(false);
    weir_log_free(log);
    for (const char *at = sink.text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 10001 - dropped + 1);
    snprintf(expected, sizeof(expected), "warn  log lines were dropped lines=%llu\n",
        (unsigned long long)dropped);
    assert_non_null(strstr(sink.text, expected));
}

/* ---- standard error on a disk that is full ---- */

/* What standard error is from now on. */
static void
redirect(int fd)
{
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static size_t
count_newlines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        count++;
    return count;
}

/* How many bytes a file may have. */
static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
log_to_a_full_disk(weir_log *log)
{
    limit_files(200);
    for (int i = 0; i < 10; i++)
        weir_log_line(log, WEIR_LOG_INFO, "a line of 50 to 66 bytes", weir_log_number("i", i));
    EVENTUALLY(weir_log_dropped(log) == 7);
    limit_files(RLIM_INFINITY);
    weir_log_line(log, WEIR_LOG_INFO, "there is room again", weir_log_number("i", 10));
    weir_log_free(log);
}

static void
test_full_disk(void **state)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    char text[2048];
    weir_log *log;
    size_t len;

    (void)state;
    assert_non_null(file);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(weir_log_new(NULL, &log), WEIR_OK);
    redirect(fileno(file));
    log_to_a_full_disk(log);
    redirect(before);
    close(before);
    rewind(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    /* three lines, what is there of the fourth, and two on lines of their own */
    assert_int_equal(count_newlines(text), 6);
    assert_non_null(strstr(text, " there is room again i=10\n"));
    assert_non_null(strstr(text, " log lines were dropped lines=7\n"));
}

/* Freeing does not wait for ever; the thread ends when the sink opens. */
static void
test_stuck_at_the_end(void **state)
{
    weir_log *log = new_log((struct weir_log_options){.patience = 20 * WEIR_MILLISECOND});

    (void)state;
    set_closed(true);
    weir_log_line(log, WEIR_LOG_INFO, "last", weir_log_number("i", 1));
    weir_log_free(log);
    assert_false(has_taken("last"));
    set_closed(false);
    EVENTUALLY(has_taken("last i=1\n"));
    weir_log_free(NULL);
    weir_log_write(NULL, WEIR_LOG_ERROR, "nobody", NULL, 0);
}

static void *
log_many(void *arg)
{
    for (int i = 0; i < 500; i++)
        weir_log_line(arg, WEIR_LOG_INFO, "from a thread", weir_log_number("i", i));
    return NULL;
}

static void
test_threads(void **state)
{
    weir_log *log = new_log((struct weir_log_options){.format = WEIR_LOG_JSON, .buffer = 1 << 20});
    pthread_t threads[4];
    size_t count = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, log), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    weir_log_free(log);
    for (char *line = sink.text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *json = json_loadb(line, (size_t)(end - line), 0, NULL);

        assert_non_null(json);
        json_decref(json);
        count++;
    }
    assert_int_equal(count, 2000);
}

/* ---- calls ---- */

static weir_log *call_log;

static size_t
add_tenant(void *self, weir_call *call, struct weir_log_field *fields)
{
    (void)self;
    (void)call;
    fields[0] = weir_log_text("tenant", "0123456789abcdef");
    return 1;
}

static weir_tracer *call_tracer; /* NULL: none */

static void
prepare(struct running *running)
{
    assert_int_equal(weir_server_wrap(running->server, weir_log_intercept, call_log), WEIR_OK);
    if (call_tracer != NULL)
        assert_int_equal(
            weir_server_wrap(running->server, weir_tracer_intercept, call_tracer), WEIR_OK);
}

/* Make calls on a server that logs, and end it. */
static void
log_calls(struct weir_log_options options, bool of_client, const char *fail_text)
{
    static weir_interceptor *const none[] = {NULL};
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response;

    call_log = new_log(options);
    running_start_prepared(&running, "127.0.0.1:0", NULL, none, of_client ? NULL : prepare);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    if (of_client)
        assert_int_equal(weir_channel_wrap(channel, weir_log_intercept, call_log), WEIR_OK);
    for (size_t i = 0; i < KINDS; i++)
        (void)kinds_call(channel, kinds[i], 100 * WEIR_SECOND);
    call = weir_call_new(channel, NULL);
    assert_int_equal(weir_call_add_header(call, "authorization", weir_str_of("secret")), WEIR_OK);
    request.text = (char *)fail_text;
    assert_int_not_equal(rpctest_Test_Unary(call, &request, &response), WEIR_OK);
    weir_call_free(call);
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, WEIR_SECOND);
    weir_log_free(call_log);
}

/* The lines with this message, and whether each has what belongs there. */
static unsigned
count_lines(const char *message, bool ends)
{
    unsigned count = 0;

    for (char *line = sink.text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *json = json_loadb(line, (size_t)(end - line), 0, NULL);

        assert_non_null(json);
        if (strcmp(json_string_value(json_object_get(json, "message")), message) == 0) {
            count++;
            assert_memory_equal(
                json_string_value(json_object_get(json, "method")), "/rpctest.Test/", 14);
            assert_memory_equal(
                json_string_value(json_object_get(json, "peer")), "ipv4:127.0.0.1:", 15);
            assert_true((json_object_get(json, "code") != NULL) == ends);
            assert_true(json_is_integer(json_object_get(json, "duration_us")) == ends);
            assert_true((json_object_get(json, "tenant") != NULL) == ends);
        }
        json_decref(json);
    }
    return count;
}

static void
test_calls(void **state)
{
    const struct weir_log_options options = {.format = WEIR_LOG_JSON, .call_fields = add_tenant};

    (void)state;
    log_calls(options, false, "fail:5");
    assert_int_equal(count_lines("call started", false), KINDS + 1);
    assert_int_equal(count_lines("call ended", true), KINDS + 1);
    assert_non_null(strstr(sink.text, "\"code\":\"NOT_FOUND\""));
    assert_non_null(strstr(sink.text, "\"error\":\"as asked"));
    assert_null(strstr(sink.text, "secret"));
}

static void
test_calls_of_a_client(void **state)
{
    const struct weir_log_options options = {.format = WEIR_LOG_JSON, .call_fields = add_tenant};

    (void)state;
    log_calls(options, true, "fail:5");
    assert_int_equal(count_lines("call ended", true), KINDS + 1);
}

/* The tracer stands inside, as in userd: its context is on the call when it has ended. */
static void
test_traces(void **state)
{
    const struct weir_log_options options = {.format = WEIR_LOG_JSON};
    const struct weir_tracer_options tracing = {.endpoint = NULL};
    unsigned ends = 0;

    (void)state;
    assert_int_equal(weir_tracer_new(&tracing, &call_tracer), WEIR_OK);
    log_calls(options, false, "fail:5");
    weir_tracer_free(call_tracer);
    call_tracer = NULL;
    for (char *line = sink.text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *json = json_loadb(line, (size_t)(end - line), 0, NULL);

        if (json_object_get(json, "code") != NULL) {
            ends++;
            assert_int_equal(json_string_length(json_object_get(json, "trace_id")), 32);
            assert_int_equal(json_string_length(json_object_get(json, "span_id")), 16);
        }
        json_decref(json);
    }
    assert_int_equal(ends, KINDS + 1);
}

static void
test_levels(void **state)
{
    const struct weir_log_options options = {.format = WEIR_LOG_JSON, .level = WEIR_LOG_WARN};

    (void)state;
    log_calls(options, false, "fail:5");
    assert_string_equal(sink.text, "");
    log_calls(options, false, "fail:13");
    assert_non_null(strstr(sink.text, "\"level\":\"error\",\"message\":\"call ended\""));
    log_calls(options, false, "fail:14");
    assert_non_null(strstr(sink.text, "\"level\":\"warn\",\"message\":\"call ended\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_hostile_json),
        cmocka_unit_test(test_each_place),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_stuck_sink),
        cmocka_unit_test(test_stuck_at_the_end),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_calls_of_a_client),
        cmocka_unit_test(test_traces),
        cmocka_unit_test(test_levels),
    };

    pthread_mutex_init(&sink.lock, NULL);
    pthread_cond_init(&sink.opened, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
