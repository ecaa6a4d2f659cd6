/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes an HTTP/2 connection: a peer that sends anything, and a user who does what a script says.
 *
 *   input:  role and options (1 byte) | bytes a read (1) | length of script (1) | script | input
 *
 * The user answers each event by the next byte of the script, which starts over at its end. Checked
 * are what the user is told (only about streams it holds, in an order that HTTP knows, nothing
 * after the end) and what the connection sends (whole frames, whatever was lent and wherever the
 * writing stopped; GOAWAYs whose last stream does not rise). */
#include "base/bytes.h"
#include "fuzz.h"
#include "http2/h2.h"

#include <stdlib.h>

#define STREAMS 64

enum { SKIP_HANDSHAKE = 0x2, SMALL_WINDOWS = 0x4, SMALL_OUTPUT = 0x8, FEW_STREAMS = 0x10 };

struct stream {
    struct h2_stream *held; /* NULL: free */
    bool headers, ended, reset, asked;
};

struct user {
    struct h2_conn *conn;
    bool is_server, failed;
    const uint8_t *script;
    size_t script_len, script_at;
    struct stream streams[STREAMS];
    uint32_t held;
    uint32_t goaway_last;
    int64_t now;
    struct h2_stats stats;
    struct h2_budget budget;
    struct buf_pool outputs;
    struct buf sent; /* a frame's part */
};

static uint8_t
next_of_script(struct user *user)
{
    if (user->script_len == 0)
        return 0;
    return user->script[user->script_at++ % user->script_len];
}

/* ---- what the connection sends ---- */

static void
check_frame(struct user *user, const uint8_t *frame, uint32_t len)
{
    uint32_t last;

    switch (frame[3]) {
    case 0: /* DATA, HEADERS: on a client's streams alone */
    case 1:
        FUZZ_CHECK((load_be32(frame + 5) & 1) == 1);
        break;
    case 7:
        last = load_be32(frame + 9);
        FUZZ_CHECK(len >= 8 && last <= user->goaway_last);
        user->goaway_last = last;
        break;
    case 8:
        FUZZ_CHECK(len == 4 && load_be32(frame + 9) > 0);
        break;
    default:
        FUZZ_CHECK(frame[3] != 5 && frame[3] < 10);
    }
}

/* Any part of the output. */
static void
take_sent(struct user *user, const uint8_t *bytes, size_t len)
{
    FUZZ_CHECK(buf_append(&user->sent, bytes, len));
    while (buf_len(&user->sent) >= 9) {
        const uint8_t *frame = buf_head(&user->sent);
        uint32_t frame_len = load_be24(frame);

        if (buf_len(&user->sent) - 9 < frame_len)
            return;
        check_frame(user, frame, frame_len);
        buf_take(&user->sent, 9 + (size_t)frame_len);
    }
}

static void
write_some(struct user *user, size_t most)
{
    struct h2_span spans[9];
    size_t count = h2_conn_output(user->conn, spans, 9), written = 0;

    for (size_t i = 0; i < count && written < most; i++) {
        size_t left = most - written, len = spans[i].len < left ? spans[i].len : left;

        take_sent(user, spans[i].data, len);
        written += len;
    }
    h2_conn_wrote(user->conn, written);
}

static void
write_output(struct user *user)
{
    write_some(user, SIZE_MAX);
    FUZZ_CHECK(buf_len(&user->sent) == 0);
}

static void
write_preface(struct user *user)
{
    struct h2_span span;

    FUZZ_CHECK(h2_conn_output(user->conn, &span, 1) == 1 && span.len > 24);
    h2_conn_wrote(user->conn, 24);
}

/* ---- what the user does ---- */

#define FIELD(n, v)                                               \
    {                                                             \
        .name = {n, sizeof(n) - 1}, .value = { v, sizeof(v) - 1 } \
    }

static const struct h2_field request[] = {FIELD(":method", "POST"), FIELD(":scheme", "http"),
    FIELD(":path", "/a/b"), FIELD("te", "trailers")};
