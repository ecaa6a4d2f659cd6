/* SPDX-License-Identifier: Apache-2.0 */
/* Frames into the output: header blocks, content, what may be sent when. */
#include "harness.h"

static void
test_unary_answer(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct frame frame;
    uint8_t *place;

    (void)state;
    assert_true(send_response(side, stream));
    place = h2_stream_send_data_in_place(side->conn, stream, 5, false);
    assert_non_null(place);
    memcpy(place, "hello", 5);
    assert_true(send_trailers(side, stream));
    h2_stream_release(side->conn, stream);
    frame = assert_frame(side, HEADERS, 1);
    assert_int_equal(frame.flags, END_HEADERS);
    frame = assert_frame(side, DATA, 1);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(frame.len, 5);
    assert_memory_equal(frame.payload, "hello", 5);
    frame = assert_frame(side, HEADERS, 1);
    assert_int_equal(frame.flags, END_HEADERS | END_STREAM);
    assert_silent(side);
    side_free(side);
}

static bool
send_opening(struct side *side, struct h2_stream *stream)
{
    uint8_t *place = h2_stream_send_opening(side->conn, stream, response_head, 2, 5);

    if (place != NULL)
        memcpy(place, "hello", 5);
    return place != NULL;
}

/* Headers and content at once, as soon as a copy is all that the headers take. */
static void
test_opening(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream;
    struct frame frame;
    int32_t before, after, ignored;

    (void)state;
    for (uint32_t id = 1; id <= 3; id += 2) { /* the first one changes the table */
        stream = request(side, id, END_STREAM);
        assert_false(send_opening(side, stream));
        assert_silent(side);
        assert_true(send_response(side, stream));
        assert_false(send_opening(side, stream)); /* headers come once */
        forget(side);
    }
    stream = request(side, 5, END_STREAM);
    h2_conn_windows(side->conn, &before, &ignored);
    assert_true(send_opening(side, stream));
    h2_conn_windows(side->conn, &after, &ignored);
    assert_int_equal(before - after, 5);
    frame = assert_frame(side, HEADERS, 5);
    assert_int_equal(frame.flags, END_HEADERS);
    frame = assert_frame(side, DATA, 5);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(frame.len, 5);
    assert_memory_equal(frame.payload, "hello", 5);
    assert_true(h2_stream_send_data(side->conn, stream, "more", 4, true));
    frame = assert_frame(side, DATA, 5);
    assert_int_equal(frame.flags, END_STREAM);
    assert_int_equal(frame.len, 4);
    assert_silent(side);
    side_free(side);
}

static void
test_opening_keeps_to_windows(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream;

    (void)state;
    for (uint32_t id = 1; id <= 3; id += 2)
        assert_true(send_response(side, request(side, id, END_STREAM)));
    put_setting(&bytes, 4, 4);
    feed(side, &bytes);
    stream = request(side, 5, END_STREAM);
    forget(side);
    assert_false(send_opening(side, stream));
    assert_silent(side);
    h2_stream_reset(side->conn, stream, H2_CANCEL);
    forget(side);
    put_setting(&bytes, 4, 1000);
    feed(side, &bytes);
    forget(side);
    assert_false(send_opening(side, stream));
    assert_silent(side);
    side_free(side);
}

static bool
finish(struct side *side, struct h2_stream *stream)
{
    return h2_stream_finish(side->conn, stream, trailers, 1);
}

/* Trailers that take a copy, and the stream is given back with them. */
static void
test_finish(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream;

    (void)state;
    for (uint32_t id = 1; id <= 3; id += 2) { /* the first ones change the table */
        stream = request(side, id, END_STREAM);
        assert_false(finish(side, stream)); /* no headers before it */
        assert_true(send_response(side, stream));
        assert_false(finish(side, stream));
        assert_true(send_trailers(side, stream));
        h2_stream_release(side->conn, stream);
    }
    stream = request(side, 5, 0);
    assert_true(send_response(side, stream));
    forget(side);
    assert_false(finish(side, stream)); /* the request goes on */
    assert_silent(side);
    put_frame(&bytes, DATA, END_STREAM, 5, "x", 1);
    feed(side, &bytes);
    assert_int_equal(h2_conn_stream_count(side->conn), 1);
    assert_true(finish(side, stream));
    assert_int_equal(h2_conn_stream_count(side->conn), 0);
    assert_int_equal(assert_frame(side, HEADERS, 5).flags, END_HEADERS | END_STREAM);
    assert_silent(side);
    forget(side);
    put_frame(&bytes, DATA, 0, 5, "x", 1);
    feed(side, &bytes);
    assert_failed(side, H2_STREAM_CLOSED); /* it is known how the stream ended */
    side_free(side);
}

/* ---- small pieces of content ---- */

#define SEND(side, stream, text, end) \
    assert_true(h2_stream_send_data((side)->conn, stream, text, strlen(text), end))

static void
assert_data(struct side *side, uint32_t id, const char *text, uint8_t flags)
{
    struct frame frame = assert_frame(side, DATA, id);

    assert_int_equal(frame.flags, flags);
    assert_int_equal(frame.len, strlen(text));
    assert_memory_equal(frame.payload, text, frame.len);
}

static void
test_pieces_share_a_frame(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);

    (void)state;
    for (int i = 0; i < 3; i++)
        SEND(side, stream, "abc", false);
    SEND(side, stream, "", true);
    assert_data(side, stream->id, "abcabcabc", END_STREAM);
    assert_silent(side);
    side_free(side);
}

