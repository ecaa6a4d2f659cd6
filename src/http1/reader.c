/* SPDX-License-Identifier: Apache-2.0 */
/* Strict parser of requests: whatever two parsers could interpret differently is rejected (RFC
 * 9112, section 11.2), and the connection is closed.
 *
 *   START -> LINE -> FIELDS -+-> DONE -> START
 *                            +-> LENGTH -> DONE                         content-length
 *                            +-> SIZE -> CHUNK -> SIZE ... -> TRAILERS  chunked
 *
 * The head is collected in `head`, its fields as offsets into it. Content is counted and discarded;
 * lines between chunks are collected after the head and discarded too. */
#include "http1/http1.h"

#include "http1/text.h"
#include <stdlib.h>

#define FIELDS_MAX 64
#define KEEP_HEAD 1024

enum state { START, LINE, FIELDS, LENGTH, SIZE, CHUNK, CHUNK_END, TRAILERS, DONE, OVER, FAILED };

struct field {
    uint32_t name, name_len, value, value_len;
};

struct http1_reader {
    struct http1_limits limits;
    enum state state;
    int status;
    struct buf head;
    size_t line;      /* where the current line starts in head */
    size_t extra;     /* bytes of field lines, later of lines between chunks */
    size_t count;     /* fields of the head */
    size_t trailers;  /* lines of them */
    uint64_t left;    /* bytes left of the content or chunk */
    uint64_t drained; /* bytes of chunked content so far */
    enum http1_method method;
    size_t target_at, target_len;
    bool old;   /* HTTP/1.0 */
    bool close; /* Connection: close */
    bool chunked, sized, hosted, encoded, continues;
    struct field fields[FIELDS_MAX];
};

static size_t
or_default(size_t value, size_t otherwise)
{
    return value == 0 ? otherwise : value;
}

struct http1_reader *
http1_reader_new(const struct http1_limits *limits)
{
    struct http1_reader *reader = calloc(1, sizeof(*reader));
    struct http1_limits *own;

    if (reader == NULL)
        return NULL;
    own = &reader->limits;
    if (limits != NULL)
        *own = *limits;
    own->max_line = or_default(own->max_line, (size_t)8 * 1024);
    own->max_head = or_default(own->max_head, (size_t)16 * 1024);
    own->max_body = or_default(own->max_body, (size_t)64 * 1024);
    if (own->max_fields == 0 || own->max_fields > FIELDS_MAX)
        own->max_fields = FIELDS_MAX;
    return reader;
}

void
http1_reader_free(struct http1_reader *reader)
{
    if (reader == NULL)
        return;
    buf_fini(&reader->head);
    free(reader);
}

static bool
fail(struct http1_reader *reader, int status)
{
    reader->state = FAILED;
    reader->status = status;
    return false;
}

static const char *
text_at(const struct http1_reader *reader, size_t at)
{
    return (const char *)reader->head.data + at;
}

static void
start_over(struct http1_reader *reader)
{
    struct http1_limits limits = reader->limits;
    struct buf head = reader->head;

    buf_reset(&head, KEEP_HEAD);
    memset(reader, 0, offsetof(struct http1_reader, fields));
    reader->limits = limits;
    reader->head = head;
}

/* ---- the request line: method SP target SP version (RFC 9112, section 3) ---- */

static bool
read_method(struct http1_reader *reader, weir_str method)
{
    static const char *const known[] = {
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"};

    if (!http1_is_token(method))
        return fail(reader, 400);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (weir_str_equal(method, weir_str_of(known[i]))) {
            reader->method = i < HTTP1_OTHER ? (enum http1_method)i : HTTP1_OTHER;
            return true;
        }
    }
    return fail(reader, 501);
}

static bool
read_version(struct http1_reader *reader, weir_str version)
{
    if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
        version.data[5] < '0' || version.data[5] > '9' || version.data[7] < '0' ||
        version.data[7] > '9')
        return fail(reader, 400);
    if (version.data[5] != '1')
        return fail(reader, 505);
    reader->old = version.data[7] == '0';
    return true;
}

/* Where the path of an absolute-form target starts (RFC 9112, section 3.2.2); 0: not absolute-form.
 */
static size_t
skip_authority(weir_str target)
{
    size_t scheme = http1_find(target, ':'), at;
    weir_str name = {target.data, scheme};

    if (!(http1_is_word(name, "http") || http1_is_word(name, "https")) || target.len < scheme + 4 ||
        memcmp(target.data + scheme, "://", 3) != 0)
        return 0;
    at = scheme + 3;
    while (at < target.len && target.data[at] != '/' && target.data[at] != '?')
        at++;
    name = (weir_str){target.data + scheme + 3, at - scheme - 3};
    return name.len > 0 && http1_is_authority(name) ? at : 0;
}

static bool
read_target(struct http1_reader *reader, weir_str target)
{
    size_t skipped = 0;

    if (!http1_is_target(target))
        return fail(reader, 400);
    if (target.data[0] != '/' && !weir_str_equal(target, weir_str_of("*"))) {
        skipped = skip_authority(target);
        if (skipped == 0)
            return fail(reader, 400);
    } else if (target.data[0] == '*' && reader->method != HTTP1_OTHER) {
        return fail(reader, 400);
    }
    reader->target_at = (size_t)(target.data - text_at(reader, 0)) + skipped;
    reader->target_len = target.len - skipped;
    return true;
}

