/* SPDX-License-Identifier: Apache-2.0 */
/* Streams' lifetimes: who holds them, what becomes of late frames, numbers, slots. */
#include "harness.h"

#include "http2/h2_internal.h"

/* ---- resets ---- */

static void
test_stream_reset_by_peer_is_held_until_released(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0), *next;
    struct buf bytes = BUF_EMPTY;
    struct seen *seen;

    (void)state;
    stream->user = &bytes;
    put_u32(&bytes, RST_STREAM, 1, H2_CANCEL);
    feed(side, &bytes);
    seen = assert_event(side, H2_RESET);
    assert_ptr_equal(seen->event.stream, stream);
    assert_true(seen->event.remote);
    assert_false(seen->event.unprocessed);
    assert_int_equal(seen->event.code, H2_CANCEL);
    /* Nothing may be sent, and nothing is, but the slot is still this user's. */
    next = request(side, 3, 0);
    assert_ptr_not_equal(next, stream);
    assert_ptr_equal(stream->user, &bytes);
    assert_false(send_response(side, stream));
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    h2_stream_consumed(side->conn, stream, 200000);
    assert_true(h2_stream_expect(side->conn, stream, 1 << 20));
    h2_stream_want_room(side->conn, stream);
    h2_stream_reset(side->conn, stream, H2_CANCEL);
    assert_int_equal(h2_conn_stream_count(side->conn), 2);
    h2_stream_release(side->conn, stream);
    assert_int_equal(h2_conn_stream_count(side->conn), 1);
    assert_silent(side);
    h2_stream_release(side->conn, next);
    side_free(side);
}

static void
test_slot_is_used_again_and_clean(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM), *again;

    (void)state;
    stream->user = side;
    h2_stream_want_room(side->conn, stream);
    assert_true(send_trailers(side, stream));
    h2_stream_release(side->conn, stream);
    again = request(side, 3, 0);
    assert_ptr_equal(again, stream);
    assert_null(again->user);
    assert_int_equal(again->id, 3);
    assert_no_event(side);
    side_free(side);
}

static void
test_release_of_an_open_stream_resets_it(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0);

    (void)state;
    h2_stream_release(side->conn, stream);
    assert_rst(side, 1, H2_CANCEL);
    /* An answer that came before the request's end: RFC 9113, 8.1. */
    stream = request(side, 3, 0);
    assert_true(send_trailers(side, stream));
    assert_frame(side, HEADERS, 3);
    h2_stream_release(side->conn, stream);
    assert_rst(side, 3, H2_NO_ERROR);
    stream = request(side, 5, END_STREAM);
    assert_true(send_trailers(side, stream));
    assert_frame(side, HEADERS, 5);
    h2_stream_release(side->conn, stream);
    assert_silent(side);
    side_free(side);
}

static void
test_release_of_a_stream_never_sent_is_silent(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = h2_stream_open(side->conn);

    (void)state;
    h2_stream_reset(side->conn, stream, H2_CANCEL);
    assert_false(send_request(side, stream, true));
    h2_stream_release(side->conn, stream);
    assert_silent(side);
    side_free(side);
}

static void
test_reset_in_the_middle_of_data(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_frame(&bytes, DATA, END_STREAM, 1, "abcdefghij", 10);
    feed_in_chunks(side, buf_head(&bytes), 9 + 4, SIZE_MAX);
    assert_string_equal(assert_event(side, H2_DATA)->text, "abcd");
    h2_stream_release(side->conn, stream);
    /* The rest of the frame belongs to nobody. */
    put_request(&bytes, 3, 0);
    feed_in_chunks(side, buf_head(&bytes) + 13, buf_len(&bytes) - 13, 3);
    assert_headers(side, 3);
    assert_no_event(side);
    buf_fini(&bytes);
    side_free(side);
}

/* ---- late frames ---- */

/* Each kind of frame on stream 1. */
static void
put_late(struct buf *to, uint8_t type)
{
    switch (type) {
    case DATA:
        put_frame(to, DATA, 0, 1, "late", 4);
        break;
    case HEADERS:
        put_headers(to, 1, END_STREAM, trailer_fields);
        break;
    case RST_STREAM:
        put_u32(to, RST_STREAM, 1, H2_CANCEL);
        break;
    default:
        put_u32(to, WINDOW_UPDATE, 1, 100);
    }
}

