/* SPDX-License-Identifier: Apache-2.0 */
/* The world, and those who live in it. */
#include "world.h"
#include "heap.h"

#include "base/bytes.h"
#include "http2/h2.h"
#include "wire/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CALLS = 24,         /* of an end at a time */
    PIPE = 1 << 17,     /* bytes */
    CHUNKS = 64,        /* of a pipe */
    PIECE = 1 << 14,    /* bytes that are sent at a time */
    PATIENCE = 4000000, /* steps in which all must come to its end */
    MOST_MESSAGES = 5
};

struct chunk {
    int64_t due;
    uint32_t len;
};

struct pipe {
    uint8_t bytes[PIPE];
    uint32_t len;
    struct chunk chunks[CHUNKS];
    uint32_t count;
    int64_t last_due;
};

/* One half of a call. Its messages are a function of its key, so that both ends know them. */
struct call {
    struct h2_stream *stream; /* NULL: free */
    uint32_t key, total;
    uint32_t sent, sent_of; /* messages, and bytes of the one under way, its prefix included */
    uint32_t got, got_of;
    uint8_t prefix[WIRE_PREFIX_SIZE];
    uint32_t unread; /* bytes that were not told to be consumed yet */
    bool headers_out, headers_in, end_out, end_in, reset, early, asked;
};

struct end {
    struct h2_conn *conn;
    struct call calls[CALLS];
    struct pipe *out, *in;
    uint8_t rest[PIPE + PIECE]; /* what h2 has not taken yet */
    uint32_t rest_len;
    int64_t thinks_at;
    bool is_server, draining, failed;
};

struct pair {
    struct end client, server;
    struct pipe up, down;
};

struct world {
    struct world_options options;
    struct chance *chance;
    struct sim_result *result;
    struct pair *pairs;
    struct h2_budget budget;
    int64_t now;
    uint32_t next_key;
    bool ending; /* nothing new begins */
};

static struct world *world; /* for the allocator */
static bool may_be_poor;    /* in h2 now */

/* ---- the allocator and the random numbers of what is tested ---- */

bool
heap_fails_now(void)
{
    return may_be_poor && world->options.poor && !world->ending && chance_one(world->chance, 400);
}

struct chance *
heap_chance(void)
{
    return world->chance;
}

/* ---- what is seen of it ---- */

static void
note(uint64_t what)
{
    world->result->trace = (world->result->trace ^ what) * UINT64_C(0x100000001b3);
}

static void
fault(const char *what)
{
    if (world->result->fault == NULL)
        world->result->fault = what;
}

/* ---- messages ---- */

static uint32_t
mix(uint32_t a, uint32_t b)
{
    uint32_t h = a * 0x9e3779b1u ^ (b + 0x85ebca6bu) * 0xc2b2ae35u;

    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    return h ^ h >> 12;
}

static uint32_t
length_of(uint32_t key, uint32_t message)
{
    uint32_t h = mix(key, message);

    if (h % 64 == 0 && world->options.long_messages)
        return h >> 8 & 0x3ffff; /* larger than a window begins */
    return h % 8 == 0 ? h >> 8 & 0x3fff : h >> 8 & 0xff;
}

/* Its first byte; each is the one before it and 31. */
static uint8_t
first_byte_of(uint32_t key, uint32_t message)
{
    return (uint8_t)mix(key, message);
}

/* Bytes of a message with its prefix, from a place on. */
static void
write_message(uint32_t key, uint32_t message, uint32_t from, uint8_t *to, uint32_t len)
{
    uint8_t prefix[WIRE_PREFIX_SIZE], first = first_byte_of(key, message);

    wire_prefix_pack(prefix, false, length_of(key, message));
    for (uint32_t i = 0; i < len; i++, from++)
        to[i] = from < WIRE_PREFIX_SIZE ? prefix[from]
                                        : (uint8_t)(first + 31 * (from - WIRE_PREFIX_SIZE));
}

static void
message_is_whole(struct call *call)
{
    call->got++;
    call->got_of = 0;
    world->result->messages++;
    if (call->got > call->total)
        fault("more messages than were sent");
}

static void
read_prefix(struct call *call)
{
    struct wire_prefix prefix;

    if (wire_prefix_unpack(call->prefix, &prefix) != WEIR_OK || prefix.compressed ||
        prefix.len != length_of(call->key, call->got))
        fault("another prefix than was sent");
    if (prefix.len == 0)
        message_is_whole(call);
}

