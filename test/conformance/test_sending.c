/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113: the rules that the connection itself must keep to when it sends. */
#include "peer.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_CONCURRENT_STREAMS = 3, INITIAL_WINDOW_SIZE = 4, MAX_FRAME_SIZE = 5 };

static struct peer peer;

static void
open_bare(enum h2_role role)
{
    const struct h2_options options = {.role = role};

    assert_true(peer_open(&peer, &options));
    peer_pump(&peer);
}

static void
open_connection(enum h2_role role)
{
    open_bare(role);
    peer_handshake(&peer);
}

static int
tear_down(void **state)
{
    (void)state;
    assert_false(peer.overflow);
    peer_close(&peer);
    return 0;
}

static void
send_setting(uint16_t key, uint32_t value)
{
    uint8_t payload[6];

    store_be16(payload, key);
    store_be32(payload + 2, value);
    peer_send_frame(&peer, TYPE_SETTINGS, 0, 0, payload, sizeof payload, 0);
}

static void
send_window_update(uint32_t id, uint32_t increment)
{
    uint8_t payload[4];

    store_be32(payload, increment);
    peer_send_frame(&peer, TYPE_WINDOW_UPDATE, 0, id, payload, sizeof payload, 0);
}

/* A request whose answer's headers have been sent. */
static struct h2_stream *
answered_request(uint32_t id)
{
    struct h2_stream *stream;

    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS | END_STREAM, id, "\x83\x86\x84", 3, 0);
    stream = peer_stream(&peer, id);
    assert_non_null(stream);
    peer_answer(&peer, stream, false);
    return stream;
}

static size_t
count_frames(uint8_t type, uint8_t flags, uint32_t id)
{
    size_t count = 0;

    for (size_t i = 0; i < peer.frame_count; i++)
        if (peer.frames[i].type == type && peer.frames[i].flags == flags && peer.frames[i].id == id)
            count++;
    return count;
}

static void
assert_no_reset(void)
{
    for (size_t i = 0; i < peer.frame_count; i++)
        assert_int_not_equal(peer.frames[i].type, TYPE_RST_STREAM);
}

/* ---- 3.4, 6.5 ---- */

static void
test_server_preface(void **state)
{
    (void)state;
    open_bare(H2_SERVER);
    assert_true(peer.frame_count >= 1);
    assert_int_equal(peer.frames[0].type, TYPE_SETTINGS);
    assert_int_equal(peer.frames[0].flags, 0);
    assert_int_equal(peer.frames[0].id, 0);
    assert_int_equal(peer.frames[0].len % 6, 0);
}

static void
test_client_preface(void **state)
{
    (void)state;
    open_bare(H2_CLIENT);
    assert_true(peer.preface_taken);
    assert_true(peer.frame_count >= 1);
    assert_int_equal(peer.frames[0].type, TYPE_SETTINGS);
    assert_int_equal(peer.frames[0].flags, 0);
}

/* An entry of the first SETTINGS, read off the bytes; -1 when it is not there. */
static int64_t
first_setting(const struct h2_options *options, uint16_t key)
{
    struct h2_conn *conn = h2_conn_new(options);
    struct buf bytes = BUF_EMPTY;
    struct h2_span span;
    int64_t value = -1;

    assert_non_null(conn);
    while (h2_conn_output(conn, &span, 1) > 0) {
        assert_true(buf_append(&bytes, span.data, span.len));
        h2_conn_wrote(conn, span.len);
    }
    if (options->role == H2_CLIENT)
        buf_take(&bytes, sizeof PREFACE - 1);
    for (size_t at = 9; at < 9 + load_be24(buf_head(&bytes)); at += 6)
        if (load_be16(buf_head(&bytes) + at) == key)
            value = load_be32(buf_head(&bytes) + at + 2);
    buf_fini(&bytes);
    h2_conn_free(conn);
    return value;
}

