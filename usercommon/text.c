/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted text on a terminal. */
#define _GNU_SOURCE /* wcwidth */
#include "usercommon/text.h"

#include "usercommon/code_point.h"
#include "usercommon/utf8.h"
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define REPLACEMENT 0xFFFD

/* Maximum length of a visible byte or code point: "\u{10ffff}". */
#define VISIBLE_MAX 10

/* The next code point, or U+FFFD for an invalid byte; advances *at. */
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
        if (escape && code_point_drives_terminal(code_point))
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

/* Widths are Unicode's, independent of the locale. */
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