static void
test_each_stream_has_its_own_frames(void **state)
{
    struct side *side = client_open();
    struct h2_stream *one = call(side, false), *other = call(side, false);

    (void)state;
    SEND(side, one, "a", false);
    SEND(side, other, "b", false);
    SEND(side, one, "c", false);
    h2_conn_ping(side->conn, 7);
    SEND(side, one, "d", false);
    assert_data(side, one->id, "a", 0);
    assert_data(side, other->id, "b", 0);
    assert_data(side, one->id, "c", 0);
    assert_frame(side, PING, 0);
    assert_data(side, one->id, "d", 0);
    side_free(side);
}

/* Once a byte of it was taken, its length is with the peer. */
static void
test_a_frame_on_its_way_stays_as_it_is(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);

    (void)state;
    SEND(side, stream, "abc", false);
    take_output(side, 1);
    SEND(side, stream, "def", false);
    SEND(side, stream, "ghi", false);
    take_output(side, SIZE_MAX);
    SEND(side, stream, "jkl", false);
    assert_data(side, stream->id, "abc", 0);
    assert_data(side, stream->id, "defghi", 0);
    assert_data(side, stream->id, "jkl", 0);
    side_free(side);
}

static void
test_a_frame_grows_up_to_what_the_peer_takes(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    char text[1001] = "";

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < 20; i++)
        SEND(side, stream, text, i == 19);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 16000);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 4000);
    assert_silent(side);
    side_free(side);
}

static void
test_end_with_content(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    struct frame frame;

    (void)state;
    assert_true(h2_stream_send_data(side->conn, stream, "bye", 3, true));
    frame = assert_frame(side, DATA, 1);
    assert_int_equal(frame.flags, END_STREAM);
    assert_memory_equal(frame.payload, "bye", 3);
    assert_false(h2_stream_send_data(side->conn, stream, "x", 1, false));
    assert_null(h2_stream_send_data_in_place(side->conn, stream, 1, false));
    side_free(side);
}

static void
test_order_of_sending(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);

    (void)state;
    assert_false(h2_stream_send_data(side->conn, stream, "x", 1, false)); /* no headers yet */
    assert_true(send_response(side, stream));
    assert_false(send_response(side, stream)); /* a second block must be trailers */
    assert_true(send_trailers(side, stream));
    assert_false(send_trailers(side, stream));
    assert_frame(side, HEADERS, 1);
    assert_frame(side, HEADERS, 1);
    assert_silent(side);
    side_free(side);
}

/* ---- a block larger than the peer's frames ---- */

static void
test_long_block_is_split(void **state)
{
    struct side *server =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_header_list = 1 << 17});
    struct side *client = client_open();
    struct h2_stream *stream = h2_stream_open(client->conn);
    static char value[40000];
    struct h2_field field = {.name = {"x-long", 6}, .indexing = H2_DO_NOT_INDEX};
    struct frame frame;
    struct seen *seen;

    (void)state;
    for (size_t i = 0; i < sizeof(value); i++)
        value[i] = (char)('a' + i % 26);
    field.value = (weir_str){value, sizeof(value)};
    assert_true(h2_stream_send_headers(client->conn, stream, request_head, 6, &field, 1, true));
    take_output(client, SIZE_MAX);
    feed_in_chunks(server, buf_head(&client->out), buf_len(&client->out), 1000);
    seen = assert_event(server, H2_HEADERS);
    assert_int_equal(seen->fields, 7);
    assert_true(seen->event.end_stream);
    frame = assert_frame(client, HEADERS, 1);
    assert_int_equal(frame.flags, END_STREAM);
    assert_int_equal(frame.len, 16384);
    do {
        assert_true(frame.len == 16384);
        frame = assert_frame(client, CONTINUATION, 1);
    } while (frame.flags == 0);
    assert_int_equal(frame.flags, END_HEADERS);
    assert_silent(client);
    side_free(client);
    side_free(server);
}

/* Blocks are put together where they are sent from, also behind bytes that were partly taken. */
static void
test_blocks_behind_a_partly_taken_output(void **state)
{
    struct side *server = server_open(), *client = client_open();

    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        struct h2_stream *stream = h2_stream_open(client->conn);

        assert_true(send_request(client, stream, false));
        assert_true(h2_stream_send_data(client->conn, stream, "0123456789", 10, true));
        take_output(client, 17);
    }
    take_output(client, SIZE_MAX);
    feed(server, &client->out);
    for (uint32_t i = 0; i < 100; i++) {
        assert_headers(server, 2 * i + 1);
        assert_string_equal(assert_event(server, H2_DATA)->text, "0123456789");
    }
    side_free(client);
    side_free(server);
}

static void
test_long_debug_text_is_cut(void **state)
{
    struct side *side = server_open();
    char text[1000];
    struct frame frame;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    h2_conn_shutdown(side->conn, H2_NO_ERROR, text);
    frame = assert_frame(side, GOAWAY, 0);
    assert_true(frame.len > 8 && frame.len < 200);
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary_answer),
        cmocka_unit_test(test_opening),
        cmocka_unit_test(test_finish),
        cmocka_unit_test(test_opening_keeps_to_windows),
        cmocka_unit_test(test_pieces_share_a_frame),
        cmocka_unit_test(test_each_stream_has_its_own_frames),
        cmocka_unit_test(test_a_frame_on_its_way_stays_as_it_is),
        cmocka_unit_test(test_a_frame_grows_up_to_what_the_peer_takes),
        cmocka_unit_test(test_end_with_content),
        cmocka_unit_test(test_order_of_sending),
        cmocka_unit_test(test_long_block_is_split),
        cmocka_unit_test(test_blocks_behind_a_partly_taken_output),
        cmocka_unit_test(test_long_debug_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
