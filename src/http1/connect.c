/* SPDX-License-Identifier: Apache-2.0 */
/* Parses a proxy's response to CONNECT; its status line decides. */
#define _GNU_SOURCE /* memmem */
#include "http1/connect.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char head_end[] = "\r\n\r\n";
static const char version[] = "HTTP/1.";

static enum http1_connect
refuse(const char *why, char out_why[HTTP1_CONNECT_WHY])
{
    snprintf(out_why, HTTP1_CONNECT_WHY, "%s", why);
    return HTTP1_CONNECT_REFUSED;
}

/* Makes a reason of a status line such as "403 Filtered"; the phrase is untrusted. */
static enum http1_connect
refuse_with(const char *line, const char *end, char out_why[HTTP1_CONNECT_WHY])
{
    char words[64] = "";
    size_t len = (size_t)(end - line);

    if (len >= sizeof(words))
        len = sizeof(words) - 1;
    for (size_t i = 0; i < len; i++)
        words[i] = (char)(line[i] < ' ' || line[i] > '~' ? '?' : line[i]);
    snprintf(out_why, HTTP1_CONNECT_WHY, "it answers CONNECT with %s%s", words,
        strncmp(words, "407", 3) == 0 ? ": it wants another user and password" : "");
    return HTTP1_CONNECT_REFUSED;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The head is complete, and starts with `version`. */
static enum http1_connect
judge(struct http1_connect_answer *answer, char out_why[HTTP1_CONNECT_WHY])
{
    const char *at = answer->head + sizeof(version) - 1;

    if (!is_digit(at[0]) || at[1] != ' ' || !is_digit(at[2]) || !is_digit(at[3]) ||
        !is_digit(at[4]) || (at[5] != ' ' && at[5] != '\r'))
        return refuse("its answer to CONNECT is not HTTP", out_why);
    if (at[2] == '2')
        return HTTP1_CONNECT_OPEN;
    if (at[2] != '1' || memcmp(at + 2, "101", 3) == 0) /* 101: no upgrade was requested */
        return refuse_with(at + 2, memchr(at, '\r', answer->len), out_why);
    if (answer->interim++ == HTTP1_CONNECT_INTERIM_MAX)
        return refuse("it answers CONNECT with too many interim answers", out_why);
    answer->len = 0;
    return HTTP1_CONNECT_UNDECIDED;
}

enum http1_connect
http1_connect_read(struct http1_connect_answer *answer, size_t got, size_t *out_taken,
    char out_why[HTTP1_CONNECT_WHY])
{
    size_t before = answer->len < 3 ? answer->len : 3, known = sizeof(version) - 1;
    const char *new = answer->head + answer->len;
    const char *end = memmem(new - before, before + got, head_end, sizeof(head_end) - 1);

    *out_taken = end == NULL ? got : (size_t)(end + sizeof(head_end) - 1 - new);
    answer->len += *out_taken;
    if (memcmp(answer->head, version, answer->len < known ? answer->len : known) != 0)
        return refuse("its answer to CONNECT is not HTTP", out_why);
    if (end != NULL)
        return judge(answer, out_why);
    if (answer->len == HTTP1_CONNECT_HEAD_MAX)
        return refuse("its answer to CONNECT is too long", out_why);
    return HTTP1_CONNECT_UNDECIDED;
}
