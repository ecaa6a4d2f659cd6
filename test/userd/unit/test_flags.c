/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of usercommon/flags.c. */
#include "folder.h"
#include "usercommon/flags.h"
#include <stdlib.h>
#include <string.h>

struct options {
    bool loud;
    const char *title;
    struct flag_list paths;
    int64_t wait;
    uint32_t threads;
    int32_t page;
    bool help;
};

static const struct flag flags[] = {
    {.name = "loud",
        .read = flag_switch,
        .field = offsetof(struct options, loud),
        .expected = "true or false",
        .help = "make noise"},
    {.name = "title",
        .value = "T",
        .read = flag_text,
        .field = offsetof(struct options, title),
        .expected = "a title",
        .help = "the title"},
    {.name = "path",
        .value = "P",
        .read = flag_list,
        .repeats = true,
        .field = offsetof(struct options, paths),
        .expected = "a path",
        .help = "a path; repeatable"},
    {.name = "wait-time",
        .value = "D",
        .read = flag_duration,
        .field = offsetof(struct options, wait),
        .expected = "a duration such as 5s",
        .help = "how long"},
    {.name = "threads",
        .value = "N",
        .read = flag_number,
        .field = offsetof(struct options, threads),
        .min = 1,
        .max = 8,
        .expected = "a number from 1 to 8",
        .help = "how many"},
    {.name = "page",
        .value = "N",
        .read = flag_integer,
        .field = offsetof(struct options, page),
        .expected = "a whole number",
        .help = "which"},
    {.name = "help",
        .read = flag_switch,
        .field = offsetof(struct options, help),
        .expected = "true or false",
        .help = "help"},
};

static const struct flag_set set = {flags, COUNT(flags), "TESTPROG_", false};
static const struct flag_set plain_set = {flags, COUNT(flags), NULL, false};
static const struct flag_set command_set = {flags, COUNT(flags), NULL, true};

struct reading {
    struct options options;
    const char *items[16];
    struct flag_words words;
    char error[FLAGS_ERROR];
};

/* Read arguments that are separated by '|'. */
static bool
read_with(const struct flag_set *flag_set, struct reading *reading, char *line)
{
    char *argv[16];
    int argc = 0;

    memset(reading, 0, sizeof(*reading));
    reading->words.items = reading->items;
    for (char *item; line != NULL && (item = strsep(&line, "|")) != NULL;)
        argv[argc++] = item;
    return flags_read(flag_set, argc, argv, &reading->options, &reading->words, reading->error);
}

static void
reads_both_spellings(void **state)
{
    char line[] = "--title|a b|--path=x|--loud|--path|y=z|--wait-time=250ms|--threads|8|--page=-3";
    struct reading reading;

    (void)state;
    assert_true(read_with(&plain_set, &reading, line));
    assert_true(reading.options.loud);
    assert_string_equal(reading.options.title, "a b");
    assert_int_equal(reading.options.paths.count, 2);
    assert_string_equal(reading.options.paths.items[0], "x");
    assert_string_equal(reading.options.paths.items[1], "y=z");
    assert_int_equal(reading.options.wait, 250000000);
    assert_int_equal(reading.options.threads, 8);
    assert_int_equal(reading.options.page, -3);
    assert_int_equal(reading.words.count, 0);
}

static void
keeps_words_in_order(void **state)
{
    char line[] = "get|--loud|-7|-|--|--title|x";
    struct reading reading;

    (void)state;
    assert_true(read_with(&plain_set, &reading, line));
    assert_int_equal(reading.words.count, 5);
    assert_string_equal(reading.words.items[0], "get");
    assert_string_equal(reading.words.items[1], "-7");
    assert_string_equal(reading.words.items[2], "-");
    assert_string_equal(reading.words.items[3], "--title");
    assert_null(reading.options.title);
}

static void
stops_at_the_first_word(void **state)
{
    char line[] = "--loud|get|--title|x";
    struct reading reading;

    (void)state;
    assert_true(read_with(&command_set, &reading, line));
    assert_true(reading.options.loud);
    assert_int_equal(reading.words.count, 3);
    assert_null(reading.options.title);
}

static void
switches_take_a_value_with_equals_only(void **state)
{
    char off[] = "--loud|--loud=false|true";
    char help[] = "-h";
    struct reading reading;

    (void)state;
    assert_true(read_with(&plain_set, &reading, off));
    assert_false(reading.options.loud);
    assert_int_equal(reading.words.count, 1);
    assert_true(read_with(&plain_set, &reading, help));
    assert_true(reading.options.help);
}

