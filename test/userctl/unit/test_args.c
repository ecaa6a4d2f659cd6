/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userctl/args.c and command_table.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "userctl/args.h"
#include <stdlib.h>
#include <string.h>
#include <weir/base.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct reading {
    const struct command *command;
    struct args args;
    char error[FLAGS_ERROR];
    char text[512];
};

/* Read arguments that are separated by '|'. */
static bool
read_line(const char *line, struct reading *reading)
{
    char *argv[32];
    char *rest = reading->text;
    int argc = 0;

    snprintf(reading->text, sizeof(reading->text), "%s", line);
    reading->error[0] = '\0';
    for (char *item; line[0] != '\0' && (item = strsep(&rest, "|")) != NULL;)
        argv[argc++] = item;
    return args_read(argc, argv, &reading->command, &reading->args, reading->error);
}

static void
each_command_has_its_timeout(void **state)
{
    static const struct {
        const char *line;
        int64_t timeout;
    } cases[] = {
        {"get|7", 5 * WEIR_SECOND},
        {"list", 5 * WEIR_SECOND},
        {"stream", 30 * WEIR_SECOND},
        {"import|-", WEIR_NEVER},
        {"export", WEIR_NEVER},
        {"chat", WEIR_NEVER},
        {"chat|--timeout|2s", 2 * WEIR_SECOND},
        {"--timeout|0s|import|-", 0},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(read_line(cases[i].line, &reading));
        assert_true(reading.args.timeout == cases[i].timeout);
    }
}

static void
files_have_a_format(void **state)
{
    static const struct {
        const char *line, *file;
        bool jsonl;
    } cases[] = {
        {"import|a.csv", "a.csv", false},
        {"import|a.jsonl", "a.jsonl", true},
        {"import|a.ndjson", "a.ndjson", true},
        {"export|a.json", "a.json", true},
        {"import|a.jsonl|--format|csv", "a.jsonl", false},
        {"import|--format=jsonl|-", NULL, true},
        {"import|-", NULL, false},
        {"export", NULL, false},
        {"export|x.jsonl", "x.jsonl", true},
        {"export|-|--format|jsonl", NULL, true},
    };
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(read_line(cases[i].line, &reading));
        assert_int_equal(reading.args.jsonl, cases[i].jsonl);
        assert_int_equal(reading.args.file == NULL, cases[i].file == NULL);
        if (cases[i].file != NULL)
            assert_string_equal(reading.args.file, cases[i].file);
    }
    assert_false(read_line("import", &reading));
    assert_false(read_line("import|a|b", &reading));
    assert_false(read_line("export|--format|xml", &reading));
    assert_true(read_line("chat|--from|ada|--to=bob", &reading));
    assert_string_equal(reading.args.from, "ada");
    assert_string_equal(reading.args.to, "bob");
    assert_false(read_line("chat|bob", &reading));
}

static void
reads_each_command(void **state)
{
    struct reading reading;

    (void)state;
    assert_true(read_line("get|7", &reading));
    assert_ptr_equal(reading.command, &commands[COMMAND_GET]);
    assert_int_equal(reading.args.id, 7);
    assert_string_equal(reading.args.server, "127.0.0.1:50051");
    assert_int_equal(reading.args.timeout, 5 * WEIR_SECOND);
    assert_true(read_line("list|--page|2|--limit=3", &reading));
    assert_int_equal(reading.args.page, 2);
    assert_int_equal(reading.args.limit, 3);
    assert_true(read_line("create|--name|Ann|--email=a@b", &reading));
    assert_string_equal(reading.args.name, "Ann");
    assert_null(reading.args.phone);
    assert_true(read_line("update|--phone|  |7|--name=", &reading));
    assert_int_equal(reading.args.id, 7);
    assert_string_equal(reading.args.name, "");
    assert_null(reading.args.email);
    assert_true(read_line("delete|-3", &reading));
    assert_int_equal(reading.args.id, -3);
}

static void
create_takes_words(void **state)
{
    struct reading reading;

    (void)state;
    assert_true(read_line("create|Ann|a@b|7", &reading));
    assert_string_equal(reading.args.name, "Ann");
    assert_string_equal(reading.args.email, "a@b");
    assert_string_equal(reading.args.phone, "7");
    assert_true(read_line("create|--email|a@b|Ann", &reading));
    assert_string_equal(reading.args.name, "Ann");
    assert_string_equal(reading.args.email, "a@b");
    assert_true(read_line("create|--|-Ann|--mail@b", &reading));
    assert_string_equal(reading.args.name, "-Ann");
}

static void
common_flags_stand_anywhere(void **state)
{
    struct reading reading;

    (void)state;
    assert_true(read_line("--server|unix:/x|--json|get|--timeout=250ms|1", &reading));
    assert_string_equal(reading.args.server, "unix:/x");
    assert_true(reading.args.json);
    assert_int_equal(reading.args.timeout, 250 * WEIR_MILLISECOND);
    assert_true(read_line("get|1|--server=h:1", &reading));
    assert_string_equal(reading.args.server, "h:1");
}

