/* SPDX-License-Identifier: Apache-2.0 */
/* Flow control both ways, and the streams that wait for room. */
#include "harness.h"

static const char zeros[20000];

static void
put_data(struct buf *to, uint32_t id, size_t len, uint8_t flags)
{
    put_frame(to, DATA, flags, id, zeros, len);
}

/* ---- in ---- */

static void
test_stream_is_credited_as_its_user_consumes(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .stream_window = 20000});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_data(&bytes, 1, 15000, 0);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_DATA)->event.len, 15000);
    assert_silent(side);
    h2_stream_consumed(side->conn, stream, 9999);
    assert_silent(side); /* not worth a frame yet */
    h2_stream_consumed(side->conn, stream, 1);
    assert_window_update(side, 1, 10000);
    h2_stream_consumed(side->conn, stream, 5000);
    put_data(&bytes, 1, 15000, END_STREAM);
    feed(side, &bytes);
    /* The peer will send no more: nothing to tell it. */
    h2_stream_consumed(side->conn, stream, 15000);
    assert_silent(side);
    side_free(side);
}

static void
test_stream_window_overrun(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .stream_window = 15000});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;
    struct seen *seen;

    (void)state;
    put_data(&bytes, 1, 15000, 0);
    put_data(&bytes, 1, 1, 0);
    feed(side, &bytes);
    assert_event(side, H2_DATA);
    seen = assert_event(side, H2_RESET);
    assert_ptr_equal(seen->event.stream, stream);
    assert_int_equal(seen->event.code, H2_FLOW_CONTROL_ERROR);
    assert_rst(side, 1, H2_FLOW_CONTROL_ERROR);
    assert_silent(side);
    side_free(side);
}

/* The connection's credit comes with arrival: a user that reads nothing holds up its own stream
 * alone. */
static void
test_connection_is_credited_on_arrival(void **state)
{
    struct side *side = side_open(&(struct h2_options){
        .role = H2_SERVER, .stream_window = 30000, .connection_window = 65535});
    struct buf bytes = BUF_EMPTY;
    uint32_t owed = 0;

    (void)state;
    for (uint32_t id = 1; id <= 41; id += 2) {
        request(side, id, 0);
        put_data(&bytes, id, 15000, 0);
        feed(side, &bytes);
        assert_int_equal(assert_event(side, H2_DATA)->event.len, 15000);
        owed += 15000;
        if (owed >= 65535 / 2) {
            assert_window_update(side, 0, owed);
            owed = 0;
        }
        assert_silent(side);
    }
    side_free(side);
}

static void
test_connection_window_overrun(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER,
        .max_frame_size = 1 << 20,
        .stream_window = 1 << 20,
        .connection_window = 65535});
    struct buf bytes = BUF_EMPTY;
    uint8_t head[9] = {1, 0, 0, DATA, 0, 0, 0, 0, 1}; /* 65536 bytes */

    (void)state;
    request(side, 1, 0);
    assert_true(buf_append(&bytes, head, 9));
    feed(side, &bytes);
    assert_failed(side, H2_FLOW_CONTROL_ERROR);
    side_free(side);
}

/* Dropped bytes count for the connection, and come back. */
static void
test_data_of_a_reset_stream_is_credited_to_the_connection(void **state)
{
    struct side *side = side_open(&(struct h2_options){
        .role = H2_SERVER, .stream_window = 1 << 20, .connection_window = 65535});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_stream_reset(side->conn, stream, H2_CANCEL);
    forget(side);
    for (int i = 0; i < 20; i++) {
        put_data(&bytes, 1, 16000, 0);
        put_data(&bytes, 1, 16767, 0);
        bytes.tail -= 383; /* 16384, the largest frame */
        store_be24(buf_head(&bytes) + 9 + 16000, 16384);
        put_data(&bytes, 1, 383, 0);
        feed(side, &bytes);
        assert_window_update(side, 0, 32767);
        assert_silent(side);
    }
    assert_no_event(side);
    side_free(side);
}