/* 6.5.2, 8.4: a client that takes no pushes says so; a server must not say 1. */
static void
test_enable_push(void **state)
{
    (void)state;
    open_bare(H2_CLIENT);
    assert_int_equal(first_setting(&(struct h2_options){.role = H2_CLIENT}, 2), 0);
    assert_true(first_setting(&(struct h2_options){.role = H2_SERVER}, 2) <= 0);
}

/* 6.5.2, 6.9.2: the peer can keep only to limits that it was told. */
static void
test_limits_are_announced(void **state)
{
    const struct h2_options options = {.role = H2_SERVER,
        .max_concurrent_streams = 7,
        .stream_window = 1000,
        .connection_window = 100000,
        .max_frame_size = 20000};
    const struct peer_frame *update;

    (void)state;
    assert_int_equal(first_setting(&options, MAX_CONCURRENT_STREAMS), 7);
    assert_int_equal(first_setting(&options, INITIAL_WINDOW_SIZE), 1000);
    assert_int_equal(first_setting(&options, MAX_FRAME_SIZE), 20000);
    assert_true(peer_open(&peer, &options));
    peer_handshake(&peer);
    update = peer_find(&peer, 0, TYPE_WINDOW_UPDATE, 0);
    assert_non_null(update);
    assert_int_equal(load_be32(update->payload), 100000 - 65535);
}

/* 6.5.3: each SETTINGS is acknowledged, an acknowledgement is not. */
static void
test_settings_are_acknowledged(void **state)
{
    (void)state;
    open_connection(H2_SERVER);
    assert_int_equal(count_frames(TYPE_SETTINGS, ACK, 0), 1);
    send_setting(INITIAL_WINDOW_SIZE, 100);
    send_setting(MAX_FRAME_SIZE, 20000);
    assert_int_equal(count_frames(TYPE_SETTINGS, ACK, 0), 3);
}

/* 6.7: in the order of the PINGs, with their bytes. */
static void
test_pings_are_acknowledged(void **state)
{
    const struct peer_frame *ack;
    size_t from;

    (void)state;
    open_connection(H2_CLIENT);
    from = peer.frame_count;
    peer_send_frame(&peer, TYPE_PING, 0, 0, "first...", 8, 0);
    peer_send_frame(&peer, TYPE_PING, 0, 0, "second..", 8, 0);
    assert_int_equal(count_frames(TYPE_PING, ACK, 0), 2);
    ack = peer_find(&peer, from, TYPE_PING, 0);
    assert_memory_equal(ack->payload, "first...", 8);
    peer_send_frame(&peer, TYPE_PING, ACK, 0, "second..", 8, 0);
    assert_int_equal(count_frames(TYPE_PING, ACK, 0), 2);
}

/* ---- 5.2, 6.9: windows of the peer ---- */

static void
test_initial_window_is_kept(void **state)
{
    struct h2_stream *stream;

    (void)state;
    open_connection(H2_SERVER);
    send_setting(INITIAL_WINDOW_SIZE, 1);
    stream = answered_request(1);
    assert_int_equal(h2_stream_room(peer.conn, stream), 1);
    assert_true(h2_stream_send_data(peer.conn, stream, "x", 1, false));
    assert_int_equal(h2_stream_room(peer.conn, stream), 0);
    /* 6.9.1: a frame of no bytes needs no window. */
    assert_true(h2_stream_send_data(peer.conn, stream, NULL, 0, true));
    peer_pump(&peer);
    assert_int_equal(count_frames(TYPE_DATA, END_STREAM, 1), 1);
}

/* 6.9.2: a window may become negative, and must be paid back first. */
static void
test_negative_window(void **state)
{
    struct h2_stream *stream;

    (void)state;
    open_connection(H2_SERVER);
    send_setting(INITIAL_WINDOW_SIZE, 3);
    stream = answered_request(1);
    assert_true(h2_stream_send_data(peer.conn, stream, "xyz", 3, false));
    send_setting(INITIAL_WINDOW_SIZE, 2);
    assert_int_equal(h2_stream_room(peer.conn, stream), 0);
    send_window_update(1, 1);
    assert_int_equal(h2_stream_room(peer.conn, stream), 0);
    send_window_update(1, 1);
    assert_int_equal(h2_stream_room(peer.conn, stream), 1);
    send_setting(INITIAL_WINDOW_SIZE, 12);
    assert_int_equal(h2_stream_room(peer.conn, stream), 11);
}