static void
environment_names_the_server(void **state)
{
    struct reading reading;

    (void)state;
    setenv("USERCTL_SERVER", "env:1", 1);
    setenv("USERCTL_NAME", "never", 1);
    assert_true(read_line("update|1|--email=a@b", &reading));
    assert_string_equal(reading.args.server, "env:1");
    assert_null(reading.args.name);
    assert_true(read_line("--server=line:1|get|1", &reading));
    assert_string_equal(reading.args.server, "line:1");
    assert_true(read_line("get|1|--server=line:2", &reading));
    assert_string_equal(reading.args.server, "line:2");
    unsetenv("USERCTL_SERVER");
    setenv("USERCTL_TIMEOUT", "soon", 1);
    assert_false(read_line("get|1", &reading));
    assert_string_equal(
        reading.error, "USERCTL_TIMEOUT: \"soon\" is not a duration such as 250ms, 5s, 2m or 1h");
    unsetenv("USERCTL_TIMEOUT");
}

/* What the tests do not set themselves. */
static int
clear_environment(void **state)
{
    (void)state;
    unsetenv("USERCTL_SERVER");
    unsetenv("USERCTL_TIMEOUT");
    unsetenv("USERCTL_JSON");
    return 0;
}

static void
says_what_is_wrong(void **state)
{
    static const struct {
        const char *line;
        const char *error;
    } cases[] = {
        {"", "no command is given; userctl --help lists the commands"},
        {"--json", "no command is given; userctl --help lists the commands"},
        {"fetch|1", "unknown command \"fetch\"; userctl --help lists the commands"},
        {"craete", "unknown command \"craete\"; did you mean create?"},
        {"help|ls", "unknown command \"ls\"; did you mean list?"},
        {"list|--db=x", "unknown flag --db; --help lists the flags"},
        {"help|fetch", "unknown command \"fetch\"; userctl --help lists the commands"},
        {"get", "the ID of a user is missing"},
        {"get|one", "\"one\" is not the ID of a user, which is a number"},
        {"get|2147483648", "\"2147483648\" is not the ID of a user, which is a number"},
        {"get|1|2", "\"2\" is one argument too many"},
        {"list|2", "\"2\" is one argument too many"},
        {"list|--page=two", "--page: \"two\" is not a number from 1"},
        {"list|--page=0", "--page: \"0\" is not a number from 1"},
        {"list|--limit|1000", "--limit: \"1000\" is not a number from 1 to 100"},
        {"stream|--limit=0", "--limit: \"0\" is not a number from 1 to 100"},
        {"create", "--name is missing"},
        {"create|Ann", "--email is missing"},
        {"create|Ann|a@b|7|x", "\"x\" is one argument too many"},
        {"update|1", "nothing to change: give --name, --email or --phone"},
        {"update|--name=x", "the ID of a user is missing"},
        {"delete|--force|1", "unknown flag --force; --help lists the flags"},
        {"get|1|--timeout=5", "--timeout: \"5\" is not a duration such as 250ms, 5s, 2m or 1h"},
        {"--name=x|create", "unknown flag --name; --help lists the flags"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        assert_false(read_line(cases[i].line, &reading));
        assert_string_equal(reading.error, cases[i].error);
    }
}

static void
help_needs_nothing_else(void **state)
{
    struct reading reading;

    (void)state;
    assert_true(read_line("--help", &reading));
    assert_true(reading.args.help && reading.command == NULL);
    assert_true(read_line("help", &reading));
    assert_true(reading.args.help && reading.command == NULL);
    assert_true(read_line("help|update", &reading));
    assert_true(reading.args.help && reading.command == &commands[COMMAND_UPDATE]);
    assert_true(read_line("update|--help", &reading));
    assert_true(reading.args.help && reading.command == &commands[COMMAND_UPDATE]);
    assert_true(read_line("--version", &reading));
    assert_true(reading.args.version);
}

static void
help_tells_everything(void **state)
{
    char *text;
    size_t size;
    FILE *out;

    (void)state;
    for (size_t i = 0; i <= COMMAND_COUNT; i++) {
        out = open_memstream(&text, &size);
        args_help(i < COMMAND_COUNT ? &commands[i] : NULL, out);
        fclose(out);
        assert_non_null(strstr(text, i < COMMAND_COUNT ? commands[i].usage : "Exit codes"));
        assert_non_null(strstr(text, "--server"));
        free(text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_command),
        cmocka_unit_test(each_command_has_its_timeout),
        cmocka_unit_test(files_have_a_format),
        cmocka_unit_test(create_takes_words),
        cmocka_unit_test(common_flags_stand_anywhere),
        cmocka_unit_test(environment_names_the_server),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(help_tells_everything),
    };
    return cmocka_run_group_tests(tests, clear_environment, NULL);
}