/* What a stream's window let in before it was reset may still come, in frames of any size. */
static void
test_data_of_a_reset_stream_is_bounded_by_its_window(void **state)
{
    for (uint16_t len = 1; len <= 5000; len *= 5000) {
        struct side *side = side_open(&(struct h2_options){
            .role = H2_SERVER, .stream_window = 20000, .connection_window = 65535});
        struct h2_stream *stream = request(side, 1, 0);
        struct buf bytes = BUF_EMPTY;

        put_data(&bytes, 1, 10000, 0);
        feed(side, &bytes);
        h2_stream_release(side->conn, stream);
        forget(side);
        for (unsigned sent = 0; sent < 10000; sent += len) {
            put_data(&bytes, 1, len, 0);
            feed(side, &bytes);
            assert_no_event(side);
        }
        put_data(&bytes, 1, len, 0);
        feed(side, &bytes);
        assert_failed(side, H2_FLOW_CONTROL_ERROR);
        side_free(side);
    }
    (void)state;
}

/* A client that did not know of the limit of streams yet sends a window of each, and has not seen
 * our SETTINGS either. */
static void
test_data_of_refused_streams_may_come(void **state)
{
    struct side *side = side_new(&(struct h2_options){
        .role = H2_SERVER, .stream_window = 1 << 20, .max_concurrent_streams = 1});
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&bytes, PREFACE, 24));
    put_frame(&bytes, SETTINGS, 0, 0, NULL, 0);
    for (uint32_t id = 1; id <= 15; id += 2)
        put_request(&bytes, id, 0);
    feed(side, &bytes);
    forget(side);
    for (uint32_t id = 3; id <= 15; id += 2)
        for (int i = 0; i < 4; i++) {
            put_data(&bytes, id, i < 3 ? 16384 : 16383, 0);
            feed(side, &bytes);
        }
    put_frame(&bytes, SETTINGS, ACK, 0, NULL, 0);
    for (int i = 0; i < 60; i++) { /* the rest of its window, grown */
        put_data(&bytes, 15, 16384, 0);
        feed(side, &bytes);
    }
    assert_no_event(side);
    side_free(side);
}

static void
test_pads_are_credited_at_once(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .stream_window = 512});
    struct buf bytes = BUF_EMPTY;
    uint8_t payload[1 + 255] = {255};

    (void)state;
    request(side, 1, 0);
    put_frame(&bytes, DATA, PADDED, 1, payload, sizeof(payload));
    feed(side, &bytes);
    assert_window_update(side, 1, 256);
    assert_no_event(side);
    side_free(side);
}

/* The peer may send by the RFC's window until it has heard of ours. */
static void
test_smaller_window_holds_from_the_ack_on(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_SERVER, .stream_window = 1000});
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&bytes, PREFACE, 24));
    put_frame(&bytes, SETTINGS, 0, 0, NULL, 0);
    put_request(&bytes, 1, 0);
    put_data(&bytes, 1, 16000, 0);
    feed(side, &bytes);
    assert_event(side, H2_READY);
    assert_headers(side, 1);
    assert_event(side, H2_DATA);
    forget(side);
    put_frame(&bytes, SETTINGS, ACK, 0, NULL, 0);
    put_data(&bytes, 1, 1, 0);
    put_request(&bytes, 3, 0);
    put_data(&bytes, 3, 1001, 0);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->id, 1);
    assert_headers(side, 3);
    assert_int_equal(assert_event(side, H2_RESET)->id, 3);
    side_free(side);
}

