/* SPDX-License-Identifier: Apache-2.0 */
#include "weir-bench/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Size of the copies of a small message, so that a stream can fill whole frames with them. */
#define COPIES_SIZE (16 * 1024)

/* The maximum of the length field in the prefix of a gRPC message. */
#define MAX_MESSAGE (UINT32_MAX - WIRE_PREFIX_SIZE)

#define OWN_FIELDS 8

static bool
refuse(char error[FLAGS_ERROR], const char *what, const char *why)
{
    snprintf(error, FLAGS_ERROR, "%s: %s", what, why);
    return false;
}

/* ---- header fields ---- */

static void
add_field(struct request *request, const char *name, const char *value)
{
    request->fields[request->field_count++] = (struct h2_field){
        .name = weir_str_of(name), .value = weir_str_of(value), .indexing = H2_INDEX};
}

/* Header fields that an application may set. */
static bool
is_metadata(const char *name, const char *value)
{
    return wire_key_is_sendable(weir_str_of(name)) && wire_value_is_sendable(weir_str_of(value));
}

static bool
add_header(struct request *request, const char *text, char error[FLAGS_ERROR])
{
    char *name = arena_dup(&request->arena, weir_str_of(text));
    char *colon = name == NULL ? NULL : strchr(name, ':');
    char *value;

    if (colon == NULL)
        return refuse(error, "--header", name == NULL ? "no memory" : "write it NAME:VALUE");
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " ");
    if (!is_metadata(name, value))
        return refuse(error, "--header", "not metadata that may be sent");
    add_field(request, name, value);
    return true;
}

/* In the order of gRPC's specification (PROTOCOL-HTTP2, Requests). */
static bool
make_fields(struct request *request, const struct options *options, char error[FLAGS_ERROR])
{
    const char *authority = options->server_name == NULL ? options->target : options->server_name;
    char *timeout = arena_alloc(&request->arena, WIRE_TIMEOUT_TEXT);

    request->fields = arena_alloc(
        &request->arena, (OWN_FIELDS + options->headers.count) * sizeof(*request->fields));
    if (request->fields == NULL || timeout == NULL)
        return refuse(error, "--header", "no memory");
    add_field(request, ":method", "POST");
    add_field(request, ":scheme", options->tls ? "https" : "http");
    add_field(request, ":path", options->method);
    add_field(request, ":authority", strncmp(authority, "unix:", 5) == 0 ? "localhost" : authority);
    add_field(request, "te", "trailers");
    add_field(request, "content-type", "application/grpc");
    add_field(request, "user-agent", "weir-bench");
    if (options->timeout > 0) {
        wire_timeout_pack(options->timeout, timeout);
        add_field(request, "grpc-timeout", timeout);
    }
    for (size_t i = 0; i < options->headers.count; i++)
        if (!add_header(request, options->headers.items[i], error))
            return false;
    return true;
}

/* A timeout of about an hour: it never ends a call, and differs among a thousand calls. */
void
request_change(struct request_change *change, uint64_t number)
{
    int id = snprintf(change->id, sizeof(change->id), "%016llx", (unsigned long long)number);
    size_t timeout = wire_timeout_pack(
        3600 * WEIR_SECOND + (int64_t)(number % 1000003) * WEIR_MICROSECOND, change->timeout);

    change->fields[0] = (struct h2_field){.name = weir_str_of("grpc-timeout"),
        .value = {change->timeout, timeout},
        .indexing = H2_DO_NOT_INDEX};
    change->fields[1] = (struct h2_field){.name = weir_str_of("x-request-id"),
        .value = {change->id, (size_t)id},
        .indexing = H2_DO_NOT_INDEX};
}

/* ---- messages ---- */

/* *out_bytes must be freed. False: it cannot be read, errno says why. */
static bool
read_file(const char *path, uint8_t **out_bytes, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL, *larger;
    size_t len = 0, room = 0, got = 1;

    if (file == NULL)
        return false;
    while (got > 0 && len <= MAX_MESSAGE) {
        if (len == room) {
            room = room == 0 ? COPIES_SIZE : 2 * room;
            larger = realloc(bytes, room);
            if (larger == NULL)
                break;
            bytes = larger;
        }
        got = fread(bytes + len, 1, room - len, file);
        len += got;
    }
    if (got > 0 || ferror(file) != 0) {
        errno = len > MAX_MESSAGE ? EFBIG : errno;
        free(bytes);
        fclose(file);
        return false;
    }
    fclose(file);
    *out_bytes = bytes;
    *out_len = len;
    return true;
}

static bool
make_messages(struct request *request, const struct options *options, char error[FLAGS_ERROR])
{
    uint8_t *message = NULL;
    size_t len = 0, copies;

    if (options->message_file != NULL && !read_file(options->message_file, &message, &len))
        return refuse(error, options->message_file, strerror(errno));
    request->message_len = WIRE_PREFIX_SIZE + len;
    copies = COPIES_SIZE / request->message_len;
    copies = copies > options->messages ? options->messages : copies == 0 ? 1 : copies;
    request->len = copies * request->message_len;
    request->total = (uint64_t)options->messages * request->message_len;
    request->bytes = malloc(request->len);
    for (size_t i = 0; request->bytes != NULL && i < copies; i++) {
        uint8_t *copy = request->bytes + i * request->message_len;

        wire_prefix_pack(copy, false, (uint32_t)len);
        if (len > 0)
            memcpy(copy + WIRE_PREFIX_SIZE, message, len);
    }
    free(message);
    return request->bytes != NULL || refuse(error, "--message", "no memory");
}

bool
request_init(struct request *request, const struct options *options, char error[FLAGS_ERROR])
{
    *request = (struct request){.field_count = 0};
    arena_init(&request->arena, NULL, 0);
    if (make_fields(request, options, error) && make_messages(request, options, error))
        return true;
    request_fini(request);
    return false;
}

void
request_fini(struct request *request)
{
    arena_fini(&request->arena);
    free(request->bytes);
}
