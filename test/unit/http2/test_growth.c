/* SPDX-License-Identifier: Apache-2.0 */
/* Windows that grow with what fits the line, and the budget that bounds them. */
#include "harness.h"

static const uint8_t zeros[16384];

static void
give(struct side *side, uint32_t id, size_t len)
{
    struct buf bytes = BUF_EMPTY;

    put_frame(&bytes, DATA, 0, id, zeros, len);
    feed(side, &bytes);
}

/* Answer a PING that the connection has sent. */
static void
answer(struct side *side, const struct frame *ping)
{
    struct buf bytes = BUF_EMPTY;
    uint8_t payload[8];

    memcpy(payload, ping->payload, sizeof(payload));
    put_frame(&bytes, PING, ACK, 0, payload, sizeof(payload));
    feed(side, &bytes);
}

static struct side *
growing(struct h2_budget *budget)
{
    struct side *side = side_open(&(struct h2_options){
        .role = H2_SERVER, .stream_window = 1000, .max_stream_window = 8000, .budget = budget});

    h2_conn_set_time(side->conn, WEIR_SECOND);
    return side;
}

/* One round trip of a stream that is read; `len` bytes come, a hundred of them after the answer. */
static void
round_trip(struct side *side, struct h2_stream *stream, size_t read, size_t credit, size_t len)
{
    struct frame ping;

    h2_stream_consumed(side->conn, stream, read);
    assert_window_update(side, stream->id, (uint32_t)credit);
    ping = assert_frame(side, PING, 0);
    give(side, stream->id, len - 100);
    answer(side, &ping);
    give(side, stream->id, 100);
}

static void
test_a_stream_that_is_read_grows(void **state)
{
    struct h2_budget budget = {.limit = 1000000};
    struct side *side = growing(&budget);
    struct h2_stream *read = request(side, 1, 0), *unread = request(side, 3, 0);

    (void)state;
    give(side, 1, 1000);
    give(side, 3, 1000);
    round_trip(side, read, 1000, 1000, 1000);
    assert_int_equal(budget.used, 0);
    /* Nine tenths of the window were under way: twice that now. */
    round_trip(side, read, 1000, 1000 + 800, 1800);
    assert_int_equal(budget.used, 800);
    round_trip(side, read, 1800, 1800 + 1600, 3400);
    round_trip(side, read, 3400, 3400 + 3200, 6600);
    h2_stream_consumed(side->conn, read, 6600);
    assert_window_update(side, 1, 6600 + 1400);
    assert_silent(side); /* as large as it may be: nothing is left to measure */
    assert_int_equal(budget.used, 7000);
    /* The other one is as it was. */
    forget(side);
    give(side, 3, 1);
    assert_int_equal(assert_event(side, H2_RESET)->event.stream->id, 3);
    h2_stream_release(side->conn, read);
    h2_stream_release(side->conn, unread);
    assert_int_equal(budget.used, 0);
    side_free(side);
}

/* Where nothing new is found, it is measured less and less often. */
static void
test_a_slow_line_keeps_its_window(void **state)
{
    struct side *side = growing(NULL);
    struct h2_stream *stream = request(side, 1, 0);
    unsigned pings = 0;
    struct frame frame;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        give(side, 1, 500);
        h2_stream_consumed(side->conn, stream, 500);
        assert_window_update(side, 1, 500);
        take_output(side, SIZE_MAX);
        if (!next_frame(side, &frame))
            continue;
        assert_int_equal(frame.type, PING);
        answer(side, &frame);
        pings++;
    }
    assert_true(pings >= 5 && pings <= 7);
    h2_stream_release(side->conn, stream);
    side_free(side);
}