static const struct h2_field response[] = {
    FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
static const struct h2_field trailers[] = {FIELD("grpc-status", "0")};

static void
keep(struct user *user, struct h2_stream *stream)
{
    for (size_t i = 0; i < STREAMS; i++) {
        FUZZ_CHECK(user->streams[i].held != stream);
        if (user->streams[i].held == NULL) {
            user->streams[i] = (struct stream){.held = stream};
            stream->user = &user->streams[i];
            user->held++;
            return;
        }
    }
    h2_stream_release(user->conn, stream);
}

static void
release(struct user *user, struct stream *stream, bool may_finish)
{
    if (!may_finish || !user->is_server || !h2_stream_finish(user->conn, stream->held, trailers, 1))
        h2_stream_release(user->conn, stream->held);
    stream->held = NULL;
    user->held--;
}

static const uint8_t zeros[1 << 16];

static void
send_headers(struct user *user, struct h2_stream *stream, uint8_t how)
{
    uint8_t *place = NULL;

    if (user->is_server && (how & 0x2) != 0)
        place = h2_stream_send_opening(user->conn, stream, response, 2, how);
    if (place != NULL) {
        memset(place, 0, how);
        return;
    }
    h2_stream_send_headers(user->conn, stream, user->is_server ? response : request,
        user->is_server ? 2 : 4, NULL, 0, how & 1);
}

static void
lend(struct user *user, struct h2_stream *stream, bool end)
{
    size_t len = h2_stream_lendable(user->conn, stream);

    if (len > sizeof(zeros))
        len = sizeof(zeros);
    if (!h2_stream_lend_data(user->conn, stream, zeros, len, end))
        return;
    write_some(user, (size_t)next_of_script(user) * 300);
    FUZZ_CHECK(h2_conn_keep(user->conn) < len);
}

static void
send_some(struct user *user, struct h2_stream *stream, uint8_t how)
{
    size_t room = h2_stream_room(user->conn, stream), len = how & 0x8 ? sizeof(zeros) : how;

    if (len > room)
        len = room;
    if (len <= h2_conn_max_frame(user->conn) && (how & 0x4) != 0) {
        uint8_t *place = h2_stream_send_data_in_place(user->conn, stream, len, how & 1);

        if (place != NULL && len > 0)
            memset(place, 'p', len);
        return;
    }
    if ((how & 0x10) != 0) {
        lend(user, stream, how & 1);
        return;
    }
    h2_stream_send_data(user->conn, stream, zeros, len, how & 1);
}

/* Who asks while there is room is told at once, and so again and again. */
static void
ask(struct user *user, struct stream *stream)
{
    if (h2_stream_room(user->conn, stream->held) > 0)
        return;
    stream->asked = true;
    h2_stream_want_room(user->conn, stream->held);
}

static void
act(struct user *user, struct stream *stream, uint8_t what)
{
    uint8_t how = what >> 3;

    switch (what & 7) {
    case 0:
        send_headers(user, stream->held, how);
        break;
    case 1:
        send_some(user, stream->held, how);
        break;
    case 2:
        h2_stream_send_headers(
            user->conn, stream->held, trailers, how & 1, trailers, 1 - (how & 1), true);
        break;
    case 3:
        ask(user, stream);
        break;
    case 4:
        h2_stream_consumed(user->conn, stream->held, (size_t)how * 1000);
        break;
    case 5:
        if (!h2_stream_expect(user->conn, stream->held, (size_t)how * 10000))
            h2_stream_reset(user->conn, stream->held, H2_CANCEL);
        break;
    case 6:
        stream->reset = true;
        h2_stream_reset(user->conn, stream->held, (enum h2_code)how);
        break;
    default:
        release(user, stream, how & 1);
    }
}

/* Something about the connection as a whole, or a new stream of a client. */
static void
act_on_connection(struct user *user, uint8_t what)
{
    struct h2_stream *stream;

    user->now += WEIR_SECOND / 16 * (what & 15);
    h2_conn_set_time(user->conn, user->now);
    switch (what >> 4) {
    case 0:
        h2_conn_ping(user->conn, what);
        break;
    case 1:
        h2_conn_drain(user->conn, "drain", what);
        break;
    case 2:
        h2_conn_drain_finish(user->conn);
        break;
    case 3:
        h2_conn_trim(user->conn);
        break;
    default:
        stream = user->is_server ? NULL : h2_stream_open(user->conn);
        if (stream != NULL)
            keep(user, stream);
    }
}

static void
act_on_any(struct user *user)
{
    struct stream *stream = &user->streams[next_of_script(user) % STREAMS];

    if (stream->held != NULL)
        act(user, stream, next_of_script(user));
    else
        act_on_connection(user, next_of_script(user));
}

/* ---- what the user is told ---- */

static void
check_stream_event(struct user *user, const struct h2_event *event)
{
    struct stream *stream = event->stream->user;

    if (event->type == H2_HEADERS && user->is_server) {
        FUZZ_CHECK(stream == NULL);
        FUZZ_CHECK((event->stream->id & 1) == 1);
        keep(user, event->stream);
        stream = event->stream->user;
        if (stream == NULL)
            return;
    }
    FUZZ_CHECK(stream->held == event->stream && !stream->reset);
    if (event->type == H2_RESET) {
        stream->reset = true;
        FUZZ_CHECK(h2_stream_room(user->conn, event->stream) == 0);
    } else if (event->type == H2_WRITABLE) {
        FUZZ_CHECK(stream->asked && h2_stream_room(user->conn, event->stream) > 0);
        stream->asked = false;
    } else {
        FUZZ_CHECK(!stream->ended && stream->headers == (event->type != H2_HEADERS));
        FUZZ_CHECK(event->type == H2_DATA || event->block->refs > 0);
        FUZZ_CHECK(event->type != H2_TRAILERS || event->end_stream);
        stream->headers = true;
        stream->ended = event->end_stream;
    }
    act(user, stream, next_of_script(user));
}

static void
read_all(const struct h2_event *event)
{
    volatile uint8_t sum = 0;

    for (size_t i = 0; i < event->len; i++)
        sum = (uint8_t)(sum + event->data[i]);
}

static void
take_event(struct user *user, const struct h2_event *event)
{
    FUZZ_CHECK(!user->failed || event->type == H2_NEED_INPUT);
    read_all(event);
    if (event->type == H2_FAILED)
        user->failed = true;
    else if (event->stream != NULL)
        check_stream_event(user, event);
    else if (event->type != H2_NEED_INPUT)
        act_on_any(user);
    FUZZ_CHECK(h2_conn_stream_count(user->conn) == user->held);
}

/* ---- the run ---- */

/* Some requests are taken as a whole, where they are there as a whole. */
static void
take_content(struct user *user, struct h2_event *event, struct h2_input *in)
{
    if (event->type == H2_HEADERS && user->is_server && !event->end_stream &&
        event->stream->id % 4 == 1 &&
        h2_stream_take_content(user->conn, event->stream, in, &event->data, &event->len))
        event->end_stream = true;
}

/* What is said to come next lies in the input, in its order, and looking changes nothing. */
static void
look_ahead(struct user *user, const struct h2_event *event, const struct h2_input *in)
{
    struct h2_span contents[8];
    const uint8_t *at = in->at, *after = in->at;
    size_t count;

    if (event->type != H2_HEADERS || !user->is_server)
        return;
    count = h2_conn_ahead(user->conn, event->block, &at, in->left, contents, 8);
    FUZZ_CHECK(count <= 8 && at >= in->at && (size_t)(at - in->at) <= in->left);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(contents[i].data >= after + 18 && contents[i].data <= at);
        FUZZ_CHECK(contents[i].len <= (size_t)(at - contents[i].data));
        after = contents[i].data + contents[i].len;
    }
    FUZZ_CHECK(at == after);
}

