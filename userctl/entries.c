/* SPDX-License-Identifier: Apache-2.0 */
/* The users in a file. Columns and members that are not fields of a user are skipped, so that an
 * export can be imported. */
#include "userctl/entries.h"

#include "usercommon/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const field_names[ENTRY_FIELDS] = {"name", "email", "phone"};

static enum entry_result
bad(struct entries *entries, const char *error)
{
    snprintf(entries->error, sizeof(entries->error), "%s", error);
    return ENTRY_BAD;
}

static enum entry_result
judge(struct entries *entries)
{
    for (int i = 0; i < ENTRY_FIELDS; i++) {
        if (utf8_valid(entries->fields[i], strlen(entries->fields[i])))
            continue;
        snprintf(entries->error, sizeof(entries->error), "%s is not valid UTF-8", field_names[i]);
        return ENTRY_BAD;
    }
    return ENTRY_GOOD;
}

/* ---- CSV ---- */

/* False: a column is duplicated. */
static bool
find_column(struct entries *entries, int field)
{
    size_t *column = &entries->columns[field];

    *column = SIZE_MAX;
    for (size_t i = 0; i < entries->csv.count; i++) {
        if (strcasecmp(entries->csv.fields[i], field_names[field]) != 0)
            continue;
        if (*column != SIZE_MAX)
            return false;
        *column = i;
    }
    return true;
}

static bool
find_columns(struct entries *entries)
{
    entries->column_count = entries->csv.count;
    for (int i = 0; i < ENTRY_FIELDS; i++) {
        if (find_column(entries, i))
            continue;
        snprintf(entries->error, sizeof(entries->error), "the first line names the column %s twice",
            field_names[i]);
        return false;
    }
    if (entries->columns[ENTRY_NAME] != SIZE_MAX && entries->columns[ENTRY_EMAIL] != SIZE_MAX)
        return true;
    bad(entries, "the first line does not name the columns name and email, with commas between");
    return false;
}

static bool
begin_csv(struct entries *entries)
{
    const char *error = "";

    switch (csv_next(&entries->csv, &error)) {
    case CSV_RECORD:
        return find_columns(entries);
    case CSV_BAD:
        bad(entries, error);
        return false;
    case CSV_END:
        break;
    }
    bad(entries, "it is empty");
    return false;
}

static enum entry_result
next_csv(struct entries *entries)
{
    const struct csv *csv = &entries->csv;
    const char *error;
    enum csv_result result = csv_next(&entries->csv, &error);

    if (result == CSV_END)
        return ENTRY_END;
    entries->line = csv->line;
    if (result == CSV_BAD)
        return bad(entries, error);
    if (csv->count > entries->column_count)
        return bad(entries, "more fields than the first line names");
    for (int i = 0; i < ENTRY_FIELDS; i++) {
        size_t column = entries->columns[i];
        entries->fields[i] = column < csv->count ? csv->fields[column] : "";
    }
    return judge(entries);
}

/* ---- JSON lines ---- */

/* A string member, "" if absent. Returns what is wrong, or NULL. */
static const char *
read_field(const json_t *object, const char *name, const char **out)
{
    const json_t *value = json_object_get(object, name);

    *out = "";
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_string(value))
        return "is not a text";
    *out = json_string_value(value);
    return strlen(*out) == json_string_length(value) ? NULL : "has a byte of value 0";
}

static enum entry_result
read_object(struct entries *entries)
{
    for (int i = 0; i < ENTRY_FIELDS; i++) {
        const char *wrong = read_field(entries->object, field_names[i], &entries->fields[i]);

        if (wrong == NULL)
            continue;
        snprintf(entries->error, sizeof(entries->error), "%s %s", field_names[i], wrong);
        return ENTRY_BAD;
    }
    return ENTRY_GOOD;
}

static enum entry_result
parse_line(struct entries *entries, size_t len)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_error_t error;

    json_decref(entries->object);
    entries->object = json_loadb(entries->text, len, flags, &error);
    if (entries->object == NULL) {
        snprintf(entries->error, sizeof(entries->error), "not JSON: %s", error.text);
        return ENTRY_BAD;
    }
    if (!json_is_object(entries->object))
        return bad(entries, "not a JSON object");
    return read_object(entries);
}

static bool
is_blank(const char *text, size_t len)
{
    size_t blanks = strspn(text, " \t\r\n");

    return blanks == len;
}

static enum entry_result
next_jsonl(struct entries *entries)
{
    ssize_t len;

    do {
        len = getline(&entries->text, &entries->room, entries->csv.file);
        if (len < 0)
            return ENTRY_END;
        entries->line++;
        entries->csv.bytes += len;
    } while (is_blank(entries->text, (size_t)len));
    if (len > CSV_RECORD_MAX)
        return bad(entries, "a line of more than 64 KiB");
    return parse_line(entries, (size_t)len);
}

/* ---- both formats ---- */

bool
entries_begin(struct entries *entries, FILE *file, bool jsonl)
{
    entries->jsonl = jsonl;
    entries->text = NULL;
    entries->room = 0;
    entries->object = NULL;
    entries->line = 0;
    csv_init(&entries->csv, file);
    return jsonl || begin_csv(entries);
}

void
entries_fini(struct entries *entries)
{
    json_decref(entries->object);
    free(entries->text);
}

enum entry_result
entries_next(struct entries *entries)
{
    return entries->jsonl ? next_jsonl(entries) : next_csv(entries);
}

int64_t
entries_bytes(const struct entries *entries)
{
    return entries->csv.bytes;
}
