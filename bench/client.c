/* SPDX-License-Identifier: Apache-2.0 */
/* A client for what h2load cannot do: hold thousands of idle connections and then call on each, and
 * send requests that contain a counter, or a random number from 1 to a maximum. Every response must
 * have :status 200 and grpc-status 0. Response headers are decoded by nghttp2, so that Weir's own
 * decoder does not judge itself.
 *
 * Prints "open N" when every connection has received the server's SETTINGS; with --hold it then
 * waits for a line on standard input. At the end it prints "answered N failed M cpu S seconds S";
 * with --stay it waits for a line before it closes. With --park, the calls (--streams on each
 * connection) consist of headers only, for a client-streaming method: "parked N" means that the
 * server has read them all and answered none. With --bare there is no polling: the only connection
 * is written to and read with blocking calls, the least that a client can do. Exit code 0: no call
 * failed. */
/* Threads: one. */
#define _GNU_SOURCE
#include "link.h"
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 256,
    MAX_BODY = 4096, /* below any default window */
    MAX_PATH = 200,
    DIGITS = 8,
    VARINT_SIZE = 5,                         /* padded with zeros */
    DEFAULT_WINDOW = 65535,                  /* RFC 9113, 6.9.2 */
    PROGRESS_TIMEOUT = LINK_PATIENCE * 1000, /* ms without any event: give up */
};

struct options {
    const char *address, *path, *body_file;
    long connections, streams, calls; /* calls: per connection */
    long number_at;                   /* offset in the body of an eight-digit counter; -1: none */
    long first_number;
    long varint_at; /* offset in the body of a five-byte number that is random in each call; -1:
                       none */
    long varint_max;
    bool hold;
    bool stay; /* after the calls */
    bool park;
    bool bare;
};

struct connection {
    struct link link;
    nghttp2_hd_inflater *inflater; /* from the first response on */
    uint32_t next_stream;
    long in_flight, calls_left;
    int64_t window; /* the server's window for the connection */
    bool open;      /* its SETTINGS have arrived */
};

struct client {
    struct options options;
    int epoll;
    uint8_t request[LINK_FRAME_HEADER * 2 + 2 * MAX_PATH + MAX_BODY];
    size_t request_len, headers_at, data_at, body_at, body_len;
    long number;
    struct connection *connections;
    long open, answered, failed, lost, read; /* read: connections whose PING was acknowledged */
    uint8_t scratch[LINK_SCRATCH];
};

static struct client client;

static void
complain(const char *format, const char *detail)
{
    if (client.failed++ == 0)
        fprintf(stderr, format, detail);
}

/* ---- the request, built once ---- */

static void
put_bytes(const void *bytes, size_t len)
{
    memcpy(client.request + client.request_len, bytes, len);
    client.request_len += len;
}

/* Literal field without indexing, static-table name (RFC 7541, 6.2.2); name below 15, value below
 * 127. */
static void
put_field(uint8_t name, const char *value)
{
    uint8_t head[2] = {name, (uint8_t)strlen(value)};

    put_bytes(head, sizeof head);
    put_bytes(value, head[1]);
}

static void
put_frame_header(size_t len, uint8_t type, uint8_t flags)
{
    uint8_t header[LINK_FRAME_HEADER] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags};

    put_bytes(header, sizeof header);
}

static void
patch_length(size_t frame_at)
{
    size_t len = client.request_len - frame_at - LINK_FRAME_HEADER;

    client.request[frame_at + 1] = (uint8_t)(len >> 8);
    client.request[frame_at + 2] = (uint8_t)len;
}

static bool
build_request(const struct options *options)
{
    uint8_t body[MAX_BODY];
    FILE *file = fopen(options->body_file, "rb");

    if (file == NULL)
        return false;
    client.body_len = fread(body, 1, sizeof body, file);
    (void)fclose(file);
    if (options->number_at + DIGITS > (long)client.body_len ||
        options->varint_at + VARINT_SIZE > (long)client.body_len) {
        errno = ERANGE;
        return false;
    }
    client.headers_at = client.request_len;
    put_frame_header(0, FRAME_HEADERS, FLAG_END_HEADERS);
    put_bytes("\x83\x86", 2); /* :method POST, :scheme http */
    put_field(0x04, options->path);
    put_field(0x01, options->address);
    put_bytes("\x0f\x10\x10"
              "application/grpc",
        19);
    put_bytes("\0\2te\x08trailers", 13);
    patch_length(client.headers_at);
    client.data_at = client.request_len;
    put_frame_header(client.body_len, FRAME_DATA, FLAG_END_STREAM);
    client.body_at = client.request_len;
    put_bytes(body, client.body_len);
    return true;
}

