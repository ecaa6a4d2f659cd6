/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: a table of flags, read from the arguments and from the environment. */
#include "usercommon/flags.h"

#include "usercommon/duration.h"
#include "usercommon/size.h"
#include "usercommon/typo.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64

/* ---- readers ---- */

bool
flag_switch(const struct flag *flag, const char *text, void *field)
{
    static const struct {
        const char *text;
        bool on;
    } words[] = {{"", true}, {"1", true}, {"true", true}, {"yes", true}, {"on", true}, {"0", false},
        {"false", false}, {"no", false}, {"off", false}};

    (void)flag;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i].text) == 0) {
            *(bool *)field = words[i].on;
            return true;
        }
    }
    return false;
}

bool
flag_text(const struct flag *flag, const char *text, void *field)
{
    (void)flag;
    *(const char **)field = text;
    return true;
}

bool
flag_list(const struct flag *flag, const char *text, void *field)
{
    struct flag_list *list = field;

    (void)flag;
    if (text[0] == '\0' || list->count == FLAG_LIST_MAX)
        return false;
    list->items[list->count++] = text;
    return true;
}

bool
flag_duration(const struct flag *flag, const char *text, void *field)
{
    int64_t nanoseconds;

    if (!duration_parse(text, &nanoseconds) || nanoseconds < flag->min)
        return false;
    *(int64_t *)field = nanoseconds;
    return true;
}

bool
flag_size(const struct flag *flag, const char *text, void *field)
{
    uint64_t bytes;

    if (!size_parse(text, &bytes) || bytes < flag->min)
        return false;
    *(uint64_t *)field = bytes;
    return true;
}

/* A whole decimal number without other characters. */
static bool
read_integer(const char *text, long long *out)
{
    char *end;
    const char *digits = text[0] == '-' ? text + 1 : text;

    if (!isdigit((unsigned char)digits[0]) || strlen(digits) > 18)
        return false;
    *out = strtoll(text, &end, 10);
    return *end == '\0';
}

bool
flag_number(const struct flag *flag, const char *text, void *field)
{
    long long number;

    if (!read_integer(text, &number) || number < flag->min || number > flag->max)
        return false;
    *(uint32_t *)field = (uint32_t)number;
    return true;
}

bool
flag_integer(const struct flag *flag, const char *text, void *field)
{
    long long number;

    (void)flag;
    if (!read_integer(text, &number) || number < INT32_MIN || number > INT32_MAX)
        return false;
    *(int32_t *)field = (int32_t)number;
    return true;
}

/* ---- lookup ---- */

static const struct flag *
find(const struct flag_set *set, const char *name, size_t len)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strlen(set->flags[i].name) == len && memcmp(set->flags[i].name, name, len) == 0)
            return &set->flags[i];
    }
    return NULL;
}

/* The flag that was probably meant; NULL: none is near. */
static const char *
nearest(const struct flag_set *set, const char *name, size_t len)
{
    struct typo typo;

    typo_begin(&typo, name, len);
    for (size_t i = 0; i < set->count; i++)
        typo_compare(&typo, set->flags[i].name);
    return typo.meant;
}

/* ---- reading ---- */

struct reading {
    const struct flag_set *set;
    int argc;
    char *const *argv;
    int at;         /* index of the next argument */
    uint64_t given; /* a bit for each flag that was given in the arguments */
    void *options;
    struct flag_words *words;
    char *error;
};

static bool
unknown_flag(struct reading *reading, const char *name, size_t len)
{
    const char *meant = nearest(reading->set, name, len);

    if (meant != NULL)
        snprintf(reading->error, FLAGS_ERROR, "unknown flag --%.*s; did you mean --%s?",
            (int)(len < 128 ? len : 128), name, meant);
    else
        snprintf(reading->error, FLAGS_ERROR, "unknown flag --%.*s; --help lists the flags",
            (int)(len < 128 ? len : 128), name);
    return false;
}

bool
flags_may_repeat(const char *text)
{
    return strchr(text, '@') == NULL;
}

static bool
apply(struct reading *reading, const struct flag *flag, const char *origin, const char *text)
{
    if (flag->read(flag, text, (char *)reading->options + flag->field))
        return true;
    if (text[0] == '\0' || flag->secret || !flags_may_repeat(text))
        snprintf(reading->error, FLAGS_ERROR, "%s%s needs %s", origin, flag->name, flag->expected);
    else
        snprintf(reading->error, FLAGS_ERROR, "%s%s: \"%.200s\" is not %s", origin, flag->name,
            text, flag->expected);
    return false;
}