static void
pull(struct user *user, struct h2_input *in)
{
    struct h2_event event;
    size_t before = in->left;

    do {
        h2_conn_next(user->conn, in, &event);
        take_content(user, &event, in);
        look_ahead(user, &event, in);
        FUZZ_CHECK(in->left <= before);
        take_event(user, &event);
    } while (event.type != H2_NEED_INPUT);
    if ((next_of_script(user) & 3) != 0)
        write_output(user);
}

/* As a transport does: what is left over comes again, in front of the next bytes. */
static void
feed(struct user *user, const uint8_t *data, size_t size, size_t piece)
{
    uint8_t *bytes;
    size_t kept = 0;

    while (size > 0) {
        size_t more = size < piece ? size : piece;
        struct h2_input in;

        bytes = malloc(kept + more);
        FUZZ_CHECK(bytes != NULL);
        memcpy(bytes, data - kept, kept + more);
        in = (struct h2_input){bytes, kept + more};
        pull(user, &in);
        free(bytes);
        data += more;
        size -= more;
        kept = in.left;
        act_on_any(user);
    }
}

static void
shake_hands(struct user *user)
{
    static const uint8_t bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                   "\0\0\0\4\0\0\0\0\0"
                                   "\0\0\0\4\1\0\0\0\0";
    size_t skip = user->is_server ? 0 : 24;
    struct h2_input in = {bytes + skip, sizeof(bytes) - 1 - skip};
    struct h2_event event;

    h2_conn_next(user->conn, &in, &event);
    FUZZ_CHECK(event.type == H2_READY);
    h2_conn_next(user->conn, &in, &event);
    FUZZ_CHECK(event.type == H2_NEED_INPUT && in.left == 0);
}