/* As many bytes of the message under way as there are. */
static size_t
take_body(struct call *call, const uint8_t *data, size_t len)
{
    uint32_t at = call->got_of - WIRE_PREFIX_SIZE, left = length_of(call->key, call->got) - at;
    uint8_t expected = (uint8_t)(first_byte_of(call->key, call->got) + 31 * at), differs = 0;

    if (len > left)
        len = left;
    for (size_t i = 0; i < len; i++, expected = (uint8_t)(expected + 31))
        differs |= data[i] ^ expected;
    if (differs != 0)
        fault("another byte than was sent");
    call->got_of += (uint32_t)len;
    if (len == left)
        message_is_whole(call);
    return len;
}

static void
take_message_bytes(struct call *call, const uint8_t *data, size_t len)
{
    world->result->bytes += len;
    while (len > 0 && world->result->fault == NULL) {
        size_t took = 1;

        if (call->got_of < WIRE_PREFIX_SIZE) {
            call->prefix[call->got_of++] = *data;
            if (call->got_of == WIRE_PREFIX_SIZE)
                read_prefix(call);
        } else {
            took = take_body(call, data, len);
        }
        data += took;
        len -= took;
    }
}

/* ---- ends ---- */

static void
close_end(struct end *end)
{
    h2_conn_free(end->conn);
    end->conn = NULL;
    end->rest_len = 0;
    memset(end->calls, 0, sizeof(end->calls));
}

static void
open_end(struct end *end, bool is_server, struct pipe *in, struct pipe *out)
{
    struct h2_options options = {.role = is_server ? H2_SERVER : H2_CLIENT,
        .max_concurrent_streams = CALLS - 4,
        .stream_window = chance_one(world->chance, 4) ? 1000 : 0,
        .max_stream_window = chance_one(world->chance, 2) ? 1 << 20 : 0,
        .max_output = chance_one(world->chance, 4) ? 5000 : 0,
        .budget = &world->budget};

    end->is_server = is_server;
    end->in = in;
    end->out = out;
    end->draining = end->failed = false;
    end->thinks_at = world->now;
    end->conn = h2_conn_new(&options);
    if (end->conn == NULL)
        abort(); /* poverty begins later */
}

static void
empty(struct pipe *pipe)
{
    pipe->len = pipe->count = 0;
    pipe->last_due = world->now;
}

static void
open_pair(struct pair *pair)
{
    empty(&pair->up);
    empty(&pair->down);
    open_end(&pair->client, false, &pair->down, &pair->up);
    open_end(&pair->server, true, &pair->up, &pair->down);
}

static void
renew_pair(struct pair *pair)
{
    note(0xc07);
    close_end(&pair->client);
    close_end(&pair->server);
    open_pair(pair);
}

static void
release(struct end *end, struct call *call)
{
    h2_stream_release(end->conn, call->stream);
    *call = (struct call){0};
}

static struct call *
free_call(struct end *end)
{
    for (size_t i = 0; i < CALLS; i++) {
        if (end->calls[i].stream == NULL)
            return &end->calls[i];
    }
    return NULL;
}

/* ---- what an end does of its own accord ---- */

#define FIELD(n, v)                                               \
    {                                                             \
        .name = {n, sizeof(n) - 1}, .value = { v, sizeof(v) - 1 } \
    }

static const struct h2_field request[] = {FIELD(":method", "POST"), FIELD(":scheme", "http"),
    FIELD(":path", "/sim.Echo/Echo"), FIELD("content-type", "application/grpc"),
    FIELD("te", "trailers")};