static void
test_expect_lets_a_large_message_in(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .stream_window = 1000});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(h2_stream_expect(side->conn, stream, 1000));
    assert_silent(side);
    put_data(&bytes, 1, 600, 0);
    feed(side, &bytes);
    h2_stream_consumed(side->conn, stream, 100);
    assert_true(h2_stream_expect(side->conn, stream, 5000));
    assert_window_update(side, 1, 4600);
    assert_true(h2_stream_expect(side->conn, stream, 5000));
    assert_silent(side);
    put_data(&bytes, 1, 5000, 0);
    feed(side, &bytes);
    assert_silent(side);
    /* All is consumed: the window is what it was at first, not more. */
    h2_stream_consumed(side->conn, stream, 5500);
    assert_window_update(side, 1, 1000);
    put_data(&bytes, 1, 1000, 0);
    feed(side, &bytes);
    put_data(&bytes, 1, 1, 0);
    feed(side, &bytes);
    side->seen_next = side->seen_count - 1;
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_FLOW_CONTROL_ERROR);
    side_free(side);
}

/* What is under way of a frame was let in with its beginning. */
static void
test_expect_in_the_middle_of_a_frame(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .stream_window = 1000});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(h2_stream_expect(side->conn, stream, 5000));
    assert_window_update(side, 1, 4000);
    put_data(&bytes, 1, 3000, 0);
    feed_in_chunks(side, buf_head(&bytes), 1009, 1009);
    assert_true(h2_stream_expect(side->conn, stream, 4000));
    assert_silent(side);
    assert_true(h2_stream_expect(side->conn, stream, 4001));
    assert_window_update(side, 1, 1);
    buf_fini(&bytes);
    side_free(side);
}

static void
test_expect_and_consume_absurd_amounts(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0);

    (void)state;
    assert_true(h2_stream_expect(side->conn, stream, SIZE_MAX));
    assert_window_update(side, 1, 0x7fffffff - 64 * 1024);
    h2_stream_consumed(side->conn, stream, SIZE_MAX);
    assert_true(h2_stream_expect(side->conn, stream, SIZE_MAX));
    assert_silent(side);
    side_free(side);
}

/* ---- out ---- */

static void
test_room_is_the_least_of_the_windows(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_output = 1000000});
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_int_equal(h2_stream_room(side->conn, stream), 65535);
    put_u32(&bytes, WINDOW_UPDATE, 1, 1000);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 65535);
    put_u32(&bytes, WINDOW_UPDATE, 0, 500);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 66035);
    put_u32(&bytes, WINDOW_UPDATE, 0, 5000);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 66535);
    assert_true(send_response(side, stream));
    assert_false(h2_stream_send_data(side->conn, stream, zeros, 66536, false));
    assert_true(h2_stream_send_data(side->conn, stream, zeros, 20000, false));
    assert_int_equal(h2_stream_room(side->conn, stream), 46535);
    assert_frame(side, HEADERS, 1);
    assert_int_equal(assert_frame(side, DATA, 1).len, 16384);
    assert_int_equal(assert_frame(side, DATA, 1).len, 20000 - 16384);
    side_free(side);
}

static void
test_end_needs_no_room(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 4, 0);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    assert_true(send_response(side, stream));
    assert_true(h2_stream_send_data(side->conn, stream, NULL, 0, true));
    assert_false(h2_stream_send_data(side->conn, stream, NULL, 0, true));
    assert_false(send_trailers(side, stream));
    side_free(side);
}

static void
test_initial_window_moves_open_streams(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(send_response(side, stream));
    assert_true(h2_stream_send_data(side->conn, stream, zeros, 10000, false));
    put_setting(&bytes, 4, 6000);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 0); /* it is -4000 */
    put_u32(&bytes, WINDOW_UPDATE, 1, 4000);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    put_u32(&bytes, WINDOW_UPDATE, 1, 1);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 1);
    put_setting(&bytes, 4, 6001);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 2);
    side_free(side);
}

static void
test_initial_window_may_overflow_none(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, END_STREAM);
    put_u32(&bytes, WINDOW_UPDATE, 1, 0x7fffffff - 65535);
    put_setting(&bytes, 4, 65535);
    feed(side, &bytes);
    assert_no_event(side);
    put_setting(&bytes, 4, 65536);
    feed(side, &bytes);
    assert_failed(side, H2_FLOW_CONTROL_ERROR);
    side_free(side);
}