static void
start(struct user *user, uint8_t flags)
{
    struct h2_options options = {.role = (flags & 1) != 0 ? H2_CLIENT : H2_SERVER};

    options.stats = &user->stats;
    user->budget.limit = 300000;
    options.budget = &user->budget;
    options.outputs = &user->outputs;
    options.max_stream_window = 1000000;
    if ((flags & SMALL_WINDOWS) != 0) {
        options.stream_window = 100;
        options.max_stream_window = 5000;
        options.ping_interval = options.ping_interval_idle = WEIR_SECOND;
    }
    if ((flags & SMALL_OUTPUT) != 0)
        options.max_output = 500;
    if ((flags & FEW_STREAMS) != 0)
        options.max_concurrent_streams = 2;
    user->is_server = options.role == H2_SERVER;
    user->goaway_last = UINT32_MAX;
    user->conn = h2_conn_new(&options);
    FUZZ_CHECK(user->conn != NULL);
    if (!user->is_server)
        write_preface(user);
    write_output(user);
    if ((flags & SKIP_HANDSHAKE) == 0)
        shake_hands(user);
    for (int i = 0; !user->is_server && i < 8; i++) {
        struct h2_stream *stream = h2_stream_open(user->conn);

        FUZZ_CHECK(stream != NULL);
        keep(user, stream);
        if (i < 6)
            h2_stream_send_headers(user->conn, stream, request, 4, NULL, 0, i % 2 == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct user user = {0};

    if (size < 3 || size - 3 < data[2])
        return 0;
    user.script = data + 3;
    user.script_len = data[2];
    start(&user, data[0]);
    feed(&user, data + 3 + data[2], size - 3 - data[2], (size_t)data[1] + 1);
    /* Half of the time the streams die with the connection. */
    for (size_t i = 0; i < STREAMS && size % 2 == 0; i++)
        if (user.streams[i].held != NULL)
            release(&user, &user.streams[i], false);
    FUZZ_CHECK(h2_conn_stream_count(user.conn) == user.held);
    FUZZ_CHECK(user.budget.used <= user.budget.limit);
    h2_conn_free(user.conn);
    buf_pool_fini(&user.outputs);
    buf_fini(&user.sent);
    FUZZ_CHECK(user.budget.used == 0);
    return 0;
}