static void
patch_number(const struct options *options)
{
    uint8_t *digits = client.request + client.body_at + options->number_at;
    long left = client.number;

    if (options->number_at < 0)
        return;
    for (int i = DIGITS - 1; i >= 0; i--, left /= 10)
        digits[i] = (uint8_t)('0' + left % 10);
    client.number++;
}

/* The same numbers in every run. */
static void
patch_varint(const struct options *options)
{
    static uint64_t state = 1;
    uint8_t *bytes = client.request + client.body_at + options->varint_at;
    uint64_t left;

    if (options->varint_at < 0)
        return;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    left = 1 + (state >> 33) % (uint64_t)options->varint_max;
    for (int i = 0; i < VARINT_SIZE; i++, left >>= 7)
        bytes[i] = (uint8_t)((left & 0x7F) | (i < VARINT_SIZE - 1 ? 0x80 : 0));
}

/* ---- calls ---- */

static void
put_stream_id(uint32_t number)
{
    uint8_t id[4] = {
        (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};

    memcpy(client.request + client.headers_at + 5, id, 4);
    memcpy(client.request + client.data_at + 5, id, 4);
}

static bool
start_call(struct connection *connection)
{
    put_stream_id(connection->next_stream);
    patch_number(&client.options);
    patch_varint(&client.options);
    connection->next_stream += 2;
    connection->in_flight++;
    connection->calls_left--;
    connection->window -= (int64_t)client.body_len;
    return link_put(&connection->link, client.request, client.request_len);
}

static bool
start_calls(struct connection *connection)
{
    while (connection->calls_left > 0 && connection->in_flight < client.options.streams &&
           connection->window >= (int64_t)client.body_len)
        if (!start_call(connection))
            return false;
    return link_flush(&connection->link);
}

static void
check_field(const nghttp2_nv *field)
{
    const char *name = (const char *)field->name, *value = (const char *)field->value;

    if (strcmp(name, ":status") == 0 && strcmp(value, "200") != 0)
        complain("bench-client: :status %s\n", value);
    if (strcmp(name, "grpc-status") == 0 && strcmp(value, "0") != 0)
        complain("bench-client: grpc-status %s\n", value);
    if (strcmp(name, "grpc-message") == 0)
        fprintf(stderr, "bench-client: grpc-message %s\n", value);
}

/* The header block inside a HEADERS frame's payload (RFC 9113, 6.2). */
static bool
strip_padding(const struct link_frame *frame, const uint8_t **out_block, size_t *out_len)
{
    size_t before = (frame->flags & FLAG_PADDED) != 0 ? 1 : 0;
    size_t after = before != 0 && frame->len > 0 ? frame->payload[0] : 0;

    if ((frame->flags & FLAG_PRIORITY) != 0)
        before += 5;
    if (before + after > frame->len)
        return false;
    *out_block = frame->payload + before;
    *out_len = frame->len - before - after;
    return true;
}

static bool
inflate_block(struct connection *connection, const uint8_t *block, size_t len)
{
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(connection->inflater, &field, &flags, block, len, 1);

        if (used < 0)
            return false;
        block += used;
        len -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
            check_field(&field);
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0)
            return nghttp2_hd_inflate_end_headers(connection->inflater) == 0;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && len == 0)
            return false;
    }
}

static bool
on_headers(struct connection *connection, const struct link_frame *frame)
{
    const uint8_t *block;
    size_t len;

    if (connection->inflater == NULL && nghttp2_hd_inflate_new(&connection->inflater) != 0)
        return false;
    if ((frame->flags & FLAG_END_HEADERS) == 0 || !strip_padding(frame, &block, &len))
        return false;
    if (!inflate_block(connection, block, len))
        return false;
    if ((frame->flags & FLAG_END_STREAM) != 0) {
        client.answered++;
        connection->in_flight--;
    }
    return true;
}

