/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, section 4) of -bin metadata: sent without padding, accepted with or without. */
#include "wire/wire.h"

#include "wire/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Encode the first `count` (1 to 3) of three bytes as count + 1 characters. */
static char *
encode_group(const unsigned char *in, size_t count, char *out)
{
    uint32_t group = (uint32_t)in[0] << 16;

    if (count > 1)
        group |= (uint32_t)in[1] << 8;
    if (count > 2)
        group |= in[2];
    for (size_t i = 0; i <= count; i++)
        *out++ = alphabet[group >> (18 - 6 * i) & 63];
    return out;
}

weir_str
wire_base64_encode(struct arena *arena, weir_str bytes)
{
    weir_str text = {NULL, 0};
    char *out;

    if (bytes.len > SIZE_MAX / 4 * 3 - 3)
        return text;
    out = arena_alloc(arena, bytes.len / 3 * 4 + 4);
    if (out == NULL)
        return text;
    text.data = out;
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;

        out = encode_group((const unsigned char *)bytes.data + at, left < 3 ? left : 3, out);
    }
    text.len = (size_t)(out - text.data);
    return text;
}

static int
digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strip the padding. False: it does not match the length. */
static bool
strip_padding(weir_str *text)
{
    size_t pads = 0;

    while (pads < 2 && pads < text->len && text->data[text->len - 1 - pads] == '=')
        pads++;
    if (pads > 0 && text->len % 4 != 0)
        return false;
    text->len -= pads;
    return text->len % 4 != 1;
}

/* Decode `count` (2 to 4) characters to count - 1 bytes. Left-over bits at the end of a value are
 * ignored (RFC 4648, section 3.5, permits that). */
static bool
decode_group(const char *in, size_t count, unsigned char *out)
{
    uint32_t group = 0;

    for (size_t i = 0; i < count; i++) {
        int digit = digit_value(in[i]);

        if (digit < 0)
            return false;
        group |= (uint32_t)digit << (18 - 6 * i);
    }
    for (size_t i = 0; i + 1 < count; i++)
        out[i] = (unsigned char)(group >> (16 - 8 * i));
    return true;
}

static bool
is_base64(weir_str text)
{
    text = wire_trim(text);
    if (!strip_padding(&text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (digit_value(text.data[i]) < 0)
            return false;
    return true;
}

bool
wire_base64_is_list(weir_str text)
{
    const char *comma;

    while (text.len > 0 && (comma = memchr(text.data, ',', text.len)) != NULL) {
        size_t len = (size_t)(comma - text.data);

        if (!is_base64((weir_str){text.data, len}))
            return false;
        text = (weir_str){comma + 1, text.len - len - 1};
    }
    return is_base64(text);
}

weir_code
wire_base64_decode(struct arena *arena, weir_str text, weir_str *out_bytes)
{
    unsigned char *bytes;
    size_t len = 0;

    /* A proxy that joins values adds a space after the comma. */
    text = wire_trim(text);
    if (!strip_padding(&text))
        return WEIR_INVALID_ARGUMENT;
    bytes = arena_alloc(arena, text.len / 4 * 3 + 3);
    if (bytes == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t at = 0; at < text.len; at += 4) {
        size_t count = text.len - at < 4 ? text.len - at : 4;

        if (!decode_group(text.data + at, count, bytes + len))
            return WEIR_INVALID_ARGUMENT;
        len += count - 1;
    }
    *out_bytes = (weir_str){(const char *)bytes, len};
    return WEIR_OK;
}