static void
test_frames_in_flight_when_we_reset_are_ignored(void **state)
{
    static const uint8_t types[] = {DATA, HEADERS, RST_STREAM, WINDOW_UPDATE};

    (void)state;
    for (int released = 0; released < 2; released++)
        for (size_t i = 0; i < sizeof(types); i++) {
            struct side *side = server_open();
            struct h2_stream *stream = request(side, 1, 0);
            struct buf bytes = BUF_EMPTY;

            h2_stream_reset(side->conn, stream, H2_CANCEL);
            assert_rst(side, 1, H2_CANCEL);
            if (released)
                h2_stream_release(side->conn, stream);
            put_late(&bytes, types[i]);
            put_request(&bytes, 3, END_STREAM);
            feed(side, &bytes);
            assert_headers(side, 3);
            assert_no_event(side);
            assert_silent(side);
            side_free(side);
        }
}

static void
test_frames_after_the_peers_reset(void **state)
{
    (void)state;
    for (int released = 0; released < 2; released++) {
        struct side *side = server_open();
        struct h2_stream *stream = request(side, 1, 0);
        struct buf bytes = BUF_EMPTY;

        put_u32(&bytes, RST_STREAM, 1, H2_CANCEL);
        feed(side, &bytes);
        assert_event(side, H2_RESET);
        if (released)
            h2_stream_release(side->conn, stream);
        put_late(&bytes, DATA);
        put_late(&bytes, HEADERS);
        put_late(&bytes, RST_STREAM);
        put_late(&bytes, WINDOW_UPDATE);
        feed(side, &bytes);
        assert_rst(side, 1, H2_STREAM_CLOSED);
        assert_rst(side, 1, H2_STREAM_CLOSED);
        assert_silent(side);
        assert_no_event(side);
        side_free(side);
    }
}

static void
test_frames_after_both_ends(void **state)
{
    static const struct {
        uint8_t type;
        bool fails;
    } cases[] = {{DATA, true}, {HEADERS, true}, {RST_STREAM, false}, {WINDOW_UPDATE, false}};

    (void)state;
    for (int released = 0; released < 2; released++)
        for (size_t i = 0; i < 4; i++) {
            struct side *side = server_open();
            struct h2_stream *stream = request(side, 1, END_STREAM);
            struct buf bytes = BUF_EMPTY;

            assert_true(send_trailers(side, stream));
            if (released)
                h2_stream_release(side->conn, stream);
            forget(side);
            put_late(&bytes, cases[i].type);
            feed(side, &bytes);
            if (cases[i].fails)
                assert_failed(side, H2_STREAM_CLOSED);
            assert_no_event(side);
            assert_silent(side);
            side_free(side);
        }
}

/* A status that comes twice: decoded, and dropped. */
static void
test_headers_after_the_end_of_a_clients_stream(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_headers(&bytes, 1, END_STREAM, response_fields);
    put_headers(&bytes, 1, END_STREAM, trailer_fields);
    feed(side, &bytes);
    h2_stream_release(side->conn, assert_headers(side, 1));
    put_headers(&bytes, 1, END_STREAM, trailer_fields);
    feed(side, &bytes);
    assert_no_event(side);
    assert_silent(side);
    side_free(side);
}

static void
test_frames_after_half_close(void **state)
{
    static const uint8_t types[] = {DATA, HEADERS};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = server_open();
        struct h2_stream *stream = request(side, 1, END_STREAM);
        struct buf bytes = BUF_EMPTY;
        struct seen *seen;

        put_late(&bytes, WINDOW_UPDATE);
        put_late(&bytes, types[i]);
        feed(side, &bytes);
        seen = assert_event(side, H2_RESET);
        assert_ptr_equal(seen->event.stream, stream);
        assert_false(seen->event.remote);
        assert_int_equal(seen->event.code, H2_STREAM_CLOSED);
        assert_rst(side, 1, H2_STREAM_CLOSED);
        assert_silent(side);
        side_free(side);
    }
}

/* More streams than the memory of the gone holds: the oldest are then nobody's. */
static void
test_long_forgotten_streams(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (uint32_t id = 1; id < 100; id += 2) {
        struct h2_stream *stream = request(side, id, END_STREAM);

        assert_true(send_trailers(side, stream));
        h2_stream_release(side->conn, stream);
    }
    forget(side);
    put_late(&bytes, DATA);
    put_late(&bytes, HEADERS);
    feed(side, &bytes);
    assert_no_event(side);
    assert_silent(side);
    put_request(&bytes, 97, END_STREAM);
    feed(side, &bytes);
    assert_failed(side, H2_STREAM_CLOSED);
    side_free(side);
}

/* ---- numbers ---- */

