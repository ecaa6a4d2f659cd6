/* SPDX-License-Identifier: Apache-2.0 */
/* A minimal HTTP/1.1 server (RFC 9112) for small endpoints, without I/O: parses requests and writes
 * responses. */
/* Threads: one owner at a time. */
#pragma once

#include "base/buf.h"

/* Limits of a request. Zero selects each field's default, which is given with the status sent
 * beyond the limit. */
struct http1_limits {
    size_t max_line;   /* bytes of the request line; 8 KiB; 414 */
    size_t max_head;   /* bytes of all field lines, or of trailers and chunk sizes; 16 KiB; 431 */
    size_t max_fields; /* field lines, at most 64; 64; 431 */
    size_t max_body;   /* bytes of content, which is discarded; 64 KiB; 413 */
};

enum http1_event {
    HTTP1_NEED_INPUT, /* all input was consumed; more is needed */
    HTTP1_REQUEST,    /* a complete request: answer it before the next call */
    HTTP1_FAILED      /* invalid: answer with http1_reader_status, then close */
};

/* RFC 9110, section 9.1: known methods other than GET and HEAD get 405. */
enum http1_method { HTTP1_GET, HTTP1_HEAD, HTTP1_OTHER };

/* Valid until the next call of http1_reader_next. */
struct http1_request {
    enum http1_method method;
    weir_str path;   /* as sent, not decoded; starts with '/', or is "*" */
    weir_str query;  /* after the '?'; data NULL: none */
    bool keep_alive; /* false: close after the response */
};

struct http1_reader;

/* limits may be NULL. NULL: no memory. */
struct http1_reader *http1_reader_new(const struct http1_limits *limits);
void http1_reader_free(struct http1_reader *reader);

/* Parse *data, *len up to the next event, and move them past what was consumed. After HTTP1_FAILED,
 * and after a request without keep_alive, no event follows. */
enum http1_event http1_reader_next(struct http1_reader *reader, const uint8_t **data, size_t *len,
    struct http1_request *out_request);

/* The status of HTTP1_FAILED: 400, 413, 414, 417, 431, 501, 505, or 503 for lack of memory. */
int http1_reader_status(const struct http1_reader *reader);

/* Is a request incomplete? */
bool http1_reader_is_inside(const struct http1_reader *reader);

/* The value of the request's first field with this name, case-insensitive; data NULL: absent. */
weir_str http1_reader_field(const struct http1_reader *reader, const char *name);

struct http1_answer {
    int status;       /* 200 to 599 */
    const char *type; /* of the content; NULL: no content-type */
    weir_str body;
    bool head;   /* the response to HEAD: without the content (RFC 9110, section 9.3.2) */
    bool close;  /* send Connection: close */
    bool allow;  /* of a 405: send Allow */
    int64_t now; /* seconds since 1970, for Date */
};

/* Append a complete response. False: no memory; nothing was appended. */
bool http1_answer_write(struct buf *out, const struct http1_answer *answer);

/* The reason phrase, as "Not Found"; "" if unknown. Static. */
const char *http1_reason(int status);
