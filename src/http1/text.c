/* SPDX-License-Identifier: Apache-2.0 */
/* Lexical elements of HTTP/1.1. */
#include "http1/text.h"

static bool
is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_one_of(char c, const char *these)
{
    return c != '\0' && strchr(these, c) != NULL;
}

/* Only letters, digits and the given others; not empty. */
static bool
is_made_of(weir_str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alphanumeric(text.data[i]) && !is_one_of(text.data[i], others))
            return false;
    }
    return text.len > 0;
}

bool
http1_is_token(weir_str text)
{
    return is_made_of(text, "!#$%&'*+-.^_`|~");
}

bool
http1_is_target(weir_str text)
{
    return is_made_of(text, "-._~:/?[]@!$&'()*+,;=%");
}

/* Without userinfo, which RFC 9110, section 4.2.4, says to treat as an error. */
bool
http1_is_authority(weir_str text)
{
    return text.len == 0 || is_made_of(text, "-._~:[]!$&'()*+;=%");
}

bool
http1_is_value(weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool
http1_is_word(weir_str text, const char *word)
{
    if (text.len != strlen(word))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.data[i]) != lower(word[i]))
            return false;
    }
    return true;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

weir_str
http1_trim(weir_str text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

size_t
http1_find(weir_str text, char wanted)
{
    const char *found = text.len == 0 ? NULL : memchr(text.data, wanted, text.len);

    return found == NULL ? text.len : (size_t)(found - text.data);
}

bool
http1_list_has(weir_str list, const char *word)
{
    while (list.len > 0) {
        size_t comma = http1_find(list, ',');

        if (http1_is_word(http1_trim((weir_str){list.data, comma}), word))
            return true;
        if (comma == list.len)
            break;
        list.data += comma + 1;
        list.len -= comma + 1;
    }
    return false;
}

bool
http1_decimal(weir_str text, uint64_t *out_number)
{
    uint64_t number = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number >= INT64_MAX / 10)
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out_number = number;
    return true;
}
