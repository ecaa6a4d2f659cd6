/* SPDX-License-Identifier: Apache-2.0 */
/* The content-type of gRPC: application/grpc, +codec, ;parameters. */
#include "wire/content_type.h"

#include "wire/text.h"

static const char media_type[] = "application/grpc";
#define MEDIA_TYPE_LEN (sizeof media_type - 1)

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Media types are case-insensitive (RFC 9110, section 8.3.1). `word` is lower case. */
static bool
begins_with(weir_str text, const char *word, size_t len)
{
    if (text.len < len)
        return false;
    if (memcmp(text.data, word, len) == 0)
        return true;
    for (size_t i = 0; i < len; i++)
        if (lower(text.data[i]) != word[i])
            return false;
    return true;
}

/* Does the media type end here: at the end of the value, at its parameters, or at whitespace before
 * them? */
static bool
at_end(weir_str text, size_t at)
{
    return at == text.len || text.data[at] == ';' || wire_is_blank(text.data[at]);
}

enum wire_content
wire_content_read(weir_str content_type)
{
    weir_str rest;

    if (!begins_with(content_type, media_type, MEDIA_TYPE_LEN))
        return WIRE_CONTENT_FOREIGN;
    if (at_end(content_type, MEDIA_TYPE_LEN))
        return WIRE_CONTENT_PROTO;
    if (content_type.data[MEDIA_TYPE_LEN] != '+')
        return WIRE_CONTENT_FOREIGN;
    rest.data = content_type.data + MEDIA_TYPE_LEN + 1;
    rest.len = content_type.len - MEDIA_TYPE_LEN - 1;
    return begins_with(rest, "proto", 5) && at_end(rest, 5) ? WIRE_CONTENT_PROTO
                                                            : WIRE_CONTENT_OTHER;
}
