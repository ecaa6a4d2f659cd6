/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/options.c. */
#include "folder.h"
#include "userd/options.h"
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

/* Read arguments that are separated by blanks. */
static bool
read_line(const char *line, struct options *options, char error[FLAGS_ERROR])
{
    static char text[512];
    char *argv[32];
    char *rest = text;
    int argc = 0;

    snprintf(text, sizeof(text), "%s", line);
    for (char *item; text[0] != '\0' && (item = strsep(&rest, " ")) != NULL;)
        argv[argc++] = item;
    return options_read(argc, argv, options, error);
}

static void
has_defaults(void **state)
{
    struct options options;
    char error[FLAGS_ERROR];

    (void)state;
    assert_true(read_line("", &options, error));
    assert_int_equal(options.listen.count, 1);
    assert_string_equal(options.listen.items[0], "127.0.0.1:50051");
    assert_null(options.db);
    assert_int_equal(options.log_format, WEIR_LOG_TEXT);
    assert_int_equal(options.log_level, LOG_INFO);
    assert_int_equal(options.grace, 30 * WEIR_SECOND);
    assert_int_equal(options.loops, 1);
    assert_int_equal(options.workers, 2);
    assert_false(options.insecure || options.version || options.help);
}

/* Who can be reached from elsewhere limits each address. */
static void
limits_strangers(void **state)
{
    static const struct {
        const char *line;
        double rate;
        uint32_t burst;
    } lines[] = {{"", 0, 0}, {"--listen [::1]:1", 0, 0}, {"--listen unix:/x", 0, 0},
        {"--listen 0.0.0.0:1 --insecure", 100, 200},
        {"--listen 127.0.0.1:1 --listen 0.0.0.0:1 --insecure", 100, 200},
        {"--listen 0.0.0.0:1 --insecure --rate off", 0, 0},
        {"--listen 0.0.0.0:1 --insecure --rate 3", 3, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct options options;
        char error[FLAGS_ERROR];

        assert_true(read_line(lines[i].line, &options, error));
        assert_true(options.rate.rate.rate == lines[i].rate);
        assert_int_equal(options.rate.rate.burst, lines[i].burst);
    }
}

static void
reads_every_flag(void **state)
{
    struct options options;
    char error[FLAGS_ERROR];

    (void)state;
    assert_true(read_line("--listen=0.0.0.0:1 --listen [::1]:2 --listen unix:/x --db sqlite:/y"
                          " --log-format json --log-level error --grace 250ms --loops 4"
                          " --workers=8 --rate 5:10 --concurrency --otlp http://127.0.0.1:4317"
                          " --trace-sample 0.25 --insecure",
        &options, error));
    assert_int_equal(options.listen.count, 3);
    assert_string_equal(options.db, "sqlite:/y");
    assert_int_equal(options.log_format, WEIR_LOG_JSON);
    assert_int_equal(options.log_level, LOG_ERROR);
    assert_int_equal(options.grace, 250 * WEIR_MILLISECOND);
    assert_int_equal(options.loops, 4);
    assert_int_equal(options.workers, 8);
    assert_true(options.rate.rate.rate == 5);
    assert_int_equal(options.rate.rate.burst, 10);
    assert_true(options.concurrency);
    assert_string_equal(options.otlp, "http://127.0.0.1:4317");
    assert_true(options.trace_skip == 0.75);
    assert_true(options.insecure);
}

static void
says_what_would_be_right(void **state)
{
    static const struct {
        const char *line;
        const char *part;
    } cases[] = {
        {"--listen=nowhere", "HOST:PORT, [V6]:PORT or unix:PATH"},
        {"--db=mysql://x", "--db needs sqlite:PATH or postgres://HOST/NAME"},
        {"--log-format=xml", "text or json"},
        {"--log-level=loud", "debug, info, warn or error"},
        {"--grace=30", "250ms, 5s, 2m or 1h"},
        {"--loops=0", "1 to 256"},
        {"--max-held=0MiB", "a size above 0 such as 64KiB, 256MiB or 1GiB"},
        {"--max-unread=64MB", "a size above 0 such as 64KiB, 256MiB or 1GiB"},
        {"--workers=257", "1 to 256"},
        {"--rate 1:1000000000", "a year's at most"},
        {"--advertise 10.0.0.1:1", "--advertise needs --etcd"},
        {"--trace-sample 0.5", "--trace-sample needs --otlp"},
        {"--rate-shared", "--rate-shared needs --redis"},
        {"--redis-timeout 1s", "--redis-timeout needs --redis"},
        {"--redis redis://h --redis-timeout 0s", "a duration above 0 such as"},
        {"--db-read postgres://h/n", "--db-read needs --db postgres://"},
        {"--max-connection-age-grace 1s", "needs --max-connection-age"},
        {"--token-ttl 2h", "--token-ttl needs --jwt-private-key"},
        {"--token-recheck 1s", "no meaning without --auth jwt"},
        {"--lissen=x", "did you mean --listen?"},
        {"serve", "\"serve\" is not a flag"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct options options;
        char error[FLAGS_ERROR] = "";
        assert_false(read_line(cases[i].line, &options, error));
        assert_non_null(strstr(error, cases[i].part));
        assert_null(strchr(error, '\n'));
    }
}

/* However wrong the rest of it is. */
static void
repeats_no_password(void **state)
{
    static const char *const lines[] = {"--db postgres:u:secret@h/n", "--db secret",
        "--db host=h,password=secret", "--db-read u:secret@h/n", "--redis :secret@h",
        "--redis secret", "--redis redis:/:secret@h", "--etcd u:secret@h:1", "--otlp u:secret@h:1",
        "--etcd-user secret", "postgres://u:secret@h/n"};

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct options options;
        char error[FLAGS_ERROR] = "";

        assert_false(read_line(lines[i], &options, error));
        assert_true(error[0] != '\0');
        assert_null(strstr(error, "secret"));
    }
}

/* Zero would be the library's default, which is the opposite of what it seems to say. */
static void
no_time_is_no_duration(void **state)
{
    static const char *const names[] = {"--stall-timeout", "--window-timeout", "--message-timeout",
        "--max-connection-age", "--max-connection-idle", "--keepalive-time", "--keepalive-timeout",
        "--min-ping-interval", "--min-ping-interval-idle",
        "--max-connection-age 1s --max-connection-age-grace"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct options options;
        char line[128], error[FLAGS_ERROR] = "";

        snprintf(line, sizeof(line), "%s 0s", names[i]);
        assert_false(read_line(line, &options, error));
        assert_non_null(strstr(error, "\"0s\" is not a duration above 0"));
        snprintf(line, sizeof(line), "%s 1ms", names[i]);
        assert_true(read_line(line, &options, error));
    }
}

static void
public_addresses_need_insecure(void **state)
{
    struct options options;
    char error[FLAGS_ERROR] = "";

    (void)state;
    assert_false(read_line("--listen 127.0.0.1:1 --listen 0.0.0.0:50051", &options, error));
    assert_non_null(strstr(error, "--listen 0.0.0.0:50051"));
    assert_non_null(strstr(error, "--insecure"));
    assert_true(read_line("--listen 0.0.0.0:50051 --insecure", &options, error));
    assert_true(read_line("--listen 0.0.0.0:50051 --help", &options, error));
}

static void
environment_counts(void **state)
{
    struct options options;
    char error[FLAGS_ERROR] = "";

    (void)state;
    setenv("USERD_LISTEN", "127.0.0.1:1,unix:/x", 1);
    setenv("USERD_LOG_LEVEL", "debug", 1);
    assert_true(read_line("--log-level warn", &options, error));
    assert_int_equal(options.listen.count, 2);
    assert_int_equal(options.log_level, LOG_WARN);
    setenv("USERD_GRACE", "soon", 1);
    assert_false(read_line("", &options, error));
    assert_non_null(strstr(error, "USERD_GRACE: \"soon\" is not a duration"));
    unsetenv("USERD_LISTEN");
    unsetenv("USERD_LOG_LEVEL");
    unsetenv("USERD_GRACE");
}

static void
help_names_every_flag(void **state)
{
    static const char *const names[] = {"--listen", "--db", "--log-format", "--log-level",
        "--grace", "--loops", "--workers", "--insecure", "--version", "--help", "USERD_"};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    options_help(out);
    fclose(out);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_non_null(strstr(text, names[i]));
    free(text);
}

/* What the tests do not set themselves. */
static int
clear_environment(void **state)
{
    static const char *const names[] = {"USERD_LISTEN", "USERD_DB", "USERD_LOG_FORMAT",
        "USERD_LOG_LEVEL", "USERD_GRACE", "USERD_LOOPS", "USERD_WORKERS", "USERD_INSECURE"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        unsetenv(names[i]);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(reads_every_flag),
        cmocka_unit_test(limits_strangers),
        cmocka_unit_test(says_what_would_be_right),
        cmocka_unit_test(repeats_no_password),
        cmocka_unit_test(no_time_is_no_duration),
        cmocka_unit_test(public_addresses_need_insecure),
        cmocka_unit_test(environment_counts),
        cmocka_unit_test(help_names_every_flag),
    };
    return cmocka_run_group_tests(tests, clear_environment, NULL);
}