/* 6.9.1, 6.9.2: the connection's window is 65,535 whatever SETTINGS say, and all streams share it.
 */
static void
test_connection_window_is_kept(void **state)
{
    static const uint8_t zeros[65535];
    struct h2_stream *first, *second;

    (void)state;
    open_connection(H2_SERVER);
    send_setting(INITIAL_WINDOW_SIZE, 1 << 20);
    first = answered_request(1);
    second = answered_request(3);
    assert_int_equal(h2_stream_room(peer.conn, first), 65535);
    assert_true(h2_stream_send_data(peer.conn, first, zeros, sizeof zeros, false));
    peer_pump(&peer);
    assert_int_equal(h2_stream_room(peer.conn, first), 0);
    assert_int_equal(h2_stream_room(peer.conn, second), 0);
    send_window_update(1, 1000);
    assert_int_equal(h2_stream_room(peer.conn, first), 0);
    send_window_update(0, 5);
    assert_int_equal(h2_stream_room(peer.conn, first), 5);
    assert_int_equal(h2_stream_room(peer.conn, second), 5);
}

/* 4.2: no frame is longer than the peer takes. */
static void
test_max_frame_size_is_kept(void **state)
{
    static const uint8_t zeros[40000];
    struct h2_stream *stream;
    size_t total = 0;

    (void)state;
    open_connection(H2_SERVER);
    assert_int_equal(h2_conn_max_frame(peer.conn), 16384);
    stream = answered_request(1);
    assert_true(h2_stream_send_data(peer.conn, stream, zeros, sizeof zeros, true));
    peer_pump(&peer);
    for (size_t i = 0; i < peer.frame_count; i++) {
        assert_true(peer.frames[i].len <= 16384);
        if (peer.frames[i].type == TYPE_DATA)
            total += peer.frames[i].len;
    }
    assert_int_equal(total, sizeof zeros);
    assert_int_equal(count_frames(TYPE_DATA, END_STREAM, 1), 1);
}

/* 4.3, 6.10: a block that is longer goes on in CONTINUATION, and nothing comes in between. */
static void
test_long_blocks_are_split(void **state)
{
    static char value[40000];
    const struct h2_field field = {{"x", 1}, {value, sizeof value}, H2_TOKEN_NONE, H2_DO_NOT_INDEX};
    struct h2_stream *stream;
    size_t at;

    (void)state;
    memset(value, '~', sizeof value); /* which Huffman code does not shorten */
    open_connection(H2_SERVER);
    stream = answered_request(1);
    at = peer.frame_count;
    assert_true(h2_stream_send_headers(peer.conn, stream, NULL, 0, &field, 1, true));
    peer_pump(&peer);
    assert_int_equal(peer.frames[at].type, TYPE_HEADERS);
    assert_int_equal(peer.frames[at].flags, END_STREAM);
    for (at++; at < peer.frame_count; at++) {
        assert_int_equal(peer.frames[at].type, TYPE_CONTINUATION);
        assert_int_equal(peer.frames[at].id, 1);
        assert_true(peer.frames[at].len <= 16384);
        assert_int_equal(peer.frames[at].flags, at + 1 < peer.frame_count ? 0 : (int)END_HEADERS);
    }
}

static size_t
credit_of(uint32_t id)
{
    size_t credit = 0;

    for (size_t i = 0; i < peer.frame_count; i++)
        if (peer.frames[i].type == TYPE_WINDOW_UPDATE && peer.frames[i].id == id)
            credit += load_be32(peer.frames[i].payload);
    return credit;
}

