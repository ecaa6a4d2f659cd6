/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/log.c. */
#include "folder.h"
#include "usercommon/utf8.h"
#include "userd/log.h"
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a log of a format writes for one text field, with the time cut off for text. */
static char *
logged(enum log_format format, enum log_level level, const char *value)
{
    struct log log = {.format = format, .level = LOG_INFO};
    char *line = calloc(1, 8192);
    int pipe_fds[2];

    assert_int_equal(pipe(pipe_fds), 0);
    log.fd = pipe_fds[1];
    log_line(&log, level, "it \"happened\"", log_text("cause", value), log_number("n", -7));
    close(pipe_fds[1]);
    assert_true(read(pipe_fds[0], line, 8191) >= 0);
    close(pipe_fds[0]);
    return line;
}

static json_t *
logged_json(const char *value)
{
    char *line = logged(LOG_JSON, LOG_WARN, value);
    json_error_t error;
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);

    assert_non_null(json);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    free(line);
    return json;
}

static void
assert_field(json_t *json, const char *key, const char *value)
{
    assert_string_equal(json_string_value(json_object_get(json, key)), value);
}

static void
json_holds_every_field(void **state)
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
json_survives_hostile_values(void **state)
{
    static const struct {
        const char *value;
        const char *read_back;
    } cases[] = {
        {"", ""},
        {"\"\\/\b\f\n\r\t\x01\x1B[2J\x7F", "\"\\/\b\f\n\r\t\x01\x1B[2J\x7F"},
        {"é☎😀\xC2\x9B", "é☎😀\xC2\x9B"},
        {"a\xFF\xC3(b\xED\xA0\x80",
            "a\xEF\xBF\xBD\xEF\xBF\xBD(b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"cut \xF0\x9F\x98", "cut \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *json = logged_json(cases[i].value);
        assert_field(json, "cause", cases[i].read_back);
        json_decref(json);
    }
}

static void
every_byte_makes_good_lines(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char value[600];
        char *line;
        memset(value, byte, sizeof(value) - 1);
        value[sizeof(value) - 1] = '\0';
        json_decref(logged_json(value));
        line = logged(LOG_TEXT, LOG_WARN, value);
        assert_true(utf8_valid(line, strlen(line)));
        for (const char *at = line; at[1] != '\0'; at++)
            assert_true((unsigned char)*at >= ' ' && *at != 0x7F);
        free(line);
    }
}

static void
text_quotes_where_needed(void **state)
{
    static const struct {
        const char *value;
        const char *tail;
    } cases[] = {
        {"plain", " warn  it \\\"happened\\\" cause=plain n=-7\n"},
        {"", " cause=\"\" n=-7\n"},
        {"a b", " cause=\"a b\" n=-7\n"},
        {"a=b", " cause=\"a=b\" n=-7\n"},
        {"x\ny \x1B[0m", " cause=\"x\\u000ay \\u001b[0m\" n=-7\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *line = logged(LOG_TEXT, LOG_WARN, cases[i].value);
        assert_non_null(strstr(line, cases[i].tail));
        free(line);
    }
}

static void
long_values_are_cut(void **state)
{
    char value[5000];
    json_t *json;
    const char *cut;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    json = logged_json(value);
    cut = json_string_value(json_object_get(json, "cause"));
    assert_true(strlen(cut) < 1024);
    assert_string_equal(cut + strlen(cut) - 5, "xx...");
    json_decref(json);
}

static void
fields_without_room_are_dropped(void **state)
{
    struct log_field fields[32];
    struct log log = {.format = LOG_JSON, .level = LOG_INFO};
    char value[400], line[8192];
    int pipe_fds[2];
    ssize_t len;
    json_t *json;

    (void)state;
    memset(value, '"', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (size_t i = 0; i < COUNT(fields); i++)
        fields[i] = i % 2 == 0 ? log_text("v", value) : log_number("n", (int64_t)i);
    assert_int_equal(pipe(pipe_fds), 0);
    log.fd = pipe_fds[1];
    log_write(&log, LOG_INFO, "much", fields, COUNT(fields));
    len = read(pipe_fds[0], line, sizeof(line) - 1);
    line[len] = '\0';
    json = json_loads(line, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void
levels_below_are_dropped(void **state)
{
    char *line = logged(LOG_TEXT, LOG_DEBUG, "x");

    (void)state;
    assert_string_equal(line, "");
    free(line);
}

/* ---- several threads ---- */

static void *
write_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_line(arg, LOG_INFO, "line", log_text("v", "some text"), log_number("i", i));
    return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
    const char *path = folder_file(state, "log");
    FILE *file = fopen(path, "a");
    struct log log = {fileno(file), LOG_JSON, LOG_INFO};
    pthread_t threads[4];
    size_t len;
    char *text, *rest;
    int count = 0;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &log), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    fclose(file);
    text = rest = folder_read(path, &len);
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; count++) {
        json_t *json = json_loads(line, 0, NULL);
        assert_non_null(json);
        json_decref(json);
    }
    assert_int_equal(count, 800);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_holds_every_field),
        cmocka_unit_test(json_survives_hostile_values),
        cmocka_unit_test(every_byte_makes_good_lines),
        cmocka_unit_test(text_quotes_where_needed),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(fields_without_room_are_dropped),
        cmocka_unit_test(levels_below_are_dropped),
        test_in_folder(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