static void
test_numbers_must_be_odd_and_rise(void **state)
{
    static const uint32_t wrong[] = {0, 2, 3};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        request(side, 5, END_STREAM);
        put_request(&bytes, wrong[i], END_STREAM);
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

static void
test_idle_streams_take_headers_alone(void **state)
{
    static const uint8_t types[] = {DATA, RST_STREAM, WINDOW_UPDATE};

    (void)state;
    for (int even = 0; even < 2; even++)
        for (size_t i = 0; i < 3; i++) {
            struct side *side = server_open();
            struct buf bytes = BUF_EMPTY;
            uint32_t id = even ? 2 : 7;

            /* A reset of an idle stream is forgiven once a stream was there, see below. */
            if (types[i] != RST_STREAM || even)
                request(side, 5, END_STREAM);
            put_frame(&bytes, types[i], 0, id, "\0\0\0\1", 4);
            feed(side, &bytes);
            assert_failed(side, H2_PROTOCOL_ERROR);
            side_free(side);
        }
}

/* As gRPC's C core sends them; each costs one of the resets that a client has. */
static void
test_resets_of_idle_streams_are_bounded(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, END_STREAM);
    for (uint32_t i = 0; i < 1000; i++)
        put_frame(&bytes, RST_STREAM, 0, 7, "\0\0\0\10", 4);
    feed(side, &bytes);
    request(side, 3, END_STREAM);
    put_frame(&bytes, RST_STREAM, 0, 7, "\0\0\0\10", 4);
    feed(side, &bytes);
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    side_free(side);
}

static void
test_client_numbers_rise_in_the_order_of_sending(void **state)
{
    struct side *side = client_open();
    struct h2_stream *first = h2_stream_open(side->conn), *second = h2_stream_open(side->conn);

    (void)state;
    assert_int_equal(first->id, 0);
    assert_true(send_request(side, second, true));
    assert_true(send_request(side, first, true));
    assert_int_equal(second->id, 1);
    assert_int_equal(first->id, 3);
    assert_frame(side, HEADERS, 1);
    assert_frame(side, HEADERS, 3);
    side_free(side);
}

static void
test_client_takes_no_streams_of_the_server(void **state)
{
    static const uint32_t ids[] = {2, 1, 3};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct side *side = client_open();
        struct buf bytes = BUF_EMPTY;

        if (ids[i] != 1)
            call(side, true);
        put_headers(&bytes, ids[i], 0, response_fields);
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

/* ---- how many ---- */

static void
test_streams_over_the_limit_are_refused_until_a_release(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_concurrent_streams = 2});
    struct h2_stream *first = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 3, END_STREAM);
    put_request(&bytes, 5, 0);
    put_frame(&bytes, DATA, END_STREAM, 5, "in flight", 9);
    feed(side, &bytes);
    assert_rst(side, 5, H2_REFUSED_STREAM);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_STREAMS], 1);
    /* An answer is not enough while the user still holds it. */
    assert_true(send_trailers(side, first));
    assert_frame(side, HEADERS, 1);
    put_request(&bytes, 7, END_STREAM);
    feed(side, &bytes);
    assert_rst(side, 7, H2_REFUSED_STREAM);
    h2_stream_release(side->conn, first);
    request(side, 9, END_STREAM);
    assert_silent(side);
    assert_no_event(side);
    side_free(side);
}

static void
test_client_keeps_to_the_servers_limit(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_CLIENT});
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream;

    (void)state;
    assert_int_equal(h2_conn_streams_left(side->conn), 100);
    put_setting(&bytes, 3, 2);
    feed(side, &bytes);
    assert_int_equal(h2_conn_streams_left(side->conn), 2);
    stream = h2_stream_open(side->conn);
    assert_non_null(h2_stream_open(side->conn));
    assert_null(h2_stream_open(side->conn));
    put_setting(&bytes, 3, 1);
    feed(side, &bytes);
    assert_int_equal(h2_conn_streams_left(side->conn), 0);
    put_setting(&bytes, 3, 3);
    feed(side, &bytes);
    assert_int_equal(h2_conn_streams_left(side->conn), 1);
    h2_stream_release(side->conn, stream);
    assert_int_equal(h2_conn_streams_left(side->conn), 2);
    side_free(side);
}

static void
test_no_limit_without_the_setting(void **state)
{
    struct side *side = client_open();

    (void)state;
    assert_true(h2_conn_streams_left(side->conn) > 1000000);
    side_free(side);
}

/* At three quarters of the numbers, so that there is time to open the next connection. */
static void
test_client_runs_out_of_numbers(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream;

    (void)state;
    side->conn->last_id = 0x5ffffff9;
    assert_int_equal(h2_conn_streams_left(side->conn), 2);
    stream = call(side, true);
    assert_int_equal(stream->id, 0x5ffffffb);
    stream = call(side, true);
    assert_int_equal(stream->id, 0x5ffffffd);
    assert_null(h2_stream_open(side->conn));
    side_free(side);
}