static const struct h2_field response[] = {
    FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
static const struct h2_field done[] = {FIELD("grpc-status", "0")};
static const struct h2_field early[] = {FIELD("grpc-status", "1")};

static void
begin_call(struct end *end)
{
    struct call *call = free_call(end);
    char key[24];
    struct h2_field field = {.name = {"sim-key", 7}, .indexing = H2_DO_NOT_INDEX};
    struct h2_stream *stream = call == NULL ? NULL : h2_stream_open(end->conn);

    if (stream == NULL)
        return;
    *call = (struct call){.stream = stream, .key = world->next_key++};
    call->total = mix(call->key, 7) % (MOST_MESSAGES + 1);
    stream->user = call;
    snprintf(key, sizeof(key), "%08x", call->key);
    field.value = weir_str_of(key);
    if (h2_stream_send_headers(end->conn, stream, request, 5, &field, 1, false))
        call->headers_out = true;
    else
        release(end, call);
}

/* How many messages an end may send by now: a server echoes what has come. */
static uint32_t
sendable(const struct end *end, const struct call *call)
{
    return end->is_server ? call->got : call->total;
}

static void flush(struct end *end);

/* Lent bytes may be written in part; then they are their owner's again, who does as he likes. How
 * many are sent. */
static size_t
lend_piece(struct end *end, struct call *call, uint8_t *piece, size_t len)
{
    size_t left;

    if (!h2_stream_lend_data(end->conn, call->stream, piece, len, false))
        return 0;
    if (chance_one(world->chance, 2))
        flush(end);
    left = h2_conn_keep(end->conn);
    memset(piece, 0xee, len);
    return len - left;
}

static void
send_piece(struct end *end, struct call *call)
{
    static uint8_t piece[PIECE];
    uint32_t whole = WIRE_PREFIX_SIZE + length_of(call->key, call->sent);
    size_t room = h2_stream_room(end->conn, call->stream), len = whole - call->sent_of;
    bool lends = chance_one(world->chance, 3);

    if (room == 0) {
        h2_stream_want_room(end->conn, call->stream);
        call->asked = true;
        return;
    }
    if (lends)
        room = h2_stream_lendable(end->conn, call->stream);
    if (len > room)
        len = room;
    if (len > PIECE)
        len = PIECE;
    write_message(call->key, call->sent, call->sent_of, piece, (uint32_t)len);
    if (lends)
        len = lend_piece(end, call, piece, len);
    else if (!h2_stream_send_data(end->conn, call->stream, piece, len, false))
        return;
    call->sent_of += (uint32_t)len;
    if (call->sent_of == whole) {
        call->sent++;
        call->sent_of = 0;
    }
}

static void
finish_sending(struct end *end, struct call *call)
{
    const struct h2_field *status = call->early ? early : done;

    if (!end->is_server)
        call->end_out = h2_stream_send_data(end->conn, call->stream, NULL, 0, true);
    else if (call->early || call->end_in)
        call->end_out = h2_stream_send_headers(end->conn, call->stream, NULL, 0, status, 1, true);
}

static void
go_on_sending(struct end *end, struct call *call)
{
    if (end->is_server && !call->headers_out)
        call->headers_out =
            h2_stream_send_headers(end->conn, call->stream, response, 2, NULL, 0, false);
    if (!call->headers_out || call->end_out || call->reset)
        return;
    if (!call->early && call->sent < sendable(end, call))
        send_piece(end, call);
    else
        finish_sending(end, call);
}

static void
read_late(struct end *end, struct call *call)
{
    uint32_t len = call->unread;

    if (len == 0)
        return;
    if (!world->ending && len > 1)
        len = 1 + chance_below(world->chance, len);
    h2_stream_consumed(end->conn, call->stream, len);
    call->unread -= len;
}

/* The call as this end sees it is over. */
static void
settle(struct end *end, struct call *call)
{
    bool over = call->reset || (call->end_in && call->end_out) ||
                (end->is_server && call->end_out) || (!end->is_server && call->end_in);

    if (!over)
        return;
    if (!end->is_server && !call->reset && !call->early && !world->options.hostile &&
        (call->got != call->total || call->got_of != 0))
        fault("a call ended well without all of its messages");
    world->result->calls++;
    release(end, call);
}

static void
tend_call(struct end *end, struct call *call)
{
    bool calm = world->ending;

    if (!calm && chance_one(world->chance, 200)) {
        h2_stream_reset(end->conn, call->stream, H2_CANCEL);
        call->reset = true;
    }
    if (!calm && end->is_server && chance_one(world->chance, 200))
        call->early = true;
    if (calm || chance_below(world->chance, 2) == 0)
        read_late(end, call);
    go_on_sending(end, call);
    settle(end, call);
}

static void
think(struct end *end)
{
    h2_conn_set_time(end->conn, world->now);
    if (!world->ending && !end->is_server && chance_below(world->chance, 2) == 0)
        begin_call(end);
    for (size_t i = 0; i < CALLS; i++) {
        if (end->calls[i].stream != NULL && (world->ending || chance_below(world->chance, 2) == 0))
            tend_call(end, &end->calls[i]);
    }
    if (!world->ending && chance_one(world->chance, 500))
        h2_conn_ping(end->conn, 1);
    if (!world->ending && chance_one(world->chance, 500))
        h2_conn_trim(end->conn);
    if (!world->ending && end->is_server && !end->draining && chance_one(world->chance, 3000)) {
        h2_conn_drain(end->conn, "sim", 2);
        end->draining = true;
    }
    end->thinks_at = world->now + 1000 * (1 + (int64_t)chance_below(world->chance, 1000));
}

/* ---- what an end is told ---- */

static uint32_t
key_of(const struct h2_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        if (weir_str_equal(block->fields[i].name, weir_str_of("sim-key")))
            return (uint32_t)strtoul(block->fields[i].value.data, NULL, 16);
    }
    if (!world->options.hostile)
        fault("headers without their key");
    return 0;
}