static bool
read_request_line(struct http1_reader *reader, weir_str line)
{
    size_t first = http1_find(line, ' ');
    weir_str rest, target;
    size_t second;

    if (first == line.len)
        return fail(reader, 400);
    rest = (weir_str){line.data + first + 1, line.len - first - 1};
    second = http1_find(rest, ' ');
    if (second == rest.len)
        return fail(reader, 400);
    target = (weir_str){rest.data, second};
    return read_version(reader, (weir_str){rest.data + second + 1, rest.len - second - 1}) &&
           read_method(reader, (weir_str){line.data, first}) && read_target(reader, target);
}

/* ---- fields ---- */

static bool
read_length(struct http1_reader *reader, weir_str value)
{
    if (reader->sized || !http1_decimal(value, &reader->left))
        return fail(reader, 400); /* RFC 9112, 6.3, rule 5; lists of equal values too */
    reader->sized = true;
    return true;
}

/* Only chunked, and only once (RFC 9112, section 6.1). */
static bool
read_encoding(struct http1_reader *reader, weir_str value)
{
    if (reader->encoded)
        return fail(reader, 400);
    reader->encoded = true;
    reader->chunked = http1_is_word(value, "chunked");
    return reader->chunked || fail(reader, 501);
}

static bool
read_host(struct http1_reader *reader, weir_str value)
{
    if (reader->hosted || !http1_is_authority(value))
        return fail(reader, 400); /* RFC 9112, 3.2 */
    reader->hosted = true;
    return true;
}

static bool
read_expectation(struct http1_reader *reader, weir_str value)
{
    reader->continues = http1_is_word(value, "100-continue");
    return reader->continues || fail(reader, 417);
}

static bool
heed_field(struct http1_reader *reader, weir_str name, weir_str value)
{
    if (http1_is_word(name, "content-length"))
        return read_length(reader, value);
    if (http1_is_word(name, "transfer-encoding"))
        return read_encoding(reader, value);
    if (http1_is_word(name, "host"))
        return read_host(reader, value);
    if (http1_is_word(name, "expect"))
        return read_expectation(reader, value);
    if (http1_is_word(name, "connection"))
        reader->close |= http1_list_has(value, "close");
    return true;
}

/* A field line, of the head or of trailers. A continuation line is rejected, since it starts with
 * whitespace, which is not a token (obs-fold, RFC 9112, section 5.2). */
static bool
read_field(struct http1_reader *reader, weir_str line, weir_str *out_name, weir_str *out_value)
{
    size_t colon = http1_find(line, ':');

    if (reader->count + reader->trailers == reader->limits.max_fields)
        return fail(reader, 431);
    if (colon == line.len)
        return fail(reader, 400);
    *out_name = (weir_str){line.data, colon};
    *out_value = http1_trim((weir_str){line.data + colon + 1, line.len - colon - 1});
    if (!http1_is_token(*out_name) || !http1_is_value(*out_value))
        return fail(reader, 400);
    return true;
}

static bool
keep_field(struct http1_reader *reader, weir_str line)
{
    weir_str name, value;

    if (!read_field(reader, line, &name, &value))
        return false;
    reader->fields[reader->count++] = (struct field){(uint32_t)(name.data - text_at(reader, 0)),
        (uint32_t)name.len, (uint32_t)(value.data - text_at(reader, 0)), (uint32_t)value.len};
    return heed_field(reader, name, value);
}

/* The head is complete: check that its framing is unambiguous, and choose the next state. */
static bool
judge_head(struct http1_reader *reader)
{
    if (!reader->old && !reader->hosted)
        return fail(reader, 400);
    if (reader->chunked && (reader->sized || reader->old))
        return fail(reader, 400); /* request smuggling, RFC 9112, 6.1 */
    if (reader->sized && reader->left > reader->limits.max_body)
        return fail(reader, 413);
    reader->extra = 0;
    if (reader->continues && (reader->chunked || reader->left > 0)) {
        /* Expect: 100-continue: after an immediate final response the client must not send the
         * content (RFC 9110, section 10.1.1). */
        reader->close = true;
        reader->state = DONE;
    } else if (reader->chunked) {
        reader->state = SIZE;
    } else {
        reader->state = reader->left > 0 ? LENGTH : DONE;
    }
    return true;
}

/* ---- chunks (RFC 9112, section 7.1) ---- */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Extensions are ignored. */
static bool
read_chunk_size(struct http1_reader *reader, weir_str line)
{
    weir_str digits = http1_trim((weir_str){line.data, http1_find(line, ';')});
    uint64_t size = 0;

    if (digits.len == 0 || digits.data != line.data || !http1_is_value(line))
        return fail(reader, 400);
    for (size_t i = 0; i < digits.len; i++) {
        int digit = hex_digit(digits.data[i]);

        if (digit < 0)
            return fail(reader, 400);
        size = size * 16 + (uint64_t)digit;
        if (size > reader->limits.max_body)
            return fail(reader, 413);
    }
    reader->drained += size;
    if (reader->drained > reader->limits.max_body)
        return fail(reader, 413);
    reader->left = size;
    reader->state = size == 0 ? TRAILERS : CHUNK;
    return true;
}