static void
test_refused_stream_was_not_processed(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, true);
    struct buf bytes = BUF_EMPTY;
    struct seen *seen;

    (void)state;
    put_u32(&bytes, RST_STREAM, 1, H2_REFUSED_STREAM);
    feed(side, &bytes);
    seen = assert_event(side, H2_RESET);
    assert_ptr_equal(seen->event.stream, stream);
    assert_true(seen->event.remote && seen->event.unprocessed);
    side_free(side);
}

/* RFC 9113, 8.1: the server needs no more of the request; the answer stands. */
static void
test_reset_without_error_after_the_answer(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_headers(&bytes, 1, 0, response_fields);
    put_headers(&bytes, 1, END_STREAM, trailer_fields);
    put_u32(&bytes, RST_STREAM, 1, H2_NO_ERROR);
    feed(side, &bytes);
    assert_headers(side, 1);
    assert_int_equal(assert_event(side, H2_TRAILERS)->fields, 1);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_NO_ERROR);
    assert_false(h2_stream_send_data(side->conn, stream, "x", 1, true));
    h2_stream_release(side->conn, stream);
    assert_silent(side);
    side_free(side);
}

/* ---- many at once ---- */

#define MANY 3000

/* Streams come and go in an order of their own; each is found again by its number. */
static void
test_map_of_many_streams(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_concurrent_streams = MANY});
    static struct h2_stream *streams[MANY];
    struct buf bytes = BUF_EMPTY;
    uint32_t random = 1;

    (void)state;
    for (uint32_t turn = 0; turn < 4 * MANY; turn++) {
        uint32_t i = (random = random * 1664525 + 1013904223) % MANY, id = 2 * turn + 1;

        if (streams[i] != NULL) {
            put_frame(&bytes, DATA, 0, streams[i]->id, "x", 1);
            feed(side, &bytes);
            assert_ptr_equal(assert_event(side, H2_DATA)->event.stream, streams[i]);
            h2_stream_release(side->conn, streams[i]);
        }
        streams[i] = request(side, id, 0);
        forget(side);
    }
    memset(streams, 0, sizeof(streams));
    side_free(side);
}

/* Numbers that are far apart in equal steps. */
static void
test_map_of_chosen_numbers(void **state)
{
    (void)state;
    for (uint32_t step = 2; step < 1u << 22; step *= 2) {
        struct side *side = server_open();
        struct h2_stream *streams[100];
        struct buf bytes = BUF_EMPTY;

        for (uint32_t i = 0; i < 100; i++)
            streams[i] = request(side, 1 + i * step, 0);
        for (uint32_t i = 0; i < 100; i++) {
            put_frame(&bytes, DATA, END_STREAM, 1 + i * step, "x", 1);
            feed(side, &bytes);
            assert_ptr_equal(assert_event(side, H2_DATA)->event.stream, streams[i]);
            h2_stream_release(side->conn, streams[i]);
        }
        side_free(side);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_reset_by_peer_is_held_until_released),
        cmocka_unit_test(test_slot_is_used_again_and_clean),
        cmocka_unit_test(test_release_of_an_open_stream_resets_it),
        cmocka_unit_test(test_release_of_a_stream_never_sent_is_silent),
        cmocka_unit_test(test_reset_in_the_middle_of_data),
        cmocka_unit_test(test_frames_in_flight_when_we_reset_are_ignored),
        cmocka_unit_test(test_frames_after_the_peers_reset),
        cmocka_unit_test(test_frames_after_both_ends),
        cmocka_unit_test(test_headers_after_the_end_of_a_clients_stream),
        cmocka_unit_test(test_frames_after_half_close),
        cmocka_unit_test(test_long_forgotten_streams),
        cmocka_unit_test(test_numbers_must_be_odd_and_rise),
        cmocka_unit_test(test_idle_streams_take_headers_alone),
        cmocka_unit_test(test_resets_of_idle_streams_are_bounded),
        cmocka_unit_test(test_client_numbers_rise_in_the_order_of_sending),
        cmocka_unit_test(test_client_takes_no_streams_of_the_server),
        cmocka_unit_test(test_streams_over_the_limit_are_refused_until_a_release),
        cmocka_unit_test(test_client_keeps_to_the_servers_limit),
        cmocka_unit_test(test_no_limit_without_the_setting),
        cmocka_unit_test(test_client_runs_out_of_numbers),
        cmocka_unit_test(test_refused_stream_was_not_processed),
        cmocka_unit_test(test_reset_without_error_after_the_answer),
        cmocka_unit_test(test_map_of_many_streams),
        cmocka_unit_test(test_map_of_chosen_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
