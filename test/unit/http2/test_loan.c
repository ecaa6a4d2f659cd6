/* SPDX-License-Identifier: Apache-2.0 */
/* Content that is lent to the output: what is on the wire is what a copy would have put there,
 * wherever the writing stopped. */
#include "harness.h"

enum { FRAME = 16384, LEN = 2 * FRAME + 5000, HEAD = 9 };

static uint8_t content[LEN];

static void
fill(uint8_t *bytes)
{
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
}

static bool
lend(struct side *side, struct h2_stream *stream, const uint8_t *bytes, size_t len, bool end)
{
    return h2_stream_lend_data(side->conn, stream, bytes, len, end);
}

/* Take `max` bytes of the output by as many spans at once as there are. */
static size_t
take_spans(struct side *side, size_t max)
{
    struct h2_span spans[64];
    size_t count = h2_conn_output(side->conn, spans, 64), taken = 0;

    for (size_t i = 0; i < count && taken < max; i++) {
        size_t len = spans[i].len < max - taken ? spans[i].len : max - taken;

        assert_true(len > 0 && buf_append(&side->out, spans[i].data, len));
        taken += len;
    }
    h2_conn_wrote(side->conn, taken);
    return taken;
}

static void
assert_content(struct side *side, uint32_t id, uint8_t last_flags)
{
    for (size_t at = 0; at < LEN;) {
        struct frame frame = assert_frame(side, DATA, id);
        size_t left = LEN - at;

        assert_int_equal(frame.len, left < FRAME ? left : FRAME);
        assert_int_equal(frame.flags, frame.len == left ? last_flags : 0);
        assert_memory_equal(frame.payload, content + at, frame.len);
        at += frame.len;
    }
}

/* `cut` bytes are written, the rest is kept, and the bytes that were lent are something else then.
 */
static void
check_cut(size_t cut, bool end)
{
    struct side *side = client_open();
    struct h2_stream *stream = h2_stream_open(side->conn);
    uint8_t *mine = malloc(LEN);
    size_t taken;

    assert_non_null(mine);
    memcpy(mine, content, LEN);
    assert_true(send_request(side, stream, false));
    assert_true(lend(side, stream, mine, LEN, end));
    taken = take_spans(side, cut);
    h2_conn_keep(side->conn);
    memset(mine, 0xee, LEN);
    free(mine);
    if (!end) {
        assert_true(h2_stream_send_data(side->conn, stream, "after", 5, true));
        assert_true(taken <= cut);
    }
    assert_frame(side, HEADERS, stream->id);
    assert_content(side, stream->id, end ? END_STREAM : 0);
    if (!end) {
        struct frame frame = assert_frame(side, DATA, stream->id);

        assert_int_equal(frame.len, 5);
        assert_int_equal(frame.flags, END_STREAM);
    }
    assert_silent(side);
    side_free(side);
}

static void
test_writing_stops_anywhere(void **state)
{
    (void)state;
    for (size_t frame = 0; frame < 3; frame++)
        for (size_t i = 0; i < 90; i++)
            check_cut(frame * (FRAME + HEAD) + i, (i & 1) != 0);
    for (size_t i = 0; i < 90; i++)
        check_cut(LEN + 3 * HEAD + i, (i & 1) != 0);
    check_cut(SIZE_MAX, true);
    check_cut(SIZE_MAX, false);
}

static void
test_it_is_written_bit_by_bit(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    size_t step = 1, total = 0, taken;

    (void)state;
    assert_true(lend(side, stream, content, LEN, true));
    while ((taken = take_spans(side, step)) > 0) {
        total += taken;
        step = step % 1000 + 7;
    }
    assert_int_equal(total, LEN + 3 * HEAD);
    h2_conn_keep(side->conn);
    assert_content(side, stream->id, END_STREAM);
    assert_silent(side);
    side_free(side);
}

static void
test_few_spans_at_a_time(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);

    (void)state;
    assert_true(lend(side, stream, content, LEN, false));
    take_output(side, SIZE_MAX); /* by one */
    h2_conn_keep(side->conn);
    assert_content(side, stream->id, 0);
    assert_silent(side);
    side_free(side);
}

/* A frame that was lent is not made longer, nor is the one before it. */
static void
test_neighbours_have_their_own_frames(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);

    (void)state;
    assert_true(h2_stream_send_data(side->conn, stream, "one", 3, false));
    assert_true(lend(side, stream, content, 100, false));
    h2_conn_keep(side->conn);
    assert_true(h2_stream_send_data(side->conn, stream, "two", 3, false));
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 3);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 100);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 3);
    assert_silent(side);
    side_free(side);
}

static void
test_windows_count_what_is_lent(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    struct buf bytes = BUF_EMPTY;
    size_t room = h2_stream_room(side->conn, stream);

    (void)state;
    assert_int_equal(room, 65535);
    assert_true(lend(side, stream, content, LEN, false));
    take_output(side, SIZE_MAX);
    h2_conn_keep(side->conn);
    assert_int_equal(h2_stream_room(side->conn, stream), room - LEN);
    assert_false(lend(side, stream, content, room - LEN + 1, false));
    assert_false(lend(side, stream, content, 0, true));
    put_u32(&bytes, WINDOW_UPDATE, stream->id, LEN);
    put_u32(&bytes, WINDOW_UPDATE, 0, LEN);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), room);
    assert_content(side, stream->id, 0);
    side_free(side);
}

/* What was kept counts as output, whose bound holds. */
static void
test_what_is_kept_takes_room(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_CLIENT, .max_output = LEN + 3 * HEAD});
    struct h2_stream *stream = call(side, false);

    (void)state;
    assert_true(lend(side, stream, content, LEN, false));
    h2_conn_keep(side->conn);
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    h2_stream_want_room(side->conn, stream);
    take_output(side, SIZE_MAX);
    feed_in_chunks(side, NULL, 0, SIZE_MAX);
    assert_int_equal(assert_event(side, H2_WRITABLE)->id, stream->id);
    assert_content(side, stream->id, 0);
    side_free(side);
}

/* Between two loans the peer resets the stream: nothing more can be lent, and what is out stays
 * whole. */
static void
test_a_reset_between_loans(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, false);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(lend(side, stream, content, LEN, false));
    take_spans(side, FRAME / 2);
    h2_conn_keep(side->conn);
    put_u32(&bytes, RST_STREAM, stream->id, H2_CANCEL);
    feed(side, &bytes);
    assert_event(side, H2_RESET);
    assert_false(lend(side, stream, content, 1, false));
    assert_content(side, stream->id, 0);
    assert_silent(side);
    h2_stream_release(side->conn, stream);
    side_free(side);
}

static void
test_nothing_is_lent_without_headers(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);

    (void)state;
    assert_false(lend(side, stream, content, 100, false));
    assert_true(send_response(side, stream));
    assert_true(lend(side, stream, content, 100, false));
    h2_conn_keep(side->conn);
    h2_conn_keep(side->conn); /* of nothing */
    assert_true(send_trailers(side, stream));
    assert_false(lend(side, stream, content, 100, false));
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writing_stops_anywhere),
        cmocka_unit_test(test_it_is_written_bit_by_bit),
        cmocka_unit_test(test_few_spans_at_a_time),
        cmocka_unit_test(test_neighbours_have_their_own_frames),
        cmocka_unit_test(test_windows_count_what_is_lent),
        cmocka_unit_test(test_what_is_kept_takes_room),
        cmocka_unit_test(test_a_reset_between_loans),
        cmocka_unit_test(test_nothing_is_lent_without_headers),
    };

    fill(content);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