static void
test_window_overflow(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, END_STREAM);
    put_u32(&bytes, WINDOW_UPDATE, 1, 0x7fffffff);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_FLOW_CONTROL_ERROR);
    assert_rst(side, 1, H2_FLOW_CONTROL_ERROR);
    put_u32(&bytes, WINDOW_UPDATE, 0, 0x7fffffff - 65535);
    feed(side, &bytes);
    assert_no_event(side);
    put_u32(&bytes, WINDOW_UPDATE, 0, 1);
    feed(side, &bytes);
    assert_failed(side, H2_FLOW_CONTROL_ERROR);
    side_free(side);
}

static void
test_window_update_of_zero(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, END_STREAM);
    put_u32(&bytes, WINDOW_UPDATE, 1, 0x80000000); /* the reserved bit is ignored */
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
    assert_rst(side, 1, H2_PROTOCOL_ERROR);
    put_u32(&bytes, WINDOW_UPDATE, 0, 0);
    feed(side, &bytes);
    assert_failed(side, H2_PROTOCOL_ERROR);
    side_free(side);
}

/* ---- waiting for room ---- */

static void
pull(struct side *side)
{
    feed_in_chunks(side, NULL, 0, SIZE_MAX);
}

static void
test_waits_for_its_own_window(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream;
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 4, 0);
    feed(side, &bytes);
    stream = request(side, 1, END_STREAM);
    h2_stream_want_room(side->conn, stream);
    h2_stream_want_room(side->conn, stream);
    pull(side);
    assert_no_event(side);
    put_u32(&bytes, WINDOW_UPDATE, 1, 10);
    feed(side, &bytes);
    /* The window's event comes before what follows it. */
    pull(side);
    assert_ptr_equal(assert_event(side, H2_WRITABLE)->event.stream, stream);
    assert_int_equal(h2_stream_room(side->conn, stream), 10);
    pull(side);
    assert_no_event(side); /* told once */
    side_free(side);
}

static void
test_settings_open_windows(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 4, 0);
    feed(side, &bytes);
    h2_stream_want_room(side->conn, request(side, 1, END_STREAM));
    h2_stream_want_room(side->conn, request(side, 3, END_STREAM));
    put_setting(&bytes, 4, 1);
    feed(side, &bytes);
    pull(side);
    assert_event(side, H2_WRITABLE);
    assert_event(side, H2_WRITABLE);
    assert_no_event(side);
    side_free(side);
}

static void
test_first_asked_first_told(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_output = 1 << 20});
    struct h2_stream *streams[4];
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        streams[i] = request(side, 2 * i + 1, END_STREAM);
        assert_true(send_response(side, streams[i]));
    }
    while (h2_stream_room(side->conn, streams[0]) > 0)
        assert_true(h2_stream_send_data(side->conn, streams[0], zeros,
            h2_stream_room(side->conn, streams[0]) < sizeof(zeros)
                ? h2_stream_room(side->conn, streams[0])
                : sizeof(zeros),
            false));
    forget(side);
    h2_stream_want_room(side->conn, streams[2]);
    h2_stream_want_room(side->conn, streams[0]); /* its own window is shut too */
    h2_stream_want_room(side->conn, streams[3]);
    h2_stream_want_room(side->conn, streams[1]);
    pull(side);
    assert_no_event(side);
    put_u32(&bytes, WINDOW_UPDATE, 0, 100);
    feed(side, &bytes);
    pull(side);
    assert_int_equal(assert_event(side, H2_WRITABLE)->id, 5);
    assert_int_equal(assert_event(side, H2_WRITABLE)->id, 7);
    assert_int_equal(assert_event(side, H2_WRITABLE)->id, 3);
    assert_no_event(side);
    put_u32(&bytes, WINDOW_UPDATE, 1, 1);
    feed(side, &bytes);
    pull(side);
    assert_int_equal(assert_event(side, H2_WRITABLE)->id, 1);
    side_free(side);
}

