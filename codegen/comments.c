/* SPDX-License-Identifier: Apache-2.0 */
/* protoc gives the location of each comment as a path of field numbers and indices from the file
 * down (descriptor.proto, SourceCodeInfo). */
#include "comments.h"

#include <string.h>

typedef Google__Protobuf__SourceCodeInfo__Location proto_location;

/* FileDescriptorProto.service and ServiceDescriptorProto.method. */
enum { PATH_SERVICE = 6, PATH_METHOD = 2 };

/* Remove empty lines at both ends. NULL: nothing is left. */
static const char *
trim(struct pool *pool, const char *comment)
{
    static const char space[] = " \t\r\n\v\f";
    const char *start = comment + strspn(comment, space);
    size_t len = strlen(comment);

    if (*start == '*') /* a block that starts with two stars */
        start += 1 + strspn(start + 1, space);
    if (*start == '\0')
        return NULL;
    while (strchr(space, comment[len - 1]) != NULL)
        len--;
    return pool_dup(pool, start, len - (size_t)(start - comment));
}

static const char *
comment_at(const proto_file *file, struct pool *pool, const int32_t *path, size_t depth)
{
    if (file->source_code_info == NULL)
        return NULL;
    for (size_t i = 0; i < file->source_code_info->n_location; i++) {
        const proto_location *at = file->source_code_info->location[i];
        const char *comment = NULL;

        if (at->n_path != depth || memcmp(at->path, path, depth * sizeof *path) != 0)
            continue;
        if (at->leading_comments != NULL)
            comment = trim(pool, at->leading_comments);
        if (comment == NULL && at->trailing_comments != NULL)
            comment = trim(pool, at->trailing_comments);
        return comment;
    }
    return NULL;
}

const char *
comments_of_service(const proto_file *file, struct pool *pool, size_t service)
{
    const int32_t path[] = {PATH_SERVICE, (int32_t)service};

    return comment_at(file, pool, path, 2);
}

const char *
comments_of_method(const proto_file *file, struct pool *pool, size_t service, size_t method)
{
    const int32_t path[] = {PATH_SERVICE, (int32_t)service, PATH_METHOD, (int32_t)method};

    return comment_at(file, pool, path, 4);
}

/* The length of the UTF-8 character at text (RFC 3629, section 4); 0: invalid, or unwanted in
 * source code: a control character, or one that changes the text direction. */
static size_t
character_len(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t len = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    unsigned low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;

    if (c[0] < 0x80)
        return (c[0] >= ' ' && c[0] != 0x7f) || c[0] == '\t';
    if (c[0] < 0xc2 || c[0] > 0xf4 || c[1] < low || c[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    /* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069, and the C1 controls. */
    if (c[0] == 0xe2 && c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] & 0xfe) == 0xaa))
        return 0;
    if (c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xac && c[2] <= 0xae)
        return 0;
    if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
        return 0;
    return c[0] == 0xc2 && c[1] < 0xa0 ? 0 : len;
}

/* Two characters with a meaning in a comment: its end, its start, a trigraph. */
static bool
is_dangerous(char first, char second)
{
    return (first == '*' && second == '/') || (first == '/' && second == '*') ||
           (first == '?' && second == '?');
}

static void
emit_line(struct text *out, const char *line, size_t len)
{
    const char *end = line + len;

    while (line < end) {
        size_t step = character_len(line);

        if (step == 0)
            text_add(out, "?");
        else
            text_add_bytes(out, line, step);
        if (is_dangerous(out->data[out->len - 1], line[step == 0 ? 1 : step]))
            text_add(out, " ");
        line += step == 0 ? 1 : step;
    }
}

/* The line's length without trailing whitespace. */
static size_t
visible_len(const char *line, size_t len)
{
    while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
        len--;
    return len;
}

void
comments_emit(struct text *out, const char *comment, const char *note, const char *indent)
{
    const char *before = "/*";
    const char *at = comment == NULL ? note : comment;
    const char *next = comment == NULL ? NULL : note;

    while (at != NULL) {
        size_t line = strcspn(at, "\n"), len = visible_len(at, line);

        text_add(out, indent);
        text_add(out, before);
        if (len > 0 && *at != ' ')
            text_add(out, " ");
        emit_line(out, at, len);
        before = " *";
        if (at[line] != '\0') {
            at += line + 1;
        } else {
            at = next;
            next = NULL;
        }
        text_add(out, at == NULL ? " */\n" : "\n");
    }
}