static void
accept_call(struct end *end, const struct h2_event *event)
{
    struct call *call = free_call(end);

    if (call == NULL) {
        fault("more streams than are allowed");
        return;
    }
    *call = (struct call){.stream = event->stream, .key = key_of(event->block)};
    call->total = mix(call->key, 7) % (MOST_MESSAGES + 1);
    call->headers_in = true;
    call->end_in = event->end_stream;
    event->stream->user = call;
}

static void
take_stream_event(const struct h2_event *event)
{
    struct call *call = event->stream->user;

    if (call == NULL || call->stream != event->stream) {
        fault("an event for a stream that nobody has");
        return;
    }
    switch (event->type) {
    case H2_HEADERS:
        call->headers_in = true;
        call->end_in |= event->end_stream;
        break;
    case H2_DATA:
        call->unread += (uint32_t)event->len;
        if (world->options.hostile) /* whose bytes these are nobody knows */
            call->got = call->total;
        else
            take_message_bytes(call, event->data, event->len);
        call->end_in |= event->end_stream;
        break;
    case H2_TRAILERS:
        call->early |= h2_block_find(event->block, H2_TOKEN_GRPC_STATUS) == NULL ||
                       *h2_block_find(event->block, H2_TOKEN_GRPC_STATUS)->value.data != '0';
        call->end_in = true;
        break;
    case H2_RESET:
        call->reset = true;
        break;
    default:
        call->asked = false;
    }
}

static void
take_event(struct end *end, const struct h2_event *event)
{
    world->result->events++;
    note((uint64_t)event->type << 32 ^ event->len ^
         (event->stream == NULL ? 0 : (uint64_t)event->stream->id << 40));
    if (event->type == H2_FAILED) {
        end->failed = true;
        if (!world->options.hostile && (!world->options.poor || event->code != H2_INTERNAL_ERROR))
            fault((const char *)event->data);
    } else if (event->type == H2_HEADERS && event->stream != NULL && end->is_server) {
        accept_call(end, event);
    } else if (event->stream != NULL) {
        take_stream_event(event);
    } else if (event->type == H2_PING_ACK && event->opaque == 2) {
        h2_conn_drain_finish(end->conn);
    }
}

static void
check_count(const struct end *end)
{
    uint32_t held = 0;

    for (size_t i = 0; i < CALLS; i++)
        held += end->calls[i].stream != NULL;
    if (h2_conn_stream_count(end->conn) != held)
        fault("streams that nobody holds");
}

static void
pump(struct end *end)
{
    struct h2_input in = {end->rest, end->rest_len};
    struct h2_event event;

    h2_conn_set_time(end->conn, world->now);
    do {
        h2_conn_next(end->conn, &in, &event);
        if (event.type != H2_NEED_INPUT)
            take_event(end, &event);
    } while (event.type != H2_NEED_INPUT && world->result->fault == NULL);
    memmove(end->rest, in.at, in.left);
    end->rest_len = (uint32_t)in.left;
    check_count(end);
}

/* ---- the network ---- */

static void
put(struct pipe *pipe, const uint8_t *bytes, uint32_t len)
{
    int64_t due = world->now + 1000 * (int64_t)chance_below(world->chance, 2000);

    if (due < pipe->last_due)
        due = pipe->last_due; /* bytes of one connection stay in order */
    memcpy(pipe->bytes + pipe->len, bytes, len);
    pipe->len += len;
    pipe->chunks[pipe->count++] = (struct chunk){due, len};
    pipe->last_due = due;
}

/* A frame of any kind, with any content. */
static void
put_hostile_frame(struct pipe *pipe)
{
    uint8_t frame[9 + 64];
    uint32_t len = chance_below(world->chance, 65);

    if (pipe->count + 1 >= CHUNKS || pipe->len + sizeof(frame) > PIPE)
        return;
    store_be32(frame, len << 8 | chance_below(world->chance, 11));
    frame[4] = (uint8_t)chance_below(world->chance, 64);
    store_be32(frame + 5, chance_below(world->chance, 64));
    for (uint32_t i = 0; i < len; i++)
        frame[9 + i] = (uint8_t)chance_below(world->chance, 256);
    put(pipe, frame, 9 + len);
}