/* 6.9.1: padding takes of the windows, and nobody but the connection can give it back. */
static void
test_padding_is_credited(void **state)
{
    const struct h2_options options = {.role = H2_SERVER, .stream_window = 1000};
    size_t sent = 0;

    (void)state;
    assert_true(peer_open(&peer, &options));
    peer.hoard = true;
    peer_handshake(&peer);
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS, 1, "\x83\x86\x84", 3, 0);
    for (int i = 0; i < 100; i++) {
        assert_true(sent + 202 <= 1000 + credit_of(1));
        peer_send_frame(&peer, TYPE_DATA, PADDED, 1, "\xc8x", 2, 202);
        sent += 202;
    }
    assert_int_equal(peer.data_len, 100);
    assert_false(peer.failed);
    assert_no_reset();
}

/* 6.9: what arrives on streams that are gone is given back to the connection's window. */
static void
test_dropped_data_is_credited(void **state)
{
    size_t sent = 0;

    (void)state;
    open_connection(H2_SERVER);
    for (uint32_t id = 1; sent < (size_t)1 << 20; id += 2) {
        peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS, id, "\x83\x86\x84", 3, 0);
        h2_stream_reset(peer.conn, peer_stream(&peer, id), H2_CANCEL);
        peer_pump(&peer);
        for (int i = 0; i < 3; i++, sent += 16384)
            peer_send_frame(&peer, TYPE_DATA, 0, id, NULL, 0, 16384);
    }
    assert_false(peer.failed);
    assert_true(65535 + credit_of(0) > sent);
}

/* ---- 4.3.1: the table that the peer offers ---- */

static void
test_smaller_table_is_announced(void **state)
{
    const struct peer_frame *answer;
    size_t from;

    (void)state;
    open_connection(H2_SERVER);
    answered_request(1);
    send_setting(1, 0);
    from = peer.frame_count;
    answered_request(3);
    answer = peer_find(&peer, from, TYPE_HEADERS, 3);
    assert_non_null(answer);
    assert_int_equal(answer->payload[0], 0x20);
}

/* ---- 5.1: streams ---- */

static void
test_client_ids(void **state)
{
    (void)state;
    open_connection(H2_CLIENT);
    for (uint32_t id = 1; id < 20; id += 2)
        assert_int_equal(peer_call(&peer, true)->id, id);
    for (uint32_t id = 1; id < 20; id += 2)
        assert_int_equal(count_frames(TYPE_HEADERS, END_HEADERS | END_STREAM, id), 1);
}

static void
test_concurrency_is_kept(void **state)
{
    struct h2_stream *first;

    (void)state;
    open_connection(H2_CLIENT);
    send_setting(MAX_CONCURRENT_STREAMS, 2);
    first = peer_call(&peer, true);
    assert_non_null(first);
    assert_int_equal(h2_conn_streams_left(peer.conn), 1);
    assert_non_null(peer_call(&peer, true));
    assert_int_equal(h2_conn_streams_left(peer.conn), 0);
    assert_null(peer_call(&peer, true));
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS | END_STREAM, 1, "\x88", 1, 0);
    peer_release(&peer, first);
    assert_non_null(peer_call(&peer, true));
    assert_null(peer_call(&peer, true));
    assert_no_reset();
}

/* 5.1: after END_STREAM both ways nothing more is sent on the stream. */
static void
test_closed_streams_are_silent(void **state)
{
    struct h2_stream *stream;

    (void)state;
    open_connection(H2_SERVER);
    stream = answered_request(1);
    assert_true(h2_stream_send_data(peer.conn, stream, "x", 1, true));
    assert_false(h2_stream_send_data(peer.conn, stream, "y", 1, true));
    assert_false(h2_stream_send_headers(peer.conn, stream, NULL, 0, NULL, 0, true));
    peer_pump(&peer);
    peer_release(&peer, stream);
    assert_int_equal(peer.frames[peer.frame_count - 1].type, TYPE_DATA);
    assert_no_reset();
}

