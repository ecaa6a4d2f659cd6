/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of request headers by the server: one pass over the block, then the verdict.
 *
 * Checks in order, the first failure decides: neither POST nor GET (405), no path or several hosts
 * (400), not gRPC (415), and then gRPC's own errors, sent as a status. */
#include "wire/wire.h"

#include "wire/content_type.h"

/* Results of the pass besides the fields of struct wire_request. */
struct findings {
    weir_str method, host, timeout;
    unsigned hosts;
    bool typed;                /* a content-type was present */
    bool malformed;            /* a -bin value is not base64 */
    enum wire_content content; /* the worst of several */
};

static void
note_content_type(struct findings *found, weir_str value)
{
    enum wire_content content = wire_content_read(value);

    if (content > found->content)
        found->content = content;
    found->typed = true;
}

static void
read_field(const struct h2_field *field, struct wire_request *request, struct findings *found)
{
    switch (field->token) {
    case H2_TOKEN_METHOD:
        found->method = field->value;
        break;
    case H2_TOKEN_PATH:
        request->path = field->value;
        break;
    case H2_TOKEN_AUTHORITY:
        request->authority = field->value;
        break;
    case H2_TOKEN_HOST:
        found->host = field->value;
        found->hosts++;
        break;
    case H2_TOKEN_CONTENT_TYPE:
        note_content_type(found, field->value);
        break;
    case H2_TOKEN_GRPC_TIMEOUT:
        found->timeout = field->value;
        break;
    case H2_TOKEN_GRPC_ENCODING:
        request->encoding = field->value;
        break;
    case H2_TOKEN_GRPC_ACCEPT_ENCODING:
        request->accept_encoding = field->value;
        break;
    case H2_TOKEN_NONE:
    case H2_TOKEN_GRPC_OTHER:
        found->malformed = found->malformed || wire_field_is_malformed(field);
        break;
    default:
        break;
    }
}

/* The HTTP status for a request that is not gRPC, 0 if it is. */
static int
judge_http(struct wire_request *request, const struct findings *found)
{
    static const weir_str post = {"POST", 4}, get = {"GET", 3};

    request->by_get = weir_str_equal(found->method, get);
    if (!request->by_get && !weir_str_equal(found->method, post))
        return 405;
    /* gRFC A41: repeated hosts are rejected. */
    if (request->path.len == 0 || found->hosts > 1)
        return 400;
    if (!found->typed || found->content == WIRE_CONTENT_FOREIGN)
        return 415;
    return 0;
}

/* OK, or the status with which to reject the call. */
static weir_code
judge_grpc(struct wire_request *request, const struct findings *found, const char **out_why)
{
    /* Before the path is used for decisions: a rule that denies "/a.B/C" must not be bypassed with
     * "a.B/C". */
    if (request->path.data[0] != '/') {
        *out_why = "malformed method name";
        return WEIR_UNIMPLEMENTED;
    }
    if (found->content != WIRE_CONTENT_PROTO) {
        *out_why = "unknown message codec";
        return WEIR_INTERNAL;
    }
    if (found->malformed) {
        *out_why = "malformed -bin metadata";
        return WEIR_INTERNAL;
    }
    if (found->timeout.data == NULL)
        return WEIR_OK;
    if (!wire_timeout_unpack(found->timeout, &request->timeout)) {
        *out_why = "malformed grpc-timeout";
        return WEIR_INTERNAL;
    }
    if (request->timeout == 0) {
        *out_why = "the deadline had passed before the call began";
        return WEIR_DEADLINE_EXCEEDED;
    }
    return WEIR_OK;
}

static void
part_path(struct wire_request *request)
{
    const char *mark = memchr(request->path.data, '?', request->path.len);
    size_t len = mark == NULL ? request->path.len : (size_t)(mark - request->path.data);

    if (mark != NULL)
        request->query = (weir_str){mark + 1, request->path.len - len - 1};
    request->path.len = len;
}

enum wire_verdict
wire_request_read(const struct h2_block *block, struct wire_request *out_request,
    int *out_http_status, weir_code *out_code, const char **out_why)
{
    struct wire_request request = {.timeout = WEIR_NEVER};
    struct findings found = {.typed = false};
    const char *why = NULL;
    weir_code code;
    int http_status;

    if (block->too_large) {
        *out_code = WEIR_RESOURCE_EXHAUSTED;
        *out_why = "the request's headers are too large";
        return WIRE_STATUS;
    }
    for (size_t i = 0; i < block->count; i++)
        read_field(&block->fields[i], &request, &found);
    http_status = judge_http(&request, &found);
    if (http_status != 0) {
        *out_http_status = http_status;
        return WIRE_HTTP_STATUS;
    }
    if (request.by_get)
        part_path(&request);
    code = judge_grpc(&request, &found, &why);
    if (code != WEIR_OK) {
        *out_code = code;
        *out_why = why;
        return WIRE_STATUS;
    }
    if (request.authority.data == NULL)
        request.authority = found.host;
    *out_request = request;
    return WIRE_GRPC;
}
