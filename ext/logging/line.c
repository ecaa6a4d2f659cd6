/* SPDX-License-Identifier: Apache-2.0 */
/* Builds lines. Values may be hostile: invalid UTF-8 and terminal control characters are escaped in
 * both formats. */
#include "logging/logging.h"

#include <stdio.h>
#include <time.h>

#define VALUE_MAX_LEN 512
#define UTF8_MAX 4
#define BLOCK 16

/* Padded to equal width. */
static const char *
level_name(enum weir_log_level level)
{
    static const char *const names[] = {"debug", "info ", "warn ", "error"};

    return names[level - WEIR_LOG_DEBUG];
}

/* ---- bytes of a line; two are reserved for its end ---- */

static inline void
put(struct log_line *line, const char *bytes, size_t len)
{
    if (line->full || len > sizeof(line->data) - 2 - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->len, bytes, len);
    line->len += len;
}

static inline void
put_text(struct log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void
put_end(struct log_line *line, const char *end)
{
    size_t len = strlen(end);

    memcpy(line->data + line->len, end, len);
    line->len += len;
}

/* ---- escaping ---- */

/* C0, DEL and C1 control terminals; U+2028 and U+2029 end lines for some readers. */
static bool
is_unsafe(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0) || code_point == 0x2028 ||
           code_point == 0x2029;
}

static void
put_escaped_code_point(struct log_line *line, uint32_t code_point)
{
    char escape[8];

    snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code_point);
    put_text(line, escape);
}

/* Write one character that needs escaping; returns how many bytes of the text it took. */
static size_t
put_special(struct log_line *line, const char *text)
{
    uint32_t code_point;
    size_t size = weir_utf8_decode(text, strnlen(text, UTF8_MAX), &code_point);

    if (size == 0) {
        put_text(line, "\xEF\xBF\xBD");
        return 1;
    }
    if (code_point == '"' || code_point == '\\')
        put(line, "\\", 1);
    if (is_unsafe(code_point))
        put_escaped_code_point(line, code_point);
    else
        put(line, text, size);
    return size;
}

static bool
is_ordinary(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* Check a whole block without a branch per byte. */
static bool
is_ordinary_block(const char text[BLOCK])
{
    int ordinary = 1;

    for (size_t i = 0; i < BLOCK; i++)
        ordinary &= is_ordinary(text[i]);
    return ordinary;
}

/* How many bytes can be copied unchanged, at most `len`. */
static size_t
ordinary_len(const char *text, size_t len)
{
    size_t count = 0;

    while (len - count >= BLOCK && is_ordinary_block(text + count))
        count += BLOCK;
    while (count < len && is_ordinary(text[count]))
        count++;
    return count;
}

/* The contents of a JSON string (RFC 8259, section 7); an invalid UTF-8 byte becomes U+FFFD. */
static void
put_escaped(struct log_line *line, const char *text)
{
    size_t len = strnlen(text, VALUE_MAX_LEN);

    for (size_t at = 0; at < len;) {
        size_t ordinary = ordinary_len(text + at, len - at);

        put(line, text + at, ordinary);
        at += ordinary;
        if (at < len)
            at += put_special(line, text + at);
    }
    if (text[len] != '\0')
        put_text(line, "...");
}

static void
put_quoted(struct log_line *line, const char *text)
{
    put(line, "\"", 1);
    put_escaped(line, text);
    put(line, "\"", 1);
}

/* Can the value be written without quotes in text format? */
static bool
is_plain(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\' || *at == '=')
            return false;
    }
    return text[0] != '\0' && strlen(text) <= VALUE_MAX_LEN;
}

/* ---- the parts of a line ---- */

/* A number of `width` digits, followed by a character. */
static char *
write_digits(char *to, unsigned number, int width, char after)
{
    for (int i = width - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    to[width] = after;
    return to + width + 1;
}

/* RFC 3339, UTC, milliseconds. */
static void
put_time(struct log_line *line)
{
    struct timespec now;
    struct tm utc;
    char text[sizeof("2026-01-02T03:04:05.678Z")];
    char *to = text;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    to = write_digits(to, (unsigned)utc.tm_year + 1900, 4, '-');
    to = write_digits(to, (unsigned)utc.tm_mon + 1, 2, '-');
    to = write_digits(to, (unsigned)utc.tm_mday, 2, 'T');
    to = write_digits(to, (unsigned)utc.tm_hour, 2, ':');
    to = write_digits(to, (unsigned)utc.tm_min, 2, ':');
    to = write_digits(to, (unsigned)utc.tm_sec, 2, '.');
    to = write_digits(to, (unsigned)(now.tv_nsec / 1000000), 3, 'Z');
    put(line, text, (size_t)(to - text));
}

static void
put_number(struct log_line *line, int64_t number)
{
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    char text[sizeof("-9223372036854775808")];
    char *end = text + sizeof(text), *at = end;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        *--at = '-';
    put(line, at, (size_t)(end - at));
}

static void
put_json_field(struct log_line *line, const struct weir_log_field *field)
{
    put_text(line, ",\"");
    put_text(line, field->key);
    put_text(line, "\":");
    if (field->text == NULL)
        put_number(line, field->number);
    else
        put_quoted(line, field->text);
}

static void
put_text_field(struct log_line *line, const struct weir_log_field *field)
{
    put_text(line, " ");
    put_text(line, field->key);
    put_text(line, "=");
    if (field->text == NULL)
        put_number(line, field->number);
    else if (is_plain(field->text))
        put_text(line, field->text);
    else
        put_quoted(line, field->text);
}

/* A field that does not fit is removed completely, so that the line stays well-formed. */
static void
put_fields(struct log_line *line, enum weir_log_format format, const struct weir_log_field *fields,
    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t before = line->len;
        if (format == WEIR_LOG_JSON)
            put_json_field(line, &fields[i]);
        else
            put_text_field(line, &fields[i]);
        if (line->full)
            line->len = before;
        line->full = false;
    }
}

static void
put_json_head(struct log_line *line, enum weir_log_level level, const char *message)
{
    put_text(line, "{\"time\":\"");
    put_time(line);
    put_text(line, "\",\"level\":\"");
    put(line, level_name(level), strcspn(level_name(level), " "));
    put_text(line, "\",\"message\":");
    put_quoted(line, message);
}

static void
put_text_head(struct log_line *line, enum weir_log_level level, const char *message)
{
    put_time(line);
    put_text(line, " ");
    put_text(line, level_name(level));
    put_text(line, " ");
    put_escaped(line, message);
}

void
log_line_build(struct log_line *line, enum weir_log_format format, enum weir_log_level level,
    const char *message, const struct weir_log_field *fields, size_t count)
{
    line->len = 0;
    line->full = false;
    if (format == WEIR_LOG_JSON)
        put_json_head(line, level, message);
    else
        put_text_head(line, level, message);
    put_fields(line, format, fields, count);
    put_end(line, format == WEIR_LOG_JSON ? "}\n" : "\n");
}
