/* SPDX-License-Identifier: Apache-2.0 */
/* Reading value trees, with errors that name the location. */
#include <weir/value.h>

#include <stdarg.h>
#include <stdio.h>

/* Up to this a double represents all integers exactly. */
#define WHOLE_MOST 9007199254740991.0

/* Seconds of a google.protobuf.Duration. */
#define DURATION_MOST INT64_C(315576000000)

const struct weir_value *
weir_value_member(const struct weir_value *object, const char *name)
{
    if (object == NULL || object->kind != WEIR_VALUE_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->count; i++) {
        const struct weir_value *item = &object->items[i];

        if (strcmp(item->name, name) == 0)
            return item->kind == WEIR_VALUE_NULL ? NULL : item;
    }
    return NULL;
}

/* ---- errors ---- */

static void append(struct weir_value_error *error, const char *format, ...) WEIR_PRINTF(2, 3);

static void
append(struct weir_value_error *error, const char *format, ...)
{
    size_t len = strlen(error->text);
    va_list args;

    va_start(args, format);
    vsnprintf(error->text + len, sizeof(error->text) - len, format, args);
    va_end(args);
}

static void
append_name(struct weir_value_error *error, const char *name)
{
    append(error, "%s%s", error->text[0] == '\0' ? "" : ".", name);
}

/* Recursion is bounded by the tree's depth, which its parser limits. */
static void
append_path(struct weir_value_error *error, const struct weir_value *value)
{
    if (value->parent == NULL)
        return;
    append_path(error, value->parent);
    if (value->name != NULL)
        append_name(error, value->name);
    else
        append(error, "[%zu]", (size_t)(value - value->parent->items));
}

weir_code
weir_value_refuse(const struct weir_value *value, const char *name, struct weir_value_error *error,
    const char *format, ...)
{
    char reason[sizeof(error->text)];
    va_list args;

    if (error == NULL)
        return WEIR_INVALID_ARGUMENT;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    error->text[0] = '\0';
    append_path(error, value);
    if (name != NULL)
        append_name(error, name);
    append(error, "%s%s", error->text[0] == '\0' ? "" : ": ", reason);
    return WEIR_INVALID_ARGUMENT;
}

/* ---- reading ---- */

/* OK with *out_member NULL: absent. */
static weir_code
find(const struct weir_value *object, const char *name, weir_value_kind kind, const char *what,
    const struct weir_value **out_member, struct weir_value_error *error)
{
    const struct weir_value *member = weir_value_member(object, name);

    if (member != NULL && member->kind != kind)
        return weir_value_refuse(member, NULL, error, "must be %s", what);
    *out_member = member;
    return WEIR_OK;
}

weir_code
weir_value_read_bool(
    const struct weir_value *object, const char *name, bool *out, struct weir_value_error *error)
{
    const struct weir_value *member = NULL;

    WEIR_TRY(find(object, name, WEIR_VALUE_BOOL, "true or false", &member, error));
    if (member != NULL)
        *out = member->truth;
    return WEIR_OK;
}

/* Parse an integer. */
static bool
parse_whole(const char *text, double *out)
{
    bool negative = text[0] == '-';
    double value = 0;
    size_t i = negative ? 1 : 0;

    if (text[i] == '\0')
        return false;
    for (; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9' || value > WHOLE_MOST)
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = negative ? -value : value;
    return value <= WHOLE_MOST;
}

static bool
is_whole(const struct weir_value *value, double *out)
{
    if (value->kind == WEIR_VALUE_TEXT)
        return parse_whole(value->text, out);
    *out = value->number;
    return value->kind == WEIR_VALUE_NUMBER && *out >= -WHOLE_MOST && *out <= WHOLE_MOST &&
           *out == (double)(int64_t)*out;
}

weir_code
weir_value_read_integer(const struct weir_value *object, const char *name, int64_t min, int64_t max,
    int64_t *out, struct weir_value_error *error)
{
    const struct weir_value *member = weir_value_member(object, name);
    double number = 0;

    if (member == NULL)
        return WEIR_OK;
    if (!is_whole(member, &number) || number < (double)min || number > (double)max)
        return weir_value_refuse(member, NULL, error, "must be a whole number from %lld to %lld",
            (long long)min, (long long)max);
    *out = (int64_t)number;
    return WEIR_OK;
}

weir_code
weir_value_read_number(const struct weir_value *object, const char *name, double min, double max,
    double *out, struct weir_value_error *error)
{
    const struct weir_value *member = NULL;

    WEIR_TRY(find(object, name, WEIR_VALUE_NUMBER, "a number", &member, error));
    if (member == NULL)
        return WEIR_OK;
    if (!(member->number >= min && member->number <= max))
        return weir_value_refuse(member, NULL, error, "must be from %g to %g", min, max);
    *out = member->number;
    return WEIR_OK;
}

/* Parse leading digits; returns their number. */
static size_t
parse_digits(const char *text, int64_t most, int64_t *out)
{
    size_t i = 0;

    *out = 0;
    while (text[i] >= '0' && text[i] <= '9' && *out <= most) {
        *out = *out * 10 + (text[i] - '0');
        i++;
    }
    return i;
}

/* "1s", "1.5s", "0.000000001s". Durations beyond the range of int64_t nanoseconds are clamped. */
static bool
parse_duration(const char *text, int64_t *out)
{
    int64_t seconds, fraction = 0;
    size_t whole = parse_digits(text, DURATION_MOST, &seconds), digits = 0;

    text += whole;
    if (*text == '.') {
        digits = parse_digits(++text, WEIR_SECOND, &fraction);
        text += digits;
        if (digits == 0 || digits > 9)
            return false;
    }
    if (whole + digits == 0 || strcmp(text, "s") != 0 || seconds > DURATION_MOST)
        return false;
    for (; digits < 9; digits++)
        fraction *= 10;
    *out = seconds > (WEIR_NEVER - fraction) / WEIR_SECOND ? WEIR_NEVER
                                                           : seconds * WEIR_SECOND + fraction;
    return true;
}

weir_code
weir_value_read_duration(
    const struct weir_value *object, const char *name, int64_t *out, struct weir_value_error *error)
{
    static const char what[] = "a duration like \"1.5s\", not below zero";
    const struct weir_value *member = NULL;
    int64_t duration;

    WEIR_TRY(find(object, name, WEIR_VALUE_TEXT, what, &member, error));
    if (member == NULL)
        return WEIR_OK;
    if (!parse_duration(member->text, &duration))
        return weir_value_refuse(member, NULL, error, "must be %s", what);
    *out = duration;
    return WEIR_OK;
}

weir_code
weir_value_read_text(const struct weir_value *object, const char *name, const char **out,
    struct weir_value_error *error)
{
    const struct weir_value *member = NULL;

    WEIR_TRY(find(object, name, WEIR_VALUE_TEXT, "a text", &member, error));
    if (member != NULL)
        *out = member->text;
    return WEIR_OK;
}

weir_code
weir_value_read_list(const struct weir_value *object, const char *name,
    const struct weir_value **out, struct weir_value_error *error)
{
    const struct weir_value *member = NULL;

    WEIR_TRY(find(object, name, WEIR_VALUE_LIST, "a list", &member, error));
    if (member != NULL)
        *out = member;
    return WEIR_OK;
}

weir_code
weir_value_read_object(const struct weir_value *object, const char *name,
    const struct weir_value **out, struct weir_value_error *error)
{
    const struct weir_value *member = NULL;

    WEIR_TRY(find(object, name, WEIR_VALUE_OBJECT, "an object", &member, error));
    if (member != NULL)
        *out = member;
    return WEIR_OK;
}