/* ---- lines ---- */

static bool
read_line(struct http1_reader *reader, weir_str line)
{
    weir_str name, value;

    switch (reader->state) {
    case START: /* empty lines before a request are ignored (RFC 9112, 2.2) */
        reader->state = LINE;
        if (line.len == 0)
            return true;
        __attribute__((fallthrough));
    case LINE:
        reader->state = FIELDS;
        return read_request_line(reader, line);
    case FIELDS:
        return line.len == 0 ? judge_head(reader) : keep_field(reader, line);
    case SIZE:
        return read_chunk_size(reader, line);
    case CHUNK_END:
        reader->state = SIZE;
        return line.len == 0 || fail(reader, 400);
    case TRAILERS:
        if (line.len == 0)
            reader->state = DONE;
        else if (read_field(reader, line, &name, &value))
            reader->trailers++;
        return reader->state != FAILED;
    default:
        return fail(reader, 400);
    }
}

/* Is a line of this length within the limits? */
static bool
allow_line(struct http1_reader *reader, size_t len)
{
    if (reader->state == START || reader->state == LINE)
        return len <= reader->limits.max_line || fail(reader, 414);
    return reader->extra + len <= reader->limits.max_head || fail(reader, 431);
}

/* The line is complete, including its LF. It must end in CR LF and contain no other CR or LF (RFC
 * 9112, section 2.2, permits a bare LF, but intermediaries may read it differently). */
static bool
end_line(struct http1_reader *reader)
{
    size_t len = reader->head.tail - reader->line, between = reader->line;
    weir_str line = {text_at(reader, reader->line), len - 1};
    bool in_head = reader->state <= FIELDS;

    if (line.len == 0 || line.data[line.len - 1] != '\r')
        return fail(reader, 400);
    line.len--;
    if (http1_find(line, '\r') != line.len || http1_find(line, '\0') != line.len)
        return fail(reader, 400);
    if (reader->state > LINE)
        reader->extra += len;
    reader->line = reader->head.tail;
    if (!read_line(reader, line))
        return false;
    if (!in_head)
        reader->line = reader->head.tail = between;
    return true;
}

/* Collect bytes up to the end of a line. */
static bool
take_line(struct http1_reader *reader, const uint8_t **data, size_t *len)
{
    const uint8_t *end = memchr(*data, '\n', *len);
    size_t taken = end == NULL ? *len : (size_t)(end - *data) + 1;

    if (!allow_line(reader, reader->head.tail - reader->line + taken))
        return false;
    if (!buf_append(&reader->head, *data, taken))
        return fail(reader, 503);
    *data += taken;
    *len -= taken;
    return end == NULL || end_line(reader);
}

static void
drop_content(struct http1_reader *reader, const uint8_t **data, size_t *len)
{
    size_t taken = *len < reader->left ? *len : (size_t)reader->left;

    *data += taken;
    *len -= taken;
    reader->left -= taken;
    if (reader->left == 0)
        reader->state = reader->state == LENGTH ? DONE : CHUNK_END;
}

/* ---- events ---- */

static void
tell_request(struct http1_reader *reader, struct http1_request *out_request)
{
    weir_str path = {text_at(reader, reader->target_at), reader->target_len};
    size_t mark = http1_find(path, '?');

    *out_request = (struct http1_request){
        .method = reader->method, .keep_alive = !reader->old && !reader->close};
    if (mark < path.len)
        out_request->query = (weir_str){path.data + mark + 1, path.len - mark - 1};
    path.len = mark;
    out_request->path = mark == 0 ? weir_str_of("/") : path;
}

enum http1_event
http1_reader_next(struct http1_reader *reader, const uint8_t **data, size_t *len,
    struct http1_request *out_request)
{
    if (reader->state == DONE)
        start_over(reader);
    while (*len > 0 && reader->state < DONE) {
        if (reader->state == LENGTH || reader->state == CHUNK)
            drop_content(reader, data, len);
        else if (!take_line(reader, data, len))
            break;
    }
    if (reader->state == FAILED)
        return HTTP1_FAILED;
    if (reader->state != DONE)
        return HTTP1_NEED_INPUT;
    tell_request(reader, out_request);
    if (!out_request->keep_alive)
        reader->state = OVER;
    return HTTP1_REQUEST;
}

int
http1_reader_status(const struct http1_reader *reader)
{
    return reader->status;
}

bool
http1_reader_is_inside(const struct http1_reader *reader)
{
    return reader->state < DONE && reader->head.tail > 0;
}

weir_str
http1_reader_field(const struct http1_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct field *field = &reader->fields[i];

        if (http1_is_word((weir_str){text_at(reader, field->name), field->name_len}, name))
            return (weir_str){text_at(reader, field->value), field->value_len};
    }
    return (weir_str){NULL, 0};
}