static void
says_what_is_wrong(void **state)
{
    static const struct {
        const char *line;
        const char *error;
    } cases[] = {
        {"--titel=x", "unknown flag --titel; did you mean --title?"},
        {"--thread=1", "unknown flag --thread; did you mean --threads?"},
        {"--nonsense", "unknown flag --nonsense; --help lists the flags"},
        {"-x", "unknown flag -x; flags begin with two dashes"},
        {"--title", "--title needs a title"},
        {"--path=", "--path needs a path"},
        {"--threads=0", "--threads: \"0\" is not a number from 1 to 8"},
        {"--threads|9", "--threads: \"9\" is not a number from 1 to 8"},
        {"--threads=4294967297", "--threads: \"4294967297\" is not a number from 1 to 8"},
        {"--threads=99999999999999999999",
            "--threads: \"99999999999999999999\" is not a number from 1 to 8"},
        {"--page=2147483648", "--page: \"2147483648\" is not a whole number"},
        {"--page=1x", "--page: \"1x\" is not a whole number"},
        {"--page=-", "--page: \"-\" is not a whole number"},
        {"--page= 1", "--page: \" 1\" is not a whole number"},
        {"--wait-time=5", "--wait-time: \"5\" is not a duration such as 5s"},
        {"--loud=maybe", "--loud: \"maybe\" is not true or false"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading;
        char line[256];
        memcpy(line, cases[i].line, strlen(cases[i].line) + 1);
        assert_false(read_with(&plain_set, &reading, line));
        assert_string_equal(reading.error, cases[i].error);
    }
}

static void
long_arguments_are_cut_in_errors(void **state)
{
    char line[2000];
    struct reading reading;

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line, "--page=", 7);
    assert_false(read_with(&plain_set, &reading, line));
    memcpy(line, "--pxxxx", 7);
    assert_false(read_with(&plain_set, &reading, line));
    memcpy(line, "-p", 2);
    assert_false(read_with(&plain_set, &reading, line));
    assert_true(strlen(reading.error) < sizeof(reading.error) - 1);
}

static void
too_many_list_items_are_an_error(void **state)
{
    struct reading reading;

    (void)state;
    setenv("TESTPROG_PATH", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", 1);
    assert_true(read_with(&set, &reading, NULL));
    assert_int_equal(reading.options.paths.count, FLAG_LIST_MAX);
    setenv("TESTPROG_PATH", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", 1);
    assert_false(read_with(&set, &reading, NULL));
    assert_string_equal(reading.error, "TESTPROG_PATH: \"17\" is not a path");
    unsetenv("TESTPROG_PATH");
}

static void
environment_fills_in_what_is_not_given(void **state)
{
    char line[] = "--title=given|--path=p";
    struct reading reading;

    (void)state;
    setenv("TESTPROG_TITLE", "env", 1);
    setenv("TESTPROG_PATH", "a,b", 1);
    setenv("TESTPROG_WAIT_TIME", "1h", 1);
    setenv("TESTPROG_LOUD", "1", 1);
    setenv("TESTPROG_THREADS", "", 1);
    assert_true(read_with(&set, &reading, line));
    assert_string_equal(reading.options.title, "given");
    assert_int_equal(reading.options.paths.count, 1);
    assert_int_equal(reading.options.wait, 3600000000000);
    assert_true(reading.options.loud);
    assert_true(read_with(&set, &reading, NULL));
    assert_string_equal(reading.options.title, "env");
    assert_int_equal(reading.options.paths.count, 2);
    assert_string_equal(reading.options.paths.items[1], "b");
    setenv("TESTPROG_THREADS", "many", 1);
    assert_false(read_with(&set, &reading, NULL));
    assert_string_equal(reading.error, "TESTPROG_THREADS: \"many\" is not a number from 1 to 8");
}

static void
help_lists_every_flag(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    flags_help(&set, out);
    fclose(out);
    for (size_t i = 0; i < COUNT(flags); i++) {
        assert_non_null(strstr(text, flags[i].name));
        assert_non_null(strstr(text, flags[i].help));
    }
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_spellings),
        cmocka_unit_test(keeps_words_in_order),
        cmocka_unit_test(stops_at_the_first_word),
        cmocka_unit_test(switches_take_a_value_with_equals_only),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(long_arguments_are_cut_in_errors),
        cmocka_unit_test(too_many_list_items_are_an_error),
        cmocka_unit_test(environment_fills_in_what_is_not_given),
        cmocka_unit_test(help_lists_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
