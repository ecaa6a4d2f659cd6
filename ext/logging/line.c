/* SPDX-License-Identifier: Apache-2.0 */
/* Building a line. Values may be hostile: what is not UTF-8 or would drive a terminal is escaped in
 * both formats. */
#include "logging/logging.h"

#include <stdio.h>
#include <time.h>

#define VALUE_MAX_LEN 512
#define UTF8_MAX 4

static const char *
level_name(enum weir_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};

    return names[level - WEIR_LOG_DEBUG];
}

/* ---- bytes of a line; two of them are kept back for its end ---- */

static void
put(struct log_line *line, const char *bytes, size_t len)
{
    if (line->full || len > sizeof(line->data) - 2 - line->len) {
        line->full = true;
        return;
    }
    memcpy(line->data + line->len, bytes, len);
    line->len += len;
}

static void
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

/* C0, DEL and C1 controls drive terminals; U+2028 and U+2029 end lines for some readers. */
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

/* The inside of a JSON string (RFC 8259, section 7); a byte that is no UTF-8 becomes U+FFFD. */
static void
put_escaped(struct log_line *line, const char *text)
{
    size_t len = strnlen(text, VALUE_MAX_LEN);
    uint32_t code_point;

    for (size_t at = 0; at < len;) {
        size_t size = weir_utf8_decode(text + at, strnlen(text + at, UTF8_MAX), &code_point);
        if (size == 0) {
            put_text(line, "\xEF\xBF\xBD");
            size = 1;
        } else if (code_point == '"' || code_point == '\\') {
            put(line, "\\", 1);
            put(line, text + at, 1);
        } else if (is_unsafe(code_point)) {
            put_escaped_code_point(line, code_point);
        } else {
            put(line, text + at, size);
        }
        at += size;
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

/* A value that a person reads without quotes. */
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

/* RFC 3339, UTC, milliseconds. */
static void
put_time(struct log_line *line)
{
    struct timespec now;
    struct tm utc;
    char text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
        utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
        (int)(now.tv_nsec / 1000000));
    put_text(line, text);
}

static void
put_number(struct log_line *line, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    put_text(line, text);
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

/* A field that does not fit is taken back whole, so that the line stays well formed. */
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
    put_text(line, level_name(level));
    put_text(line, "\",\"message\":");
    put_quoted(line, message);
}

static void
put_text_head(struct log_line *line, enum weir_log_level level, const char *message)
{
    char padded[8];

    put_time(line);
    snprintf(padded, sizeof(padded), " %-5s ", level_name(level));
    put_text(line, padded);
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
