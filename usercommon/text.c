/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others on a terminal. */
#define _GNU_SOURCE /* wcwidth */
#include "usercommon/text.h"

#include "usercommon/utf8.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define REPLACEMENT 0xFFFD

/* The longest that a byte or code point becomes: "\u{10ffff}". */
#define VISIBLE_MAX 10

/* Controls; what orders or hides text (Unicode's bidirectional controls, line separators,
 * zero-width spaces, tags). The joiners U+200C and U+200D stay: scripts and emoji are written with
 * them. */
static bool
drives_terminal(uint32_t code_point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x00, 0x1F}, {0x7F, 0x9F}, {0xAD, 0xAD}, {0x61C, 0x61C}, {0x180E, 0x180E},
        {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF},
        {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    }
    return false;
}

/* The next code point, U+FFFD for a byte that is none; moves *at. */
static uint32_t
next_code_point(const char **at)
{
    uint32_t code_point = REPLACEMENT;
    size_t size = utf8_decode(*at, strnlen(*at, UTF8_MAX), &code_point);

    *at += size == 0 ? 1 : size;
    return code_point;
}

static char *
rewrite(const char *text, bool escape)
{
    char *copy = malloc(strlen(text) * VISIBLE_MAX + 1);
    char *out = copy;

    if (copy == NULL)
        return NULL;
    for (const char *at = text; *at != '\0';) {
        uint32_t code_point = next_code_point(&at);
        if (escape && drives_terminal(code_point))
            out += snprintf(out, VISIBLE_MAX + 1, "\\u{%x}", (unsigned)code_point);
        else
            out += utf8_encode(code_point, out);
    }
    *out = '\0';
    return copy;
}

char *
text_visible(const char *text)
{
    return rewrite(text, true);
}

char *
text_repaired(const char *text)
{
    return rewrite(text, false);
}

/* Widths are those of Unicode, whatever the user's locale. */
size_t
text_width(const char *visible)
{
    locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = unicode == (locale_t)0 ? unicode : uselocale(unicode);
    size_t width = 0;

    for (const char *at = visible; *at != '\0';) {
        int columns = wcwidth((wchar_t)next_code_point(&at));
        width += columns < 0 ? 1 : (size_t)columns;
    }
    if (unicode != (locale_t)0) {
        uselocale(before);
        freelocale(unicode);
    }
    return width;
}