static void
on_window_update(struct connection *connection, const struct link_frame *frame)
{
    const uint8_t *at = frame->payload;
    bool on_connection = memcmp(frame->stream_id, "\0\0\0", 4) == 0;

    if (frame->len == 4 && on_connection)
        connection->window += (int64_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

static bool
on_frame(struct link *link, const struct link_frame *frame)
{
    struct connection *connection = (struct connection *)link;

    switch (frame->type) {
    case FRAME_HEADERS:
        return on_headers(connection, frame);
    case FRAME_WINDOW_UPDATE:
        on_window_update(connection, frame);
        return true;
    case FRAME_SETTINGS:
        if (!connection->open && (frame->flags & FLAG_ACK) == 0) {
            connection->open = true;
            client.open++;
        }
        return true;
    case FRAME_RST_STREAM:
    case FRAME_GOAWAY:
    case FRAME_CONTINUATION:
        complain(
            "bench-client: %s\n", frame->type == FRAME_GOAWAY ? "GOAWAY" : "a stream was reset");
        return false;
    case FRAME_PING:
        client.read += (frame->flags & FLAG_ACK) != 0;
        return true;
    default:
        return true;
    }
}

static void
drop(struct connection *connection)
{
    if (client.lost++ == 0)
        fprintf(stderr, "bench-client: a connection was lost\n");
    client.failed += connection->in_flight + connection->calls_left;
    connection->in_flight = connection->calls_left = 0;
    link_close(&connection->link);
    connection->link.fd = -1;
}

/* ---- phases ---- */

static bool
connect_all(void)
{
    const struct options *options = &client.options;

    for (long i = 0; i < options->connections; i++) {
        struct connection *connection = &client.connections[i];
        int fd = link_connect(options->address);

        if (fd < 0 || !link_open(&connection->link, client.epoll, fd, true) ||
            !link_flush(&connection->link) || (options->bare && !link_wait(&connection->link))) {
            fprintf(stderr, "bench-client: connection %ld: %s\n", i, strerror(errno));
            return false;
        }
        connection->next_stream = 1;
        connection->window = DEFAULT_WINDOW;
    }
    return true;
}

static void
on_ready(struct connection *connection, bool calling)
{
    if (!link_read(&connection->link, client.scratch, on_frame) ||
        !(calling ? start_calls(connection) : link_flush(&connection->link)))
        drop(connection);
}

/* Block in the read itself. False: the connection is lost. */
static bool
turn_bare(bool calling)
{
    on_ready(&client.connections[0], calling);
    return client.connections[0].link.fd >= 0;
}

/* Process events. False: none for a long time. */
static bool
turn(bool calling)
{
    struct epoll_event events[MAX_EVENTS];
    int count;

    if (client.options.bare)
        return turn_bare(calling);
    count = epoll_wait(client.epoll, events, MAX_EVENTS, PROGRESS_TIMEOUT);
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;

        if (connection->link.fd >= 0)
            on_ready(connection, calling);
    }
    return count > 0 || (count < 0 && errno == EINTR);
}

static bool
open_all(void)
{
    if (!connect_all())
        return false;
    while (client.open < client.options.connections)
        if (!turn(false) || client.lost > 0)
            return false;
    printf("open %ld\n", client.open);
    (void)fflush(stdout);
    return true;
}

static void
call_all(void)
{
    const struct options *options = &client.options;
    long wanted = options->connections * options->calls;

    for (long i = 0; i < options->connections; i++) {
        struct connection *connection = &client.connections[i];

        connection->calls_left = options->calls;
        if (connection->link.fd < 0 || !start_calls(connection))
            drop(connection);
    }
    while (client.answered + client.failed < wanted && turn(true))
        continue;
    client.failed += client.answered < wanted && client.failed == 0 ? 1 : 0;
}

static bool
park_calls(struct connection *connection)
{
    static const uint8_t ping[LINK_FRAME_HEADER + 8] = {0, 0, 8, FRAME_PING};

    for (long i = 0; i < client.options.streams; i++) {
        put_stream_id(connection->next_stream);
        connection->next_stream += 2;
        connection->in_flight++;
        if (!link_put(&connection->link, client.request, client.data_at))
            return false;
    }
    return link_put(&connection->link, ping, sizeof ping) && link_flush(&connection->link);
}

/* The acknowledgement of a PING shows that everything sent before it has been read. */
static bool
park_all(void)
{
    const struct options *options = &client.options;

    for (long i = 0; i < options->connections; i++)
        if (!park_calls(&client.connections[i]))
            return false;
    while (client.read < options->connections)
        if (!turn(false) || client.lost > 0)
            return false;
    if (client.answered > 0)
        return false;
    printf("parked %ld\n", options->connections * options->streams);
    return fflush(stdout) == 0;
}

static double
seconds(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
wait_for_line(void)
{
    char line[16];

    return fgets(line, sizeof line, stdin) != NULL;
}

static int
run(void)
{
    const struct options *options = &client.options;
    double start, cpu;

    if (!open_all() || (options->hold && !wait_for_line()))
        return 1;
    start = seconds(CLOCK_MONOTONIC);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (!options->park)
        call_all();
    else if (!park_all())
        return 1;
    printf("answered %ld failed %ld cpu %.6f seconds %.6f\n", client.answered, client.failed,
        seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, seconds(CLOCK_MONOTONIC) - start);
    (void)fflush(stdout);
    return client.failed == 0 && (!options->stay || wait_for_line()) ? 0 : 1;
}

static bool
parse_number(const char *text, long *out_number)
{
    char *end;

    errno = 0;
    *out_number = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *out_number >= 0;
}

/* Exactly one of the pointers is set. */
struct flag {
    const char *name;
    const char **text;
    long *number;
    bool *on;
};

static bool
parse_flag(const struct flag *flag, char **argv, int *at)
{
    if (flag->on != NULL) {
        *flag->on = true;
        return true;
    }
    if (argv[++*at] == NULL)
        return false;
    if (flag->number != NULL)
        return parse_number(argv[*at], flag->number);
    *flag->text = argv[*at];
    return true;
}

static bool
parse_options(char **argv, struct options *options)
{
    const struct flag flags[] = {{.name = "--connect", .text = &options->address},
        {.name = "--path", .text = &options->path}, {.name = "--body", .text = &options->body_file},
        {.name = "--connections", .number = &options->connections},
        {.name = "--streams", .number = &options->streams},
        {.name = "--calls", .number = &options->calls},
        {.name = "--number-at", .number = &options->number_at},
        {.name = "--first-number", .number = &options->first_number},
        {.name = "--varint-at", .number = &options->varint_at},
        {.name = "--varint-max", .number = &options->varint_max},
        {.name = "--hold", .on = &options->hold}, {.name = "--stay", .on = &options->stay},
        {.name = "--park", .on = &options->park}, {.name = "--bare", .on = &options->bare},
        {.name = NULL}};

    for (int at = 1; argv[at] != NULL; at++) {
        const struct flag *flag = flags;

        while (flag->name != NULL && strcmp(flag->name, argv[at]) != 0)
            flag++;
        if (flag->name == NULL || !parse_flag(flag, argv, &at))
            return false;
    }
    return options->address != NULL && options->path != NULL && options->body_file != NULL &&
           strlen(options->address) < 127 && strlen(options->path) < 127 &&
           options->varint_max > 0 && (!options->bare || options->connections == 1);
}

int
main(int argc, char **argv)
{
    client.options = (struct options){.connections = 1,
        .streams = 1,
        .calls = 1,
        .number_at = -1,
        .varint_at = -1,
        .varint_max = 1};
    if (argc < 1 || !parse_options(argv, &client.options)) {
        fprintf(stderr,
            "usage: bench-client --connect HOST:PORT --path /SERVICE/METHOD --body FILE\n"
            "       [--connections N] [--streams N] [--calls N] [--hold] [--stay] [--park] "
            "[--bare]\n"
            "       [--number-at OFFSET] [--first-number N] [--varint-at OFFSET] [--varint-max "
            "N]\n");
        return 2;
    }
    client.number = client.options.first_number;
    client.epoll = epoll_create1(EPOLL_CLOEXEC);
    client.connections = calloc((size_t)client.options.connections, sizeof *client.connections);
    if (client.epoll < 0 || client.connections == NULL || !build_request(&client.options)) {
        fprintf(stderr, "bench-client: %s: %s\n", client.options.body_file, strerror(errno));
        return 1;
    }
    return run();
}