/* 8.1: a server that has answered before the request was whole stops it without an error. */
static void
test_early_answer(void **state)
{
    const struct peer_frame *reset;

    (void)state;
    open_connection(H2_SERVER);
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS, 1, "\x83\x86\x84", 3, 0);
    peer_answer(&peer, peer_stream(&peer, 1), true);
    assert_no_reset();
    peer_release(&peer, peer_stream(&peer, 1));
    reset = peer_find(&peer, 0, TYPE_RST_STREAM, 1);
    assert_non_null(reset);
    assert_int_equal(load_be32(reset->payload), H2_NO_ERROR);
}

/* 5.4.2: RST_STREAM is not answered with RST_STREAM, nor sent twice. */
static void
test_one_reset_a_stream(void **state)
{
    (void)state;
    open_connection(H2_SERVER);
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS, 1, "\x83\x86\x84", 3, 0);
    peer_send_frame(&peer, TYPE_RST_STREAM, 0, 1, "\0\0\0\x08", 4, 0);
    peer_release(&peer, peer_stream(&peer, 1));
    assert_no_reset();
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS, 3, "\x83\x86\x84", 3, 0);
    h2_stream_reset(peer.conn, peer_stream(&peer, 3), H2_CANCEL);
    h2_stream_reset(peer.conn, peer_stream(&peer, 3), H2_CANCEL);
    peer_release(&peer, peer_stream(&peer, 3));
    assert_int_equal(count_frames(TYPE_RST_STREAM, 0, 3), 1);
}

/* ---- 6.8: the end ---- */

static void
test_goaway_opens_no_more(void **state)
{
    (void)state;
    open_connection(H2_CLIENT);
    assert_non_null(peer_call(&peer, true));
    peer_send_frame(&peer, TYPE_GOAWAY, 0, 0, "\0\0\0\x01\0\0\0\0", 8, 0);
    assert_null(peer_call(&peer, true));
    assert_int_equal(h2_conn_streams_left(peer.conn), 0);
}

/* Streams above the last one that GOAWAY names were never seen, and may be tried again elsewhere.
 */
static void
test_goaway_loses_higher_streams(void **state)
{
    (void)state;
    open_connection(H2_CLIENT);
    for (int i = 0; i < 3; i++)
        assert_non_null(peer_call(&peer, true));
    peer_send_frame(&peer, TYPE_GOAWAY, 0, 0, "\0\0\0\x01\0\0\0\0", 8, 0);
    assert_int_equal(peer.unprocessed, 2);
    assert_int_equal(peer.last_reset, H2_REFUSED_STREAM);
    assert_int_equal(peer.event_count, 4);
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS | END_STREAM, 1, "\x88", 1, 0);
    assert_int_equal(peer.event_count, 5);
    assert_int_equal(peer.events[4], 'H');
}

/* What is over is not lost. */
static void
test_goaway_leaves_closed_streams(void **state)
{
    (void)state;
    open_connection(H2_CLIENT);
    for (int i = 0; i < 4; i++)
        assert_non_null(peer_call(&peer, true));
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS | END_STREAM, 3, "\x88", 1, 0);
    peer_send_frame(&peer, TYPE_RST_STREAM, 0, 5, "\0\0\0\x08", 4, 0);
    h2_stream_reset(peer.conn, peer_stream(&peer, 7), H2_CANCEL);
    peer_send_frame(&peer, TYPE_GOAWAY, 0, 0, "\0\0\0\x01\0\0\0\0", 8, 0);
    assert_string_equal(peer.events, "YHRG");
}