static void
test_waits_for_the_output(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_output = 1000});
    struct h2_stream *stream = request(side, 1, END_STREAM);
    size_t room;

    (void)state;
    assert_true(send_response(side, stream));
    room = h2_stream_room(side->conn, stream);
    assert_true(room > 0 && room < 1000);
    assert_true(h2_stream_send_data(side->conn, stream, zeros, room, false));
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    h2_stream_want_room(side->conn, stream);
    pull(side);
    assert_no_event(side);
    take_output(side, 600);
    pull(side);
    assert_event(side, H2_WRITABLE);
    side_free(side);
}

static void
test_released_and_reset_streams_are_not_told(void **state)
{
    struct side *side = server_open();
    struct h2_stream *streams[4];
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 4, 0);
    feed(side, &bytes);
    for (uint32_t i = 0; i < 4; i++) {
        streams[i] = request(side, 2 * i + 1, END_STREAM);
        h2_stream_want_room(side->conn, streams[i]);
    }
    put_setting(&bytes, 4, 100);
    {
        struct h2_input in = {buf_head(&bytes), buf_len(&bytes)};
        struct h2_event event;

        h2_conn_next(side->conn, &in, &event);
        buf_reset(&bytes, 0);
        assert_int_equal(event.type, H2_WRITABLE);
        assert_ptr_equal(event.stream, streams[0]);
    }
    h2_stream_release(side->conn, streams[0]);
    h2_stream_reset(side->conn, streams[1], H2_CANCEL);
    assert_true(send_trailers(side, streams[2]));
    pull(side);
    assert_ptr_equal(assert_event(side, H2_WRITABLE)->event.stream, streams[3]);
    assert_no_event(side);
    side_free(side);
}

/* A window that is shut again before its stream's turn. */
static void
test_window_shut_while_waiting(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_output = 1000});
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(send_response(side, stream));
    assert_true(
        h2_stream_send_data(side->conn, stream, zeros, h2_stream_room(side->conn, stream), false));
    h2_stream_want_room(side->conn, stream);
    put_setting(&bytes, 4, 0);
    feed(side, &bytes);
    take_output(side, SIZE_MAX);
    pull(side);
    assert_no_event(side);
    put_setting(&bytes, 4, 65535);
    feed(side, &bytes);
    pull(side);
    assert_event(side, H2_WRITABLE);
    assert_no_event(side);
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_is_credited_as_its_user_consumes),
        cmocka_unit_test(test_stream_window_overrun),
        cmocka_unit_test(test_connection_is_credited_on_arrival),
        cmocka_unit_test(test_connection_window_overrun),
        cmocka_unit_test(test_data_of_a_reset_stream_is_credited_to_the_connection),
        cmocka_unit_test(test_data_of_a_reset_stream_is_bounded_by_its_window),
        cmocka_unit_test(test_data_of_refused_streams_may_come),
        cmocka_unit_test(test_pads_are_credited_at_once),
        cmocka_unit_test(test_smaller_window_holds_from_the_ack_on),
        cmocka_unit_test(test_expect_lets_a_large_message_in),
        cmocka_unit_test(test_expect_in_the_middle_of_a_frame),
        cmocka_unit_test(test_expect_and_consume_absurd_amounts),
        cmocka_unit_test(test_room_is_the_least_of_the_windows),
        cmocka_unit_test(test_end_needs_no_room),
        cmocka_unit_test(test_initial_window_moves_open_streams),
        cmocka_unit_test(test_initial_window_may_overflow_none),
        cmocka_unit_test(test_window_overflow),
        cmocka_unit_test(test_window_update_of_zero),
        cmocka_unit_test(test_waits_for_its_own_window),
        cmocka_unit_test(test_settings_open_windows),
        cmocka_unit_test(test_first_asked_first_told),
        cmocka_unit_test(test_waits_for_the_output),
        cmocka_unit_test(test_released_and_reset_streams_are_not_told),
        cmocka_unit_test(test_window_shut_while_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
