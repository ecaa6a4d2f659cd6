/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180). */
#include "userctl/csv.h"

#include <string.h>

static int
next_byte(struct csv *csv)
{
    int byte = getc_unlocked(csv->file);

    csv->bytes += byte != EOF;
    csv->next_line += byte == '\n';
    return byte;
}

static int
peek_byte(struct csv *csv)
{
    int byte = getc_unlocked(csv->file);

    if (byte != EOF)
        ungetc(byte, csv->file);
    return byte;
}

void
csv_init(struct csv *csv, FILE *file)
{
    static const unsigned char mark[] = {0xEF, 0xBB, 0xBF};

    csv->file = file;
    csv->next_line = 1;
    csv->bytes = 0;
    for (size_t i = 0; i < sizeof(mark) && peek_byte(csv) == mark[i]; i++)
        next_byte(csv);
}

/* ---- reading; the functions return what is wrong, or NULL ---- */

static const char *
add_byte(struct csv *csv, int byte)
{
    if (byte == '\0')
        return "a byte of value 0";
    if (csv->len == CSV_RECORD_MAX - 1)
        return "a record of more than 64 KiB";
    csv->text[csv->len++] = (char)byte;
    return NULL;
}

static const char *
begin_field(struct csv *csv)
{
    if (csv->count == CSV_FIELDS_MAX)
        return "more than 64 fields";
    csv->fields[csv->count++] = csv->text + csv->len;
    return NULL;
}

static const char *
end_field(struct csv *csv)
{
    if (csv->len == CSV_RECORD_MAX)
        return "a record of more than 64 KiB";
    csv->text[csv->len++] = '\0';
    return NULL;
}

/* Does the line end here? May consume the LF of a CRLF. */
static bool
ends_line(struct csv *csv, int byte)
{
    if (byte == '\r' && peek_byte(csv) == '\n')
        byte = next_byte(csv);
    return byte == '\n' || byte == EOF;
}

/* After the opening quote: "" is a quote, a single one ends the field. */
static const char *
read_quoted(struct csv *csv)
{
    const char *wrong = NULL;

    for (int byte; wrong == NULL;) {
        byte = next_byte(csv);
        if (byte == EOF)
            return "the quotes are not closed before the end of the file";
        if (byte == '"' && peek_byte(csv) != '"')
            return NULL;
        if (byte == '"')
            byte = next_byte(csv);
        wrong = add_byte(csv, byte);
    }
    return wrong;
}

/* A field and the comma or line end that follows it. */
static const char *
read_field(struct csv *csv, bool *out_last)
{
    bool quoted = peek_byte(csv) == '"';
    const char *wrong = begin_field(csv);
    int byte;

    if (wrong == NULL && quoted) {
        next_byte(csv);
        wrong = read_quoted(csv);
    }
    while (wrong == NULL) {
        byte = next_byte(csv);
        *out_last = ends_line(csv, byte);
        if (*out_last || byte == ',')
            return end_field(csv);
        wrong = quoted        ? "text behind the closing quote"
                : byte == '"' ? "a quote inside a field that does not begin with one"
                              : add_byte(csv, byte);
    }
    return wrong;
}

static void
skip_empty_lines(struct csv *csv)
{
    for (int byte; (byte = peek_byte(csv)) == '\n' || byte == '\r';)
        next_byte(csv);
}

/* Skip the rest of the line, unless its end was read already. */
static void
skip_line(struct csv *csv, int64_t line)
{
    while (csv->next_line == line && next_byte(csv) != EOF)
        continue;
}

enum csv_result
csv_next(struct csv *csv, const char **out_error)
{
    const char *wrong = NULL;
    bool last = false;

    skip_empty_lines(csv);
    csv->line = csv->next_line;
    csv->count = csv->len = 0;
    if (peek_byte(csv) == EOF)
        return CSV_END;
    while (wrong == NULL && !last)
        wrong = read_field(csv, &last);
    if (wrong == NULL)
        return CSV_RECORD;
    if (!last)
        skip_line(csv, csv->next_line);
    *out_error = wrong;
    return CSV_BAD;
}

/* ---- writing ---- */

void
csv_write(const char *field, FILE *out)
{
    if (field[strcspn(field, "\",\r\n")] == '\0') {
        fputs(field, out);
        return;
    }
    putc('"', out);
    for (; *field != '\0'; field++) {
        if (*field == '"')
            putc('"', out);
        putc(*field, out);
    }
    putc('"', out);
}
