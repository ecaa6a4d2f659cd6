/* SPDX-License-Identifier: Apache-2.0 */
/* Response headers and trailers as a client reads them. */
#include "wire/wire.h"

#include "wire/content_type.h"

/* The three-digit status, 0 if invalid. */
static int
http_status(const struct h2_block *block)
{
    const struct h2_field *field = h2_block_find(block, H2_TOKEN_STATUS);
    int status = 0;

    if (field == NULL || field->value.len != 3)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (field->value.data[i] < '0' || field->value.data[i] > '9')
            return 0;
        status = status * 10 + (field->value.data[i] - '0');
    }
    return status;
}

static const char *format(struct arena *arena, const char *pattern, ...) WEIR_PRINTF(2, 3);

static const char *
format(struct arena *arena, const char *pattern, ...)
{
    const char *text;
    va_list args;

    va_start(args, pattern);
    text = arena_vprintf(arena, pattern, args);
    va_end(args);
    return text != NULL ? text : "";
}

/* Describe a plain HTTP response; it is usually a proxy's, and its content-type helps to identify
 * it. */
static const char *
describe_http(const struct h2_block *block, struct arena *arena, int status)
{
    const struct h2_field *type = h2_block_find(block, H2_TOKEN_CONTENT_TYPE);
    char *shown;

    if (type == NULL)
        return format(arena, "HTTP status %d without a content-type", status);
    shown = wire_percent_decode(arena, type->value);
    return format(
        arena, "HTTP status %d with content-type \"%.100s\"", status, shown != NULL ? shown : "");
}

static enum wire_content
content_of(const struct h2_block *block)
{
    const struct h2_field *type = h2_block_find(block, H2_TOKEN_CONTENT_TYPE);

    return type == NULL ? WIRE_CONTENT_FOREIGN : wire_content_read(type->value);
}

weir_code
wire_response_read(const struct h2_block *block, struct arena *arena, weir_str *out_encoding,
    const char **out_message)
{
    const struct h2_field *encoding;
    enum wire_content content;
    int status = http_status(block);

    if (block->too_large) {
        *out_message = "the response's headers are too large";
        return WEIR_RESOURCE_EXHAUSTED;
    }
    content = content_of(block);
    if (status != 200 || content == WIRE_CONTENT_FOREIGN) {
        *out_message = describe_http(block, arena, status);
        return wire_status_of_http(status);
    }
    if (content != WIRE_CONTENT_PROTO) {
        *out_message = "the response is in an unknown message codec";
        return WEIR_INTERNAL;
    }
    encoding = h2_block_find(block, H2_TOKEN_GRPC_ENCODING);
    *out_encoding = encoding != NULL ? encoding->value : (weir_str){NULL, 0};
    return WEIR_OK;
}

/* Decimal without leading zeros, 0 to 16; -1 for anything else. */
static int
parse_status(weir_str text)
{
    int status;

    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
    if (text.len == 1)
        return text.data[0] - '0';
    if (text.len != 2 || text.data[0] != '1')
        return -1;
    status = 10 + (text.data[1] - '0');
    return status <= WEIR_UNAUTHENTICATED ? status : -1;
}

/* Without grpc-status, the HTTP status decides, if present (http-grpc-status-mapping). */
static weir_code
read_bare(const struct h2_block *block, struct arena *arena, const char **out_message)
{
    int status = http_status(block);

    if (h2_block_find(block, H2_TOKEN_STATUS) == NULL ||
        (status == 200 && content_of(block) != WIRE_CONTENT_FOREIGN)) {
        *out_message = "the server sent no grpc-status";
        return WEIR_UNKNOWN;
    }
    *out_message = describe_http(block, arena, status);
    return wire_status_of_http(status);
}

weir_code
wire_trailers_read(const struct h2_block *block, struct arena *arena, const char **out_message)
{
    const struct h2_field *status = h2_block_find(block, H2_TOKEN_GRPC_STATUS);
    const struct h2_field *message = h2_block_find(block, H2_TOKEN_GRPC_MESSAGE);
    const char *text;
    int code;

    if (block->too_large) {
        *out_message = "the response's trailers are too large";
        return WEIR_RESOURCE_EXHAUSTED;
    }
    if (status == NULL)
        return read_bare(block, arena, out_message);
    text = message != NULL ? wire_percent_decode(arena, message->value) : "";
    code = parse_status(status->value);
    *out_message = text != NULL ? text : "";
    if (code < 0 && **out_message == '\0')
        *out_message = "the server sent a malformed grpc-status";
    return code < 0 ? WEIR_UNKNOWN : (weir_code)code;
}
