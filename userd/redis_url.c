/* SPDX-License-Identifier: Apache-2.0 */
/* redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], as Redis' own programs accept it (IANA
 * registration of the scheme "redis"). */
#include "userd/redis_url.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "redis://"
#define DEFAULT_PORT 6379
#define DATABASE_MOST 1000000

static int
hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Decode percent-encoding (RFC 3986, section 2.1). False: it is invalid, too long, or encodes a
 * NUL. */
static bool
decode(const char *text, size_t len, char *out, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(text[i + 2]);

            if (low < 0 || high * 16 + low == 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (count + 1 >= size)
            return false;
        out[count++] = c;
    }
    out[count] = '\0';
    return true;
}

/* A decimal number of up to seven digits and nothing else. */
static bool
read_number(const char *text, size_t len, int most, int *out)
{
    long value;

    if (len == 0 || len > 7 || strspn(text, "0123456789") < len)
        return false;
    value = strtol(text, NULL, 10);
    if (value > most)
        return false;
    *out = (int)value;
    return true;
}

/* "[USER]:PASSWORD"; the password is required. */
static bool
read_login(const char *text, size_t len, struct redis_url *url)
{
    const char *colon = memchr(text, ':', len);
    size_t user = colon == NULL ? 0 : (size_t)(colon - text);

    return colon != NULL && decode(text, user, url->user, sizeof(url->user)) &&
           decode(colon + 1, len - user - 1, url->password, sizeof(url->password)) &&
           url->password[0] != '\0';
}

/* "HOST[:PORT]" or "[V6][:PORT]". */
static bool
read_host(const char *text, size_t len, struct redis_url *url)
{
    const char *end = text[0] == '[' ? memchr(text, ']', len) : memchr(text, ':', len);
    size_t skip = text[0] == '[' ? 1 : 0, host;

    if (skip == 1 && end == NULL)
        return false;
    host = (end == NULL ? len : (size_t)(end - text)) - skip;
    if (host == 0 || host >= sizeof(url->host))
        return false;
    memcpy(url->host, text + skip, host);
    url->host[host] = '\0';
    skip += host + skip;
    url->port = DEFAULT_PORT;
    if (skip == len)
        return true;
    return text[skip] == ':' && read_number(text + skip + 1, len - skip - 1, 65535, &url->port) &&
           url->port > 0;
}

/* The last '@', because a password may contain one that is not encoded; a host cannot. */
static const char *
last_at(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] != '@')
        len--;
    return len == 0 ? NULL : text + len - 1;
}

bool
redis_url_parse(const char *text, struct redis_url *out_url)
{
    struct redis_url url = {.database = 0};
    const char *login, *slash;
    size_t len;

    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return false;
    text += strlen(SCHEME);
    len = strcspn(text, "/?#");
    login = last_at(text, len);
    slash = text + len;
    if (login != NULL && !read_login(text, (size_t)(login - text), &url))
        return false;
    if (login != NULL)
        text = login + 1;
    if (slash == text || !read_host(text, (size_t)(slash - text), &url))
        return false;
    if (slash[0] == '/' && slash[1] != '\0' &&
        !read_number(slash + 1, strlen(slash + 1), DATABASE_MOST, &url.database))
        return false;
    if (slash[0] != '\0' && slash[0] != '/')
        return false;
    *out_url = url;
    return true;
}

bool
redis_read_url(const struct flag *flag, const char *text, void *field)
{
    struct redis_url url;

    return redis_url_parse(text, &url) && flag_text(flag, text, field);
}
