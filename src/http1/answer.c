/* SPDX-License-Identifier: Apache-2.0 */
/* Writes responses: status line, a few fields, content. */
#include "http1/http1.h"

#include <stdio.h>

/* Room for everything before the content, except its type. */
#define HEAD_SIZE 320
#define TYPE_MAX 128

const char *
http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } known[] = {{200, "OK"}, {204, "No Content"}, {400, "Bad Request"}, {401, "Unauthorized"},
        {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {408, "Request Timeout"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {417, "Expectation Failed"}, {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
        {501, "Not Implemented"}, {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == status)
            return known[i].reason;
    }
    return "";
}

/* Convert days since 1970 to a Gregorian date. Years start in March, so that the leap day is the
 * last. */
static void
civil_date(int64_t days, int64_t *out_year, int *out_month, int *out_day)
{
    int64_t shifted = days + 719468, era = shifted / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    *out_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *out_month = (int)(month < 10 ? month + 3 : month - 9);
    *out_year = year + era * 400 + (*out_month <= 2);
}

/* IMF-fixdate (RFC 9110, section 5.6.7). Layers without I/O do not use <time.h>. */
static void
format_date(int64_t now, char out_text[64])
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t day = now / 86400, year;
    int second = (int)(now % 86400), month, date;

    civil_date(day, &year, &month, &date);
    snprintf(out_text, 64, "%s, %02d %s %04lld %02d:%02d:%02d GMT", days[day % 7], date,
        months[month - 1], (long long)year, second / 3600, second / 60 % 60, second % 60);
}

/* 204 and 304 have neither content nor a content-length (RFC 9110, section 8.6). */
static bool
has_content(int status)
{
    return status != 204 && status != 304;
}

static size_t
write_head(char *at, size_t size, const struct http1_answer *answer)
{
    char date[64], length[40] = "";
    const char *type = answer->type;
    bool content = has_content(answer->status);

    format_date(answer->now < 0 ? 0 : answer->now, date);
    if (content)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", answer->body.len);
    return (size_t)snprintf(at, size,
        "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%.*s%s%s%s%sCache-Control: no-store\r\n\r\n",
        answer->status, http1_reason(answer->status), date,
        content && type != NULL ? "Content-Type: " : "", TYPE_MAX,
        content && type != NULL ? type : "", content && type != NULL ? "\r\n" : "", length,
        answer->allow ? "Allow: GET, HEAD\r\n" : "", answer->close ? "Connection: close\r\n" : "");
}

bool
http1_answer_write(struct buf *out, const struct http1_answer *answer)
{
    size_t body = has_content(answer->status) && !answer->head ? answer->body.len : 0;
    uint8_t *room = buf_reserve(out, HEAD_SIZE + TYPE_MAX + body);
    size_t len;

    if (room == NULL)
        return false;
    len = write_head((char *)room, HEAD_SIZE + TYPE_MAX, answer);
    if (body > 0)
        memcpy(room + len, answer->body.data, body);
    buf_commit(out, len + body);
    return true;
}