/* Nor is a stream that its user gives up before being told. */
static void
test_reset_of_lost_stream(void **state)
{
    static const uint8_t goaway[] = {0, 0, 8, TYPE_GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    struct h2_input in = {goaway, sizeof goaway};
    struct h2_event event;

    (void)state;
    open_connection(H2_CLIENT);
    assert_non_null(peer_call(&peer, true));
    assert_non_null(peer_call(&peer, true));
    h2_conn_next(peer.conn, &in, &event);
    assert_int_equal(event.type, H2_GOAWAY);
    h2_stream_reset(peer.conn, peer_stream(&peer, 3), H2_CANCEL);
    h2_conn_next(peer.conn, &in, &event);
    assert_int_equal(event.type, H2_NEED_INPUT);
}

/* 8.7: REFUSED_STREAM says the same of one stream, other codes do not. */
static void
test_refused_is_unprocessed(void **state)
{
    (void)state;
    open_connection(H2_CLIENT);
    assert_non_null(peer_call(&peer, true));
    assert_non_null(peer_call(&peer, true));
    peer_send_frame(&peer, TYPE_RST_STREAM, 0, 1, "\0\0\0\x07", 4, 0);
    assert_int_equal(peer.unprocessed, 1);
    peer_send_frame(&peer, TYPE_RST_STREAM, 0, 3, "\0\0\0\x08", 4, 0);
    assert_int_equal(peer.unprocessed, 1);
    assert_string_equal(peer.events, "YRR");
}

/* Graceful: first all streams are taken, then those that have come. */
static void
test_drain_in_two_steps(void **state)
{
    const struct peer_frame *goaway;
    size_t from;

    (void)state;
    open_connection(H2_SERVER);
    answered_request(1);
    from = peer.frame_count;
    h2_conn_drain(peer.conn, "bye", 42);
    peer_pump(&peer);
    goaway = peer_find(&peer, from, TYPE_GOAWAY, 0);
    assert_non_null(goaway);
    assert_int_equal(load_be32(goaway->payload), 0x7fffffff);
    assert_int_equal(load_be32(goaway->payload + 4), H2_NO_ERROR);
    assert_non_null(peer_find(&peer, from, TYPE_PING, 0));
    answered_request(3);
    from = peer.frame_count;
    h2_conn_drain_finish(peer.conn);
    peer_pump(&peer);
    goaway = peer_find(&peer, from, TYPE_GOAWAY, 0);
    assert_non_null(goaway);
    assert_int_equal(load_be32(goaway->payload), 3);
    /* What comes later is not looked at (6.8), but keeps the table in step. */
    peer_send_frame(&peer, TYPE_HEADERS, END_HEADERS | END_STREAM, 5, "\x83\x86\x84", 3, 0);
    assert_null(peer_stream(&peer, 5));
    assert_false(peer.failed);
}

/* 5.4.1: GOAWAY of a connection error names the last stream that was taken on. */
static void
test_error_names_last_stream(void **state)
{
    const struct peer_frame *goaway;

    (void)state;
    open_connection(H2_SERVER);
    answered_request(1);
    answered_request(7);
    peer_send_frame(&peer, TYPE_DATA, 0, 0, "x", 1, 0);
    assert_true(peer.failed);
    goaway = peer_find(&peer, 0, TYPE_GOAWAY, 0);
    assert_non_null(goaway);
    assert_int_equal(load_be32(goaway->payload), 7);
    assert_int_equal(load_be32(goaway->payload + 4), H2_PROTOCOL_ERROR);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_preface),
        TEST(test_client_preface),
        TEST(test_enable_push),
        TEST(test_limits_are_announced),
        TEST(test_settings_are_acknowledged),
        TEST(test_pings_are_acknowledged),
        TEST(test_initial_window_is_kept),
        TEST(test_negative_window),
        TEST(test_connection_window_is_kept),
        TEST(test_max_frame_size_is_kept),
        TEST(test_long_blocks_are_split),
        TEST(test_padding_is_credited),
        TEST(test_dropped_data_is_credited),
        TEST(test_smaller_table_is_announced),
        TEST(test_client_ids),
        TEST(test_concurrency_is_kept),
        TEST(test_closed_streams_are_silent),
        TEST(test_early_answer),
        TEST(test_one_reset_a_stream),
        TEST(test_goaway_opens_no_more),
        TEST(test_goaway_loses_higher_streams),
        TEST(test_goaway_leaves_closed_streams),
        TEST(test_reset_of_lost_stream),
        TEST(test_refused_is_unprocessed),
        TEST(test_drain_in_two_steps),
        TEST(test_error_names_last_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
