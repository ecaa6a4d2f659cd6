/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: strict parsing of its two headers, and formatting of ids. */
#include "tracing/context.h"

#define TRACE_ID_AT 3
#define SPAN_ID_AT 36
#define FLAGS_AT 53
#define TRACEPARENT_LEN 55
#define FLAG_SAMPLED 0x01

/* Section 3.3.1: limits of a tracestate's list-members, keys and values. */
#define STATE_MEMBERS 32
#define STATE_KEY 256
#define STATE_VALUE 256

/* HEXDIGLC only (section 3.2.1): -1 for capital letters as for any other byte. */
static int
digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_hex(const char *text, uint8_t *out_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void
write_hex(const uint8_t *bytes, size_t count, char *out_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out_text[2 * i] = digits[bytes[i] >> 4];
        out_text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
}

bool
context_is_zero(const uint8_t *id, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= id[i];
    return any == 0;
}

/* Section 3.2.4: a later version must have all fields of this one, with a dash before additional
 * ones. Version ff is invalid. */
static bool
frame_valid(weir_str text, uint8_t version)
{
    if (text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-' || version == 0xff)
        return false;
    return text.len == TRACEPARENT_LEN || (version > 0 && text.data[TRACEPARENT_LEN] == '-');
}

bool
weir_traceparent_parse(weir_str text, struct weir_trace_context *out_context)
{
    struct weir_trace_context context = {0};
    uint8_t version, flags;

    if (text.len < TRACEPARENT_LEN || !read_hex(text.data, &version, 1) ||
        !frame_valid(text, version))
        return false;
    if (!read_hex(text.data + TRACE_ID_AT, context.trace_id, sizeof(context.trace_id)) ||
        !read_hex(text.data + SPAN_ID_AT, context.span_id, sizeof(context.span_id)) ||
        !read_hex(text.data + FLAGS_AT, &flags, 1))
        return false;
    if (context_is_zero(context.trace_id, sizeof(context.trace_id)) ||
        context_is_zero(context.span_id, sizeof(context.span_id)))
        return false;
    context.sampled = (flags & FLAG_SAMPLED) != 0;
    *out_context = context;
    return true;
}

void
weir_traceparent_format(
    const struct weir_trace_context *context, char out_text[WEIR_TRACEPARENT_TEXT])
{
    memcpy(out_text, "00-", 3);
    write_hex(context->trace_id, sizeof(context->trace_id), out_text + TRACE_ID_AT);
    out_text[35] = '-';
    write_hex(context->span_id, sizeof(context->span_id), out_text + SPAN_ID_AT);
    memcpy(out_text + 52, context->sampled ? "-01" : "-00", 4);
}

void
weir_trace_id_text(const struct weir_trace_context *context, char out_text[WEIR_TRACE_ID_TEXT])
{
    write_hex(context->trace_id, sizeof(context->trace_id), out_text);
    out_text[WEIR_TRACE_ID_TEXT - 1] = '\0';
}

void
weir_span_id_text(const struct weir_trace_context *context, char out_text[WEIR_SPAN_ID_TEXT])
{
    write_hex(context->span_id, sizeof(context->span_id), out_text);
    out_text[WEIR_SPAN_ID_TEXT - 1] = '\0';
}

/* ---- tracestate, section 3.3 ---- */

static bool
is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("_-*/@", c));
}

static bool
key_valid(weir_str key)
{
    if (key.len == 0 || key.len > STATE_KEY || strchr("_-*/@", key.data[0]) != NULL)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        if (!is_key_char(key.data[i]))
            return false;
    }
    return true;
}

static bool
value_valid(weir_str value)
{
    if (value.len == 0 || value.len > STATE_VALUE)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];

        if (c < 0x20 || c > 0x7e || c == ',' || c == '=')
            return false;
    }
    return value.data[value.len - 1] != ' ';
}

static weir_str
trim(weir_str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Empty list-members are allowed, and ignored. */
static bool
member_valid(weir_str member)
{
    const char *equals = member.len == 0 ? NULL : memchr(member.data, '=', member.len);
    size_t key_len;

    if (member.len == 0)
        return true;
    if (equals == NULL)
        return false;
    key_len = (size_t)(equals - member.data);
    return key_valid((weir_str){member.data, key_len}) &&
           value_valid((weir_str){equals + 1, member.len - key_len - 1});
}

bool
context_state_valid(weir_str state)
{
    const char *at = state.data, *end = state.data + state.len;
    unsigned members = 0;

    if (state.len == 0 || state.len > CONTEXT_STATE_LEN)
        return false;
    while (at <= end) {
        const char *comma = at == end ? NULL : memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;

        if (++members > STATE_MEMBERS || !member_valid(trim((weir_str){at, (size_t)(stop - at)})))
            return false;
        at = stop + 1;
    }
    return true;
}