/* More bytes in a round trip, but not faster: they only waited longer. */
static void
test_a_line_that_is_full_keeps_its_window(void **state)
{
    struct side *side = growing(NULL);
    struct h2_stream *stream = request(side, 1, 0);
    struct frame ping;

    (void)state;
    give(side, 1, 1000);
    h2_stream_consumed(side->conn, stream, 1000);
    assert_window_update(side, 1, 1000);
    ping = assert_frame(side, PING, 0);
    give(side, 1, 900);
    h2_conn_set_time(side->conn, WEIR_SECOND + 1000);
    answer(side, &ping);
    give(side, 1, 100);
    h2_stream_consumed(side->conn, stream, 1000);
    assert_window_update(side, 1, 1800);
    ping = assert_frame(side, PING, 0);
    give(side, 1, 1700);
    h2_conn_set_time(side->conn, WEIR_SECOND + 5000);
    answer(side, &ping);
    give(side, 1, 100);
    h2_stream_consumed(side->conn, stream, 1800);
    assert_window_update(side, 1, 1800);
    h2_stream_release(side->conn, stream);
    side_free(side);
}

/* Who reads what came long ago asks nothing: the peer, which had nothing to send since the last
 * PING, might mind another. */
static void
test_no_probe_without_new_data(void **state)
{
    struct side *side = growing(NULL);
    struct h2_stream *streams[10];
    struct frame ping;

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        streams[i] = request(side, 2 * i + 1, 0);
    for (uint32_t i = 0; i < 10; i++)
        give(side, 2 * i + 1, 1000);
    h2_stream_consumed(side->conn, streams[0], 1000);
    assert_window_update(side, 1, 1000);
    ping = assert_frame(side, PING, 0);
    answer(side, &ping);
    for (uint32_t i = 1; i < 10; i++) {
        h2_stream_consumed(side->conn, streams[i], 1000);
        assert_window_update(side, 2 * i + 1, 1000);
        assert_silent(side);
    }
    for (uint32_t i = 0; i < 10; i++)
        h2_stream_release(side->conn, streams[i]);
    side_free(side);
}

static void
test_growth_stops_at_half_of_the_budget(void **state)
{
    struct h2_budget budget = {.limit = 1599};
    struct side *side = growing(&budget);
    struct h2_stream *stream = request(side, 1, 0);

    (void)state;
    give(side, 1, 1000);
    round_trip(side, stream, 1000, 1000, 1000);
    h2_stream_consumed(side->conn, stream, 1000);
    assert_window_update(side, 1, 1000);
    assert_int_equal(budget.used, 0);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_UNREAD], 1);
    h2_stream_release(side->conn, stream);
    side_free(side);
}

static void
test_large_messages_share_the_budget(void **state)
{
    struct h2_budget budget = {.limit = 10000};
    struct side *one = growing(&budget), *other = growing(&budget);
    struct h2_stream *first = request(one, 1, 0), *second = request(other, 1, 0);

    (void)state;
    assert_true(h2_stream_expect(one->conn, first, 7000));
    assert_window_update(one, 1, 6000);
    assert_int_equal(budget.used, 6000);
    assert_false(h2_stream_expect(other->conn, second, 7000));
    assert_silent(other);
    assert_int_equal(other->stats.limit_hits[H2_LIMIT_UNREAD], 1);
    assert_true(h2_stream_expect(other->conn, second, 5000));
    assert_int_equal(budget.used, 10000);
    /* What is read is free again. */
    give(one, 1, 7000);
    h2_stream_consumed(one->conn, first, 4000);
    assert_int_equal(budget.used, 6000);
    assert_true(h2_stream_expect(other->conn, second, 9000));
    assert_int_equal(budget.used, 10000);
    h2_stream_reset(one->conn, first, H2_CANCEL);
    h2_stream_release(one->conn, first);
    assert_int_equal(budget.used, 8000);
    side_free(one);
    side_free(other); /* with a stream still held */
    assert_int_equal(budget.used, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_that_is_read_grows),
        cmocka_unit_test(test_a_slow_line_keeps_its_window),
        cmocka_unit_test(test_a_line_that_is_full_keeps_its_window),
        cmocka_unit_test(test_no_probe_without_new_data),
        cmocka_unit_test(test_growth_stops_at_half_of_the_budget),
        cmocka_unit_test(test_large_messages_share_the_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