static void
flush(struct end *end)
{
    struct h2_span span;
    uint32_t len;

    while (end->out->count < CHUNKS && end->out->len < PIPE &&
           h2_conn_output(end->conn, &span, 1) > 0) {
        len = span.len < PIPE - end->out->len ? (uint32_t)span.len : PIPE - end->out->len;
        if (len > 1 && chance_one(world->chance, 3))
            len = 1 + chance_below(world->chance, len);
        put(end->out, span.data, len);
        h2_conn_wrote(end->conn, len);
        if (world->options.hostile && chance_one(world->chance, 100))
            put_hostile_frame(end->out);
    }
}

static void
take_first(struct pipe *pipe, uint8_t *to)
{
    uint32_t len = pipe->chunks[0].len;

    memcpy(to, pipe->bytes, len);
    memmove(pipe->bytes, pipe->bytes + len, pipe->len - len);
    pipe->len -= len;
    memmove(pipe->chunks, pipe->chunks + 1, --pipe->count * sizeof(pipe->chunks[0]));
}

static void
deliver(struct end *end)
{
    uint32_t len = end->in->chunks[0].len;

    take_first(end->in, end->rest + end->rest_len);
    end->rest_len += len;
    pump(end);
}

/* ---- time ---- */

/* What comes next of one end: its thoughts, or a chunk. */
static int64_t
next_of(const struct end *end)
{
    bool has_input = end->in->count > 0;

    if (has_input && end->in->chunks[0].due <= end->thinks_at)
        return end->in->chunks[0].due;
    return end->thinks_at;
}

static struct end *
next_end(struct pair **out_pair)
{
    struct end *first = NULL;

    for (uint32_t i = 0; i < world->options.pairs; i++) {
        struct pair *pair = &world->pairs[i];
        struct end *end =
            next_of(&pair->server) < next_of(&pair->client) ? &pair->server : &pair->client;

        if (first == NULL || next_of(end) < next_of(first)) {
            first = end;
            *out_pair = pair;
        }
    }
    return first;
}

static void
step(void)
{
    struct pair *pair = NULL;
    struct end *end = next_end(&pair);

    world->now = next_of(end);
    world->result->events++;
    note((uint64_t)world->now);
    may_be_poor = true;
    if (end->in->count > 0 && end->in->chunks[0].due <= end->thinks_at)
        deliver(end);
    else
        think(end);
    if (!end->failed)
        pump(end); /* writers whose turn has come, and want of memory */
    flush(end);
    may_be_poor = false;
    if (end->failed) {
        world->result->broken++;
        renew_pair(pair);
    } else if (h2_conn_done(end->conn) ||
               (world->options.cuts && !world->ending && chance_one(world->chance, 5000))) {
        renew_pair(pair);
    }
}

static bool
is_quiet(void)
{
    for (uint32_t i = 0; i < world->options.pairs; i++) {
        const struct pair *pair = &world->pairs[i];

        if (h2_conn_stream_count(pair->client.conn) + h2_conn_stream_count(pair->server.conn) > 0)
            return false;
    }
    return true;
}

void
world_run(const struct world_options *options, struct chance *chance, struct sim_result *result)
{
    struct world here = {.options = *options, .chance = chance, .result = result};

    *result = (struct sim_result){.trace = UINT64_C(0xcbf29ce484222325)};
    world = &here;
    here.budget.limit = 8 << 20;
    here.now = WEIR_SECOND;
    here.pairs = calloc(options->pairs, sizeof(*here.pairs));
    if (here.pairs == NULL)
        abort();
    for (uint32_t i = 0; i < options->pairs; i++)
        open_pair(&here.pairs[i]);
    while (result->fault == NULL && result->events < options->events &&
           (chance->bytes == NULL || chance->left > 0))
        step();
    here.ending = true;
    for (uint32_t steps = 0; result->fault == NULL && !options->hostile && !is_quiet(); steps++) {
        step();
        if (steps == PATIENCE)
            fault("calls that never end");
    }
    for (uint32_t i = 0; i < options->pairs; i++) {
        close_end(&here.pairs[i].client);
        close_end(&here.pairs[i].server);
    }
    if (result->fault == NULL && here.budget.used != 0)
        fault("bytes of the budget that nobody gave back");
    free(here.pairs);
    world = NULL;
}
