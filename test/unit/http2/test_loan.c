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

/* More is lent than the output may hold: of what was not written so much is kept, but at least the
 * frame that is under way, and the rest was never sent. */
static void
check_given_back(size_t cut, size_t frames_kept)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_CLIENT, .max_output = FRAME + 9});
    struct h2_stream *stream = call(side, false);
    size_t room, out = 0, left, sent;

    room = h2_stream_lendable(side->conn, stream);
    assert_int_equal(room, 65535);
    assert_true(h2_stream_room(side->conn, stream) < LEN);
    assert_true(lend(side, stream, content, LEN, true));
    while (out < cut)
        out += take_spans(side, cut - out);
    left = h2_conn_keep(side->conn);
    sent = frames_kept * FRAME < LEN ? frames_kept * FRAME : LEN;
    assert_int_equal(left, LEN - sent);
    take_output(side, SIZE_MAX);
    if (left > 0) {
        assert_int_equal(h2_stream_lendable(side->conn, stream), room - sent);
        assert_true(lend(side, stream, content + sent, left, true));
        take_output(side, SIZE_MAX);
        assert_int_equal(h2_conn_keep(side->conn), 0);
    }
    assert_int_equal(h2_stream_lendable(side->conn, stream), 0);
    assert_content(side, stream->id, END_STREAM);
    assert_silent(side);
    side_free(side);
}

static void
test_what_the_output_cannot_hold_is_given_back(void **state)
{
    const size_t stride = FRAME + HEAD;

    (void)state;
    check_given_back(0, 1);
    check_given_back(1, 1);
    check_given_back(stride - 1, 1);
    check_given_back(stride, 2);
    check_given_back(stride + 1, 2);
    check_given_back(
        stride + 5008, 2); /* one byte more than there is room for, with the last frame */
    check_given_back(stride + 5009, 3);
    check_given_back(2 * stride, 3);
    check_given_back(2 * stride + 1, 3);
    check_given_back(LEN + 3 * HEAD, 3);
}

/* What waits in front of a loan takes of the room, and a frame that has begun is kept all the same.
 */
static void
test_what_is_before_it_takes_room(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_CLIENT, .max_output = FRAME + 9});
    struct h2_stream *stream = call(side, false), *other = call(side, false);

    (void)state;
    assert_true(h2_stream_send_data(side->conn, other, content, 1000, false));
    assert_true(lend(side, stream, content, LEN, false));
    take_spans(side, 10);
    assert_int_equal(h2_conn_keep(side->conn), LEN - FRAME);
    assert_int_equal(h2_stream_room(side->conn, other), 0);
    assert_int_equal(h2_stream_lendable(side->conn, other), 0);
    assert_false(lend(side, stream, content, 1, false));
    take_output(side, SIZE_MAX);
    assert_int_equal(assert_frame(side, DATA, other->id).len, 1000);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, FRAME);
    assert_silent(side);
    side_free(side);
}

/* A peer whose frames may be larger than all that is held gets smaller ones. */
static void
test_frames_are_no_larger_than_the_output(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_CLIENT, .max_output = 1000});
    struct h2_stream *stream = call(side, false);

    (void)state;
    assert_true(lend(side, stream, content, 2500, true));
    assert_int_equal(h2_conn_keep(side->conn), 1500);
    take_output(side, SIZE_MAX);
    assert_int_equal(assert_frame(side, DATA, stream->id).len, 1000);
    assert_silent(side);
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
        cmocka_unit_test(test_what_the_output_cannot_hold_is_given_back),
        cmocka_unit_test(test_what_is_before_it_takes_room),
        cmocka_unit_test(test_frames_are_no_larger_than_the_output),
        cmocka_unit_test(test_a_reset_between_loans),
        cmocka_unit_test(test_nothing_is_lent_without_headers),
    };

    fill(content);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
