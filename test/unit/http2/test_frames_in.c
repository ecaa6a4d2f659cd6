/* SPDX-License-Identifier: Apache-2.0 */
/* Frames off the wire: sizes, streams, order, pads, and DATA in pieces. */
#include "harness.h"

static const uint8_t zeros[20000];

/* On a connection where stream 1 is open, stream 3 idle. */
static void
test_connection_errors(void **state)
{
    static const struct {
        uint8_t type, flags;
        uint32_t id;
        size_t len;
        enum h2_code code;
    } cases[] = {
        {DATA, 0, 0, 4, H2_PROTOCOL_ERROR},
        {DATA, 0, 3, 4, H2_PROTOCOL_ERROR},
        {DATA, PADDED, 1, 0, H2_FRAME_SIZE_ERROR},
        {HEADERS, END_HEADERS, 0, 0, H2_PROTOCOL_ERROR},
        {HEADERS, END_HEADERS, 2, 0, H2_PROTOCOL_ERROR},
        {HEADERS, END_HEADERS | PADDED, 3, 0, H2_FRAME_SIZE_ERROR},
        {HEADERS, END_HEADERS | WITH_PRIORITY, 3, 4, H2_FRAME_SIZE_ERROR},
        {HEADERS, END_HEADERS | WITH_PRIORITY | PADDED, 3, 5, H2_FRAME_SIZE_ERROR},
        {HEADERS, END_HEADERS, 3, 16385, H2_FRAME_SIZE_ERROR},
        {PRIORITY, 0, 0, 5, H2_PROTOCOL_ERROR},
        {RST_STREAM, 0, 0, 4, H2_PROTOCOL_ERROR},
        {RST_STREAM, 0, 2, 4, H2_PROTOCOL_ERROR},
        {RST_STREAM, 0, 1, 3, H2_FRAME_SIZE_ERROR},
        {RST_STREAM, 0, 1, 5, H2_FRAME_SIZE_ERROR},
        {PUSH_PROMISE, END_HEADERS, 1, 8, H2_PROTOCOL_ERROR},
        {PING, 0, 1, 8, H2_PROTOCOL_ERROR},
        {PING, 0, 0, 7, H2_FRAME_SIZE_ERROR},
        {PING, ACK, 0, 9, H2_FRAME_SIZE_ERROR},
        {GOAWAY, 0, 1, 8, H2_PROTOCOL_ERROR},
        {GOAWAY, 0, 0, 7, H2_FRAME_SIZE_ERROR},
        {WINDOW_UPDATE, 0, 3, 4, H2_PROTOCOL_ERROR},
        {WINDOW_UPDATE, 0, 0, 4, H2_PROTOCOL_ERROR}, /* of 0 */
        {WINDOW_UPDATE, 0, 1, 3, H2_FRAME_SIZE_ERROR},
        {WINDOW_UPDATE, 0, 0, 5, H2_FRAME_SIZE_ERROR},
        {CONTINUATION, END_HEADERS, 1, 0, H2_PROTOCOL_ERROR},
        {CONTINUATION, END_HEADERS, 0, 0, H2_PROTOCOL_ERROR},
        {0x77, 0, 0, 16385, H2_FRAME_SIZE_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        request(side, 1, 0);
        put_frame(&bytes, cases[i].type, cases[i].flags, cases[i].id, zeros, cases[i].len);
        feed(side, &bytes);
        assert_failed(side, cases[i].code);
        side_free(side);
    }
}

static void
test_client_takes_no_push(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_frame(&bytes, PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\2", 4);
    feed(side, &bytes);
    assert_failed(side, H2_PROTOCOL_ERROR);
    side_free(side);
}

/* A stream error ends its stream; the connection and the other streams go on. */
static void
assert_stream_error(struct side *side, struct buf *bytes, enum h2_code code)
{
    struct seen *seen;

    feed(side, bytes);
    seen = assert_event(side, H2_RESET);
    assert_int_equal(seen->id, 1);
    assert_int_equal(seen->event.code, code);
    assert_false(seen->event.remote);
    assert_rst(side, 1, code);
    assert_silent(side);
    put_frame(bytes, DATA, 0, 1, "in flight", 9);
    feed(side, bytes);
    request(side, 3, END_STREAM);
    assert_no_event(side);
    assert_silent(side);
}

static void
test_stream_errors(void **state)
{
    static const struct {
        uint8_t type, flags;
        size_t len;
        const char *payload;
        enum h2_code code;
    } cases[] = {
        {DATA, 0, 16385, (const char *)zeros, H2_FRAME_SIZE_ERROR},
        {PRIORITY, 0, 4, "\0\0\0\0", H2_FRAME_SIZE_ERROR},
        {PRIORITY, 0, 6, "\0\0\0\0\0\0", H2_FRAME_SIZE_ERROR},
        {PRIORITY, 0, 5, "\0\0\0\1\20", H2_PROTOCOL_ERROR},
        {PRIORITY, 0, 5, "\200\0\0\1\20", H2_PROTOCOL_ERROR},
        {WINDOW_UPDATE, 0, 4, "\0\0\0\0", H2_PROTOCOL_ERROR},
        {WINDOW_UPDATE, 0, 4, "\177\377\377\377", H2_FLOW_CONTROL_ERROR},
        {HEADERS, END_HEADERS, 0, "", H2_PROTOCOL_ERROR}, /* trailers without END_STREAM */
        {HEADERS, END_HEADERS | END_STREAM | WITH_PRIORITY, 5, "\0\0\0\1\20", H2_PROTOCOL_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        request(side, 1, 0);
        put_frame(&bytes, cases[i].type, cases[i].flags, 1, cases[i].payload, cases[i].len);
        assert_stream_error(side, &bytes, cases[i].code);
        side_free(side);
    }
}

/* RST_STREAM must not name an idle stream, so there is no stream error to be had. */
static void
test_priority_errors_on_an_idle_stream(void **state)
{
    static const size_t lens[] = {4, 5};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        put_frame(&bytes, PRIORITY, 0, 1, "\0\0\0\1\20", lens[i]);
        feed(side, &bytes);
        assert_failed(side, lens[i] == 4 ? H2_FRAME_SIZE_ERROR : H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

static void
test_what_is_ignored(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_frame(&bytes, PRIORITY, 0, 9, "\0\0\0\1\20", 5);
    put_frame(&bytes, 0x77, 0xff, 0x80000005, zeros, 16384);
    put_frame(&bytes, 0x0a, 0, 0, NULL, 0);
    put_u32(&bytes, WINDOW_UPDATE, 0x80000000, 1); /* the reserved bit of the stream */
    put_request(&bytes, 1, END_STREAM | 0x92);     /* flags that HEADERS do not have */
    feed_in_chunks(side, buf_head(&bytes), buf_len(&bytes), 1000);
    assert_headers(side, 1);
    assert_no_event(side);
    assert_silent(side);
    buf_fini(&bytes);
    side_free(side);
}

/* ---- pads ---- */

static void
test_pads_are_taken_off(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 30; chunk++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        char text[16] = "";

        request(side, 1, 0);
        put_frame(&bytes, DATA, PADDED | END_STREAM, 1, "\4hello\0\0\0\0", 10);
        put_frame(&bytes, PING, 0, 0, zeros, 8);
        feed_in_chunks(side, buf_head(&bytes), buf_len(&bytes), chunk);
        while (side->seen_next < side->seen_count) {
            struct seen *seen = assert_event(side, H2_DATA);

            memcpy(text + strlen(text), seen->text, seen->event.len);
            assert_int_equal(seen->event.end_stream, side->seen_next == side->seen_count);
        }
        assert_string_equal(text, "hello");
        assert_frame(side, PING, 0);
        buf_fini(&bytes);
        side_free(side);
    }
}

static void
test_pads_alone(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct seen *seen;

    (void)state;
    request(side, 1, 0);
    put_frame(&bytes, DATA, PADDED, 1, "\3\0\0\0", 4);
    put_frame(&bytes, DATA, PADDED | END_STREAM, 1, "\3\0\0\0", 4);
    put_frame(&bytes, PING, 0, 0, zeros, 8);
    feed(side, &bytes);
    seen = assert_event(side, H2_DATA);
    assert_int_equal(seen->event.len, 0);
    assert_true(seen->event.end_stream);
    assert_no_event(side);
    assert_frame(side, PING, 0);
    side_free(side);
}

static void
test_more_pads_than_frame(void **state)
{
    static const struct {
        uint8_t type, flags;
        const char *payload;
        size_t len;
    } cases[] = {{DATA, PADDED, "\4\0\0\0", 4}, {DATA, PADDED, "\1", 1},
        {HEADERS, PADDED | END_HEADERS, "\4\0\0\0", 4},
        {HEADERS, PADDED | WITH_PRIORITY | END_HEADERS, "\2\0\0\0\0\0\0", 7}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        request(side, 1, 0);
        put_frame(&bytes, cases[i].type, cases[i].flags, 1, cases[i].payload, cases[i].len);
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

/* ---- DATA ---- */

static void
test_data_is_handed_out_as_it_comes(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, 0);
    put_frame(&bytes, DATA, END_STREAM, 1, "abcdef", 6);
    feed_in_chunks(side, buf_head(&bytes), 9 + 2, SIZE_MAX);
    assert_string_equal(assert_event(side, H2_DATA)->text, "ab");
    assert_int_equal(buf_len(&side->in), 0);
    feed_in_chunks(side, buf_head(&bytes) + 11, 3, SIZE_MAX);
    assert_false(side->seen[side->seen_next].event.end_stream);
    assert_string_equal(assert_event(side, H2_DATA)->text, "cde");
    feed_in_chunks(side, buf_head(&bytes) + 14, 1, SIZE_MAX);
    assert_true(side->seen[side->seen_next].event.end_stream);
    assert_string_equal(assert_event(side, H2_DATA)->text, "f");
    buf_fini(&bytes);
    side_free(side);
}

static void
test_data_before_the_response(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_frame(&bytes, DATA, 0, 1, "x", 1);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
    assert_rst(side, 1, H2_PROTOCOL_ERROR);
    side_free(side);
}

/* ---- requests that are there as a whole ---- */

/* The request of stream 1, with `body` behind it: was its content taken along? */
static bool
take_along(struct side *side, struct buf *body, const uint8_t **out_data, size_t *out_len,
    struct h2_event *out_event)
{
    struct buf bytes = BUF_EMPTY;
    struct h2_input in;
    bool taken;

    put_request(&bytes, 1, 0);
    assert_true(buf_append(&bytes, buf_head(body), buf_len(body)));
    buf_fini(body);
    in = (struct h2_input){buf_head(&bytes), buf_len(&bytes)};
    h2_conn_next(side->conn, &in, out_event);
    assert_int_equal(out_event->type, H2_HEADERS);
    taken = h2_stream_take_content(side->conn, out_event->stream, &in, out_data, out_len);
    assert_true(buf_append(&side->in, in.at, in.left)); /* what is left goes the usual way */
    if (taken)
        assert_int_equal(in.left, 0);
    buf_reset(&bytes, SIZE_MAX);
    feed(side, &bytes);
    return taken;
}

static void
test_content_is_taken_along(void **state)
{
    struct side *side = server_open();
    struct buf body = BUF_EMPTY;
    struct h2_event event;
    const uint8_t *data;
    int32_t ignored, before, after;
    size_t len;

    (void)state;
    h2_conn_windows(side->conn, &ignored, &before);
    put_frame(&body, DATA, END_STREAM, 1, "abc", 3);
    assert_true(take_along(side, &body, &data, &len, &event));
    assert_int_equal(len, 3);
    h2_conn_windows(side->conn, &ignored, &after);
    assert_int_equal(before - after, 3);
    assert_int_equal(h2_stream_window(event.stream), 65536 - 3);
    assert_no_event(side);
    /* The stream has ended: more is an error, as ever. */
    put_frame(&body, DATA, END_STREAM, 1, "x", 1);
    feed(side, &body);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_STREAM_CLOSED);
    side_free(side);
}

/* All of these come as they would have come. */
static void
test_content_is_left(void **state)
{
    static const struct {
        uint8_t type, flags;
        uint32_t id;
        size_t len;
    } cases[] = {
        {DATA, 0, 1, 3},                   /* there is more to come */
        {DATA, END_STREAM | PADDED, 1, 3}, /* it is not all content */
        {DATA, END_STREAM, 3, 3},
        {DATA, END_STREAM, 1, 16385},
        {PING, ACK, 0, 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf body = BUF_EMPTY;
        struct h2_event event;
        const uint8_t *data = NULL;
        size_t len = 0;

        put_frame(&body, cases[i].type, cases[i].flags, cases[i].id, zeros, cases[i].len);
        assert_false(take_along(side, &body, &data, &len, &event));
        assert_null(data);
        side_free(side);
    }
}

static void
test_content_in_part_is_left(void **state)
{
    struct side *side = server_open();
    struct buf body = BUF_EMPTY;
    struct h2_event event;
    const uint8_t *data;
    size_t len;

    (void)state;
    put_frame(&body, DATA, END_STREAM, 1, "abc", 3);
    body.tail--;
    assert_false(take_along(side, &body, &data, &len, &event));
    assert_string_equal(assert_event(side, H2_DATA)->text, "ab");
    feed_in_chunks(side, "c", 1, SIZE_MAX);
    assert_true(side->seen[side->seen_next].event.end_stream);
    assert_string_equal(assert_event(side, H2_DATA)->text, "c");
    side_free(side);
}

static void
test_content_that_is_wrong_is_left(void **state)
{
    static const char *const fields[] = {
        ":method", "POST", ":scheme", "http", ":path", "/a/b", "content-length", "4", NULL};
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_event event;
    struct h2_input in;
    const uint8_t *data;
    size_t len;

    (void)state;
    put_headers(&bytes, 1, 0, fields);
    put_frame(&bytes, DATA, END_STREAM, 1, "abc", 3);
    in = (struct h2_input){buf_head(&bytes), buf_len(&bytes)};
    h2_conn_next(side->conn, &in, &event);
    assert_false(h2_stream_take_content(side->conn, event.stream, &in, &data, &len));
    feed_in_chunks(side, in.at, in.left, SIZE_MAX);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
    buf_fini(&bytes);
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_errors),
        cmocka_unit_test(test_client_takes_no_push),
        cmocka_unit_test(test_stream_errors),
        cmocka_unit_test(test_priority_errors_on_an_idle_stream),
        cmocka_unit_test(test_what_is_ignored),
        cmocka_unit_test(test_pads_are_taken_off),
        cmocka_unit_test(test_pads_alone),
        cmocka_unit_test(test_more_pads_than_frame),
        cmocka_unit_test(test_data_is_handed_out_as_it_comes),
        cmocka_unit_test(test_data_before_the_response),
        cmocka_unit_test(test_content_is_taken_along),
        cmocka_unit_test(test_content_is_left),
        cmocka_unit_test(test_content_in_part_is_left),
        cmocka_unit_test(test_content_that_is_wrong_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
