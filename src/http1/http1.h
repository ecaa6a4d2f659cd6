/* SPDX-License-Identifier: Apache-2.0 */
/* Just enough HTTP/1.1 (RFC 9112) for small endpoints, without I/O: bytes in, requests out; answers
 * out. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf.h"

/* What a request may take up; zero is the default of every field. */
struct http1_limits {
    size_t max_line;   /* bytes of the request line; 8 KiB. Beyond: 414 */
    size_t max_head;   /* bytes of all field lines, or of trailers and chunk sizes; 16 KiB. 431 */
    size_t max_fields; /* field lines, 64 and no more. 431 */
    size_t max_body;   /* bytes of content, which is read and dropped; 64 KiB. 413 */
};

enum http1_event {
    HTTP1_NEED_INPUT, /* all of it was taken; nothing more until there is more */
    HTTP1_REQUEST,    /* a request, whole: answer it before the next is asked for */
    HTTP1_FAILED      /* not to be understood: answer with http1_reader_status, then close */
};

/* RFC 9110, 9.1: of the methods that are known all but GET and HEAD are for a 405. */
enum http1_method { HTTP1_GET, HTTP1_HEAD, HTTP1_OTHER };

/* Good until the reader is asked for the next. */
struct http1_request {
    enum http1_method method;
    weir_str path;   /* as sent, not decoded; begins with '/', but for "*" */
    weir_str query;  /* behind the '?'; data NULL: there is none */
    bool keep_alive; /* false: close after the answer */
};

struct http1_reader;

/* limits may be NULL. NULL: no memory. */
struct http1_reader *http1_reader_new(const struct http1_limits *limits);
void http1_reader_free(struct http1_reader *reader);

/* Take the next event out of *data, *len, which move past what was consumed. After HTTP1_FAILED,
 * and after a request without keep_alive, there is no next one. */
enum http1_event http1_reader_next(struct http1_reader *reader, const uint8_t **data, size_t *len,
    struct http1_request *out_request);

/* Of HTTP1_FAILED: 400, 413, 414, 417, 431, 501, 505, or 503 for want of memory. */
int http1_reader_status(const struct http1_reader *reader);

/* Has a request begun that is not whole yet? */
bool http1_reader_is_inside(const struct http1_reader *reader);

/* The first value of a field of the request, without regard to case; data is NULL when it is
 * absent. */
weir_str http1_reader_field(const struct http1_reader *reader, const char *name);

struct http1_answer {
    int status;       /* 200 to 599 */
    const char *type; /* of the content; NULL: no content-type */
    weir_str body;
    bool head;   /* to HEAD: the same without the content (RFC 9110, 9.3.2) */
    bool close;  /* say that the connection ends here */
    bool allow;  /* of a 405: say what would be allowed */
    int64_t now; /* seconds since 1970, for Date */
};

/* Append a whole answer. False: no memory; nothing was appended. */
bool http1_answer_write(struct buf *out, const struct http1_answer *answer);

/* "Not Found"; "" for one that is not known. Static. */
const char *http1_reason(int status);