static bool
read_flag(struct reading *reading, const char *argument)
{
    size_t len = strcspn(argument, "=");
    const struct flag *flag = find(reading->set, argument, len);
    const char *text = argument[len] == '=' ? argument + len + 1 : NULL;

    if (flag == NULL)
        return unknown_flag(reading, argument, len);
    if (text == NULL && flag->value != NULL) {
        if (reading->at == reading->argc) {
            snprintf(reading->error, FLAGS_ERROR, "--%s needs %s", flag->name, flag->expected);
            return false;
        }
        text = reading->argv[reading->at++];
    }
    reading->given |= UINT64_C(1) << (flag - reading->set->flags);
    return apply(reading, flag, "--", text == NULL ? "" : text);
}

static bool
is_word(const char *argument)
{
    return argument[0] != '-' || argument[1] == '\0' || isdigit((unsigned char)argument[1]);
}

static void
take_rest_as_words(struct reading *reading)
{
    while (reading->at < reading->argc)
        reading->words->items[reading->words->count++] = reading->argv[reading->at++];
}

static bool
read_argument(struct reading *reading)
{
    const char *argument = reading->argv[reading->at];

    if (is_word(argument)) {
        if (reading->set->stop_at_word) {
            take_rest_as_words(reading);
            return true;
        }
        reading->words->items[reading->words->count++] = argument;
        reading->at++;
        return true;
    }
    reading->at++;
    if (strcmp(argument, "--") == 0) {
        take_rest_as_words(reading);
        return true;
    }
    if (strcmp(argument, "-h") == 0)
        return read_flag(reading, "help");
    if (argument[1] == '-')
        return read_flag(reading, argument + 2);
    snprintf(
        reading->error, FLAGS_ERROR, "unknown flag %.128s; flags begin with two dashes", argument);
    return false;
}

/* ---- the environment ---- */

/* "USERD_LOG_LEVEL" for "log-level". */
static void
environment_name(const char *prefix, const char *name, char out[2 * NAME_MAX_LEN])
{
    size_t len = (size_t)snprintf(out, 2 * NAME_MAX_LEN, "%s%s", prefix, name);

    for (size_t i = strlen(prefix); i < len && i < 2 * NAME_MAX_LEN; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static bool
apply_variable(struct reading *reading, const struct flag *flag, const char *name, char *text)
{
    struct flag named = *flag;

    named.name = name;
    if (!flag->repeats)
        return apply(reading, &named, "", text);
    for (char *rest = text, *item; (item = strsep(&rest, ",")) != NULL;) {
        if (!apply(reading, &named, "", item))
            return false;
    }
    return true;
}

/* A variable that is set but empty is ignored. */
static bool
read_environment(struct reading *reading)
{
    char name[2 * NAME_MAX_LEN];

    for (size_t i = 0; i < reading->set->count; i++) {
        char *text;
        if ((reading->given >> i & 1) != 0 || reading->set->flags[i].command_line)
            continue;
        environment_name(reading->set->env_prefix, reading->set->flags[i].name, name);
        text = getenv(name);
        if (text == NULL || text[0] == '\0')
            continue;
        if (!apply_variable(reading, &reading->set->flags[i], name, text))
            return false;
    }
    return true;
}

bool
flags_read(const struct flag_set *set, int argc, char *const *argv, void *options,
    struct flag_words *words, char error[FLAGS_ERROR])
{
    struct reading reading = {
        .set = set,
        .argc = argc,
        .argv = argv,
        .options = options,
        .words = words,
        .error = error,
    };

    words->count = 0;
    while (reading.at < argc) {
        if (!read_argument(&reading))
            return false;
    }
    return set->env_prefix == NULL || read_environment(&reading);
}

void
flags_help(const struct flag_set *set, FILE *out)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct flag *flag = &set->flags[i];
        char left[NAME_MAX_LEN];
        snprintf(left, sizeof(left), "--%s%s%s", flag->name, flag->value == NULL ? "" : " ",
            flag->value == NULL ? "" : flag->value);
        fprintf(out, "  %-22s %s\n", left, flag->help);
    }
}
