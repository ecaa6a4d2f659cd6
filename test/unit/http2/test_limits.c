/* SPDX-License-Identifier: Apache-2.0 */
/* What floods come to: the limit that stops each, and the honest peer that never meets it. */
#include "harness.h"

static void
assert_calmed(struct side *side, enum h2_limit limit)
{
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    for (int i = 0; i < H2_LIMIT_COUNT; i++)
        assert_int_equal(side->stats.limit_hits[i], (enum h2_limit)i == limit ? 1 : 0);
}

static bool
has_failed(const struct side *side)
{
    return side->seen_count > 0 && side->seen[side->seen_count - 1].event.type == H2_FAILED;
}

/* Feed the same again and again, with the output taken, until it fails. How often it went well. */
static unsigned
repeat(struct side *side, struct buf *bytes, unsigned most)
{
    unsigned done = 0;

    while (done < most) {
        feed_in_chunks(side, buf_head(bytes), buf_len(bytes), SIZE_MAX);
        if (has_failed(side))
            break;
        forget(side);
        done++;
    }
    buf_reset(bytes, 0);
    return done;
}

/* ---- resets ---- */

/* Open and reset a stream. False: the connection is over. */
static bool
open_and_reset(struct side *side, uint32_t id)
{
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream = request(side, id, END_STREAM);

    put_u32(&bytes, RST_STREAM, id, H2_CANCEL);
    feed(side, &bytes);
    if (has_failed(side))
        return false;
    assert_event(side, H2_RESET);
    h2_stream_release(side->conn, stream);
    forget(side);
    return true;
}

static void
test_rapid_reset(void **state)
{
    struct side *side = server_open();
    uint32_t id = 1;

    (void)state;
    h2_conn_set_time(side->conn, WEIR_SECOND);
    while (open_and_reset(side, id))
        id += 2;
    assert_int_equal(id / 2, 1000);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

static void
test_resets_come_back_with_time(void **state)
{
    struct side *side = server_open();
    uint32_t id = 1;

    (void)state;
    for (int second = 1; second < 100; second++) {
        h2_conn_set_time(side->conn, second * WEIR_SECOND);
        for (int i = 0; i < 33; i++, id += 2)
            assert_true(open_and_reset(side, id));
    }
    while (open_and_reset(side, id))
        id += 2;
    assert_in_range(id / 2, 99 * 33 + 900, 99 * 33 + 1000);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

/* A client that has its answer and resets what it need not send any more. */
static void
test_resets_after_the_answer_are_free(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (uint32_t id = 1; id < 5000; id += 2) {
        struct h2_stream *stream = request(side, id, 0);

        assert_true(send_trailers(side, stream));
        put_u32(&bytes, RST_STREAM, id, H2_NO_ERROR);
        feed(side, &bytes);
        assert_event(side, H2_RESET);
        h2_stream_release(side->conn, stream);
        forget(side);
    }
    side_free(side);
}

static void
open_and_answer(struct side *side, uint32_t id)
{
    struct h2_stream *stream = request(side, id, END_STREAM);

    assert_true(send_trailers(side, stream));
    h2_stream_release(side->conn, stream);
    forget(side);
}

/* One that makes five attempts at each call, at once (gRFC A6), and takes the first answer. */
static void
test_who_hedges_may_reset(void **state)
{
    struct side *side = server_open();
    uint32_t id = 1;

    (void)state;
    h2_conn_set_time(side->conn, WEIR_SECOND);
    for (int call = 0; call < 5000; call++) {
        for (int i = 0; i < 4; i++, id += 2)
            assert_true(open_and_reset(side, id));
        open_and_answer(side, id);
        id += 2;
    }
    side_free(side);
}

/* A server that has stopped to answer, and a client whose calls have deadlines. */
static void
test_who_has_waited_may_reset(void **state)
{
    struct side *side = server_open();
    struct h2_stream *open[64];
    struct buf bytes = BUF_EMPTY;
    uint32_t id = 1;

    (void)state;
    for (int round = 0; round < 5000; round++, id += 2) {
        struct h2_stream **place = &open[round % 64];

        h2_conn_set_time(side->conn, WEIR_SECOND + round * 2 * WEIR_MILLISECOND);
        if (round >= 64) { /* it is 128 ms old */
            put_u32(&bytes, RST_STREAM, id - 128, H2_CANCEL);
            feed(side, &bytes);
            assert_event(side, H2_RESET);
            h2_stream_release(side->conn, *place);
        }
        *place = request(side, id, END_STREAM);
        forget(side);
    }
    while (open_and_reset(side, id)) /* young ones still cost something */
        id += 2;
    assert_in_range(id / 2, 5900, 6010);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

/* The same when all of its calls have the same deadline, and are made again after it. */
static void
test_who_has_waited_together_may_reset(void **state)
{
    enum { TOGETHER = 50 };
    struct side *side = server_open();
    struct h2_stream *open[TOGETHER];
    struct buf bytes = BUF_EMPTY;
    uint32_t id = 1;

    (void)state;
    for (int round = 0; round < 100; round++) {
        h2_conn_set_time(side->conn, WEIR_SECOND + round * 100 * WEIR_MILLISECOND);
        for (uint32_t i = 0; round > 0 && i < TOGETHER; i++) {
            put_u32(&bytes, RST_STREAM, id - 2 * (TOGETHER - i), H2_CANCEL);
            feed(side, &bytes);
            assert_event(side, H2_RESET);
            h2_stream_release(side->conn, open[i]);
        }
        for (uint32_t i = 0; i < TOGETHER; i++, id += 2)
            open[i] = request(side, id, END_STREAM);
        forget(side);
    }
    for (uint32_t i = 0; i < TOGETHER; i++) { /* who does not wait pays */
        put_u32(&bytes, RST_STREAM, id - 2 * (TOGETHER - i), H2_CANCEL);
        feed(side, &bytes);
        assert_event(side, H2_RESET);
        h2_stream_release(side->conn, open[i]);
    }
    while (open_and_reset(side, id))
        id += 2;
    assert_in_range(id / 2, 100 * TOGETHER + 900, 100 * TOGETHER + 1000 - TOGETHER + 10);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

/* Few calls among many resets do not hide them; nor do many calls before. */
static void
test_calls_do_not_hide_rapid_reset(void **state)
{
    struct side *side = server_open();
    uint32_t id = 1;
    int resets = 0;

    (void)state;
    h2_conn_set_time(side->conn, WEIR_SECOND);
    for (; id < 20000; id += 2)
        open_and_answer(side, id);
    while (open_and_reset(side, id)) {
        id += 2;
        if (++resets % 8 != 0)
            continue;
        open_and_answer(side, id);
        id += 2;
    }
    assert_in_range(resets, 1990, 2010);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

/* CVE-2025-8671: let the server do the resetting. */
static void
test_provoked_resets(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    uint32_t id;

    (void)state;
    for (id = 1; !has_failed(side); id += 2) {
        struct h2_stream *stream;

        forget(side);
        stream = request(side, id, END_STREAM);
        put_u32(&bytes, WINDOW_UPDATE, id, 0);
        feed(side, &bytes);
        h2_stream_release(side->conn, stream);
    }
    assert_int_equal(id / 2, 1001);
    assert_calmed(side, H2_LIMIT_LOCAL_RESETS);
    side_free(side);
}

static void
test_refused_streams_are_provoked_resets(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_concurrent_streams = 1});
    struct buf bytes = BUF_EMPTY;

    (void)state;
    request(side, 1, 0);
    for (uint32_t id = 3; !has_failed(side); id += 2) {
        forget(side);
        put_request(&bytes, id, 0);
        feed(side, &bytes);
        assert_true(id < 3000);
    }
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_LOCAL_RESETS], 1);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_STREAMS], 1001);
    side_free(side);
}

/* ---- header blocks ---- */

static void
test_too_many_continuations(void **state)
{
    for (int count = 8; count <= 9; count++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

        put_fields(&block, request_fields);
        put_frame(&bytes, HEADERS, 0, 1, buf_head(&block), buf_len(&block));
        for (int i = 1; i <= count; i++)
            put_frame(&bytes, CONTINUATION, i == count ? END_HEADERS : 0, 1, NULL, 0);
        feed(side, &bytes);
        if (count == 8)
            assert_headers(side, 1);
        else
            assert_calmed(side, H2_LIMIT_CONTINUATIONS);
        buf_fini(&block);
        side_free(side);
    }
    (void)state;
}

static void
test_too_long_continuations(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    static const uint8_t zeros[16384];

    (void)state;
    put_frame(&bytes, HEADERS, 0, 1, zeros, 16384);
    for (int i = 0; i < 4; i++) {
        feed(side, &bytes);
        assert_no_event(side);
        put_frame(&bytes, CONTINUATION, 0, 1, zeros, 16384);
    }
    feed(side, &bytes);
    assert_calmed(side, H2_LIMIT_CONTINUATIONS);
    side_free(side);
}

/* ---- replies that nobody reads ---- */

static void
test_pings_without_reading(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_concurrent_streams = 1000});
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (int i = 0; i < 1001; i++) {
        assert_no_event(side);
        put_request(&bytes, (uint32_t)(2 * i + 1), END_STREAM); /* so that they are not alone */
        put_frame(&bytes, PING, 0, 0, "12345678", 8);
        feed(side, &bytes);
        h2_stream_release(side->conn, assert_headers(side, (uint32_t)(2 * i + 1)));
        side->seen_next = side->seen_count - has_failed(side);
    }
    assert_calmed(side, H2_LIMIT_CONTROL_FRAMES);
    side_free(side);
}

static void
answer(struct side *side, uint32_t id)
{
    struct h2_stream *stream = request(side, id, END_STREAM);

    assert_true(send_response(side, stream));
    assert_true(send_trailers(side, stream));
    h2_stream_release(side->conn, stream);
}

static void
test_answers_without_reading(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    uint32_t id;

    (void)state;
    for (id = 1; id / 2 <= 400; id += 2)
        answer(side, id);
    put_request(&bytes, id, END_STREAM);
    feed(side, &bytes);
    assert_calmed(side, H2_LIMIT_CONTROL_FRAMES);
    side_free(side);
}

/* At most 100 answers unread, as the limit of streams demands; they go out a few bytes at a time.
 */
static void
test_answers_that_are_read_slowly(void **state)
{
    struct side *side = server_open();
    struct frame frame;
    unsigned unread = 0;

    (void)state;
    for (uint32_t id = 1; id < 20000;) {
        for (; unread < 100; unread++, id += 2)
            answer(side, id);
        side->seen_count = side->seen_next = 0;
        /* Whole answers, and half of the next one's frame header. */
        take_output(side, 7 * 2 * 15 + 5 - buf_len(&side->out));
        while (buf_len(&side->out) >= 9) {
            const uint8_t *p = buf_head(&side->out);

            frame = (struct frame){.len = load_be24(p), .type = p[3], .flags = p[4]};
            if (buf_len(&side->out) < 9 + (size_t)frame.len)
                break;
            buf_take(&side->out, 9 + (size_t)frame.len);
            unread -= frame.type == HEADERS && (frame.flags & END_STREAM) != 0;
        }
    }
    side_free(side);
}

/* Slow, but it reads: there is always something left in the output, never for long. */
static void
test_output_that_never_runs_empty(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_conn_ping(side->conn, 1);
    for (int i = 0; i < 5000; i++) {
        h2_conn_set_time(side->conn, (i + 1) * WEIR_SECOND);
        put_frame(&bytes, PING, 0, 0, "12345678", 8);
        feed(side, &bytes);
        assert_no_event(side);
        take_output(side, 17);
    }
    side_free(side);
}

/* ---- frames that carry nothing ---- */

static void
test_frames_that_carry_nothing(void **state)
{
    static const struct {
        uint8_t type, flags;
        uint32_t id;
        size_t len;
        enum h2_limit limit;
        unsigned allowed;
    } cases[] = {
        {DATA, 0, 1, 0, H2_LIMIT_EMPTY_FRAMES, 100},
        {DATA, PADDED, 1, 1, H2_LIMIT_EMPTY_FRAMES, 100},
        {PRIORITY, 0, 3, 5, H2_LIMIT_PRIORITY, 1000},
        {WINDOW_UPDATE, 0, 0, 4, H2_LIMIT_PRIORITY, 1000},
        {WINDOW_UPDATE, 0, 1, 4, H2_LIMIT_PRIORITY, 1000},
        {PING, 0, 0, 8, H2_LIMIT_PRIORITY, 1000},
        {PING, ACK, 0, 8, H2_LIMIT_PRIORITY, 1000},
        {0x55, 0, 0, 0, H2_LIMIT_PRIORITY, 1000},
        {0x55, 0, 0, 3, H2_LIMIT_PRIORITY, 1000},
        {GOAWAY, 0, 0, 8, H2_LIMIT_PRIORITY, 1000},
        {SETTINGS, 0, 0, 0, H2_LIMIT_SETTINGS, 99},
        {SETTINGS, ACK, 0, 0, H2_LIMIT_SETTINGS, 1000},
    };
    static const uint8_t payload[] = {0, 0, 0, 1, 0, 0, 0, 0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        unsigned count;

        h2_conn_set_time(side->conn, WEIR_SECOND);
        if (cases[i].id == 1 || cases[i].type == SETTINGS)
            request(side, 1, 0);
        forget(side);
        put_frame(&bytes, cases[i].type, cases[i].flags, cases[i].id,
            cases[i].type == DATA ? payload + 4 : payload, cases[i].len);
        count = repeat(side, &bytes, 5000);
        assert_in_range(count, cases[i].allowed, cases[i].allowed + 20);
        assert_calmed(side, cases[i].limit);
        side_free(side);
    }
}

static void
test_resets_of_closed_streams(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_stream_release(side->conn, request(side, 1, END_STREAM));
    forget(side);
    put_u32(&bytes, RST_STREAM, 1, H2_CANCEL);
    assert_in_range(repeat(side, &bytes, 5000), 1000, 1020);
    assert_calmed(side, H2_LIMIT_RESETS);
    side_free(side);
}

/* Forgotten by the connection, so that nothing is known to be wrong with their frames. */
static void
test_frames_of_forgotten_streams(void **state)
{
    static const uint8_t types[] = {DATA, HEADERS};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        for (uint32_t id = 1; id < 100; id += 2)
            h2_stream_release(side->conn, request(side, id, END_STREAM));
        forget(side);
        put_frame(&bytes, types[i], END_HEADERS, 1, "\x83", 1);
        assert_in_range(repeat(side, &bytes, 5000), 1000, 1600);
        assert_calmed(side, H2_LIMIT_PRIORITY);
        side_free(side);
    }
}

/* They take nothing of its window. */
static void
test_empty_data_of_a_reset_stream(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_stream_release(side->conn, request(side, 1, 0));
    forget(side);
    put_frame(&bytes, DATA, 0, 1, NULL, 0);
    assert_in_range(repeat(side, &bytes, 5000), 1000, 1020);
    assert_calmed(side, H2_LIMIT_PRIORITY);
    side_free(side);
}

static void
test_requests_after_the_last_goaway(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    uint32_t id = 3;

    (void)state;
    request(side, 1, 0);
    h2_conn_drain(side->conn, "drain", 7);
    h2_conn_drain_finish(side->conn);
    forget(side);
    for (; id < 10000; id += 2) {
        put_request(&bytes, id, END_STREAM);
        feed(side, &bytes);
        if (has_failed(side))
            break;
    }
    assert_in_range(id / 2, 1000, 1020);
    assert_calmed(side, H2_LIMIT_PRIORITY);
    side_free(side);
}

/* A list over its limit was work, also where nobody wants it. */
static void
test_long_lists_on_reset_streams(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_header_list = 400});
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;
    unsigned count;

    (void)state;
    h2_conn_set_time(side->conn, WEIR_SECOND);
    h2_stream_release(side->conn, request(side, 1, 0));
    forget(side);
    for (int i = 0; i < 20; i++)
        put_field(&block, "name", "value");
    put_frame(&bytes, HEADERS, END_HEADERS, 1, buf_head(&block), buf_len(&block));
    count = repeat(side, &bytes, 5000);
    assert_in_range(count, 20, 200);
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_HEADER_LIST], count + 1);
    buf_fini(&block);
    side_free(side);
}

static void
test_interim_responses_without_end(void **state)
{
    static const char *const early[] = {":status", "103", NULL};
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_headers(&bytes, 1, 0, early);
    assert_in_range(repeat(side, &bytes, 5000), 1000, 1020);
    assert_calmed(side, H2_LIMIT_PRIORITY);
    side_free(side);
}

static void
test_too_many_settings_in_a_frame(void **state)
{
    for (size_t count = 32; count <= 33; count++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        uint8_t payload[33 * 6] = {0};

        put_frame(&bytes, SETTINGS, 0, 0, payload, 6 * count);
        feed(side, &bytes);
        if (count == 32)
            assert_no_event(side);
        else
            assert_calmed(side, H2_LIMIT_SETTINGS);
        side_free(side);
    }
    (void)state;
}

/* A peer that returns credit for each frame it gets, and one that keeps the connection alive for a
 * day. */
static void
test_honest_peers_never_meet_a_limit(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream = request(side, 1, END_STREAM);

    (void)state;
    assert_true(send_response(side, stream));
    for (int i = 0; i < 20000; i++) {
        assert_true(h2_stream_send_data(side->conn, stream, "0123456789", 10, false));
        put_u32(&bytes, WINDOW_UPDATE, 0, 10);
        put_u32(&bytes, WINDOW_UPDATE, 1, 10);
        if (i % 100 == 99) {
            feed(side, &bytes);
            forget(side);
        }
    }
    for (int i = 1; i < 8640; i++) {
        h2_conn_set_time(side->conn, i * 10 * WEIR_SECOND);
        put_frame(&bytes, PING, 0, 0, "12345678", 8);
        feed(side, &bytes);
        assert_no_event(side);
        forget(side);
    }
    side_free(side);
}

/* ---- PINGs that come too often (gRFC A8) ---- */

#define PING_INTERVAL (300 * WEIR_SECOND)

static struct side *
pinged_open(void)
{
    return side_open(&(struct h2_options){.role = H2_SERVER,
        .ping_interval = PING_INTERVAL,
        .ping_interval_idle = 24 * PING_INTERVAL});
}

/* After so many seconds. */
static void
ping_after(struct side *side, int64_t seconds)
{
    static int64_t now = WEIR_SECOND;
    struct buf bytes = BUF_EMPTY;

    now += seconds * WEIR_SECOND;
    h2_conn_set_time(side->conn, now);
    put_frame(&bytes, PING, 0, 0, "12345678", 8);
    feed(side, &bytes);
}

static void
test_pings_too_often(void **state)
{
    struct side *side = pinged_open();

    (void)state;
    request(side, 1, 0);
    for (int i = 0; i < 3; i++) { /* one is free, two are strikes */
        ping_after(side, 1);
        assert_frame(side, PING, 0);
    }
    assert_no_event(side);
    ping_after(side, 1);
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_PINGS], 1);
    side_free(side);
}

static void
test_pings_in_good_time(void **state)
{
    struct side *side = pinged_open();

    (void)state;
    request(side, 1, 0);
    for (int i = 0; i < 100; i++)
        ping_after(side, 300);
    assert_no_event(side);
    side_free(side);
}

/* Without a stream they may come still less often. */
static void
test_pings_between_calls(void **state)
{
    struct side *side = pinged_open();

    (void)state;
    for (int i = 0; i < 3; i++)
        ping_after(side, 300);
    assert_no_event(side);
    ping_after(side, 300);
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    side_free(side);
}

/* Something useful clears the count. */
static void
test_pings_beside_useful_frames(void **state)
{
    struct side *side = pinged_open();
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(send_response(side, stream));
    for (int i = 0; i < 50; i++) {
        ping_after(side, 1);
        ping_after(side, 1);
        ping_after(side, 1);
        if (i % 2 == 0)
            assert_true(h2_stream_send_data(side->conn, stream, "x", 1, false));
        put_frame(&bytes, DATA, 0, 1, "x", i % 2);
        feed(side, &bytes);
        forget(side);
    }
    ping_after(side, 1);
    assert_no_event(side);
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rapid_reset),
        cmocka_unit_test(test_resets_come_back_with_time),
        cmocka_unit_test(test_resets_after_the_answer_are_free),
        cmocka_unit_test(test_who_hedges_may_reset),
        cmocka_unit_test(test_who_has_waited_may_reset),
        cmocka_unit_test(test_who_has_waited_together_may_reset),
        cmocka_unit_test(test_calls_do_not_hide_rapid_reset),
        cmocka_unit_test(test_provoked_resets),
        cmocka_unit_test(test_refused_streams_are_provoked_resets),
        cmocka_unit_test(test_too_many_continuations),
        cmocka_unit_test(test_too_long_continuations),
        cmocka_unit_test(test_pings_without_reading),
        cmocka_unit_test(test_answers_without_reading),
        cmocka_unit_test(test_answers_that_are_read_slowly),
        cmocka_unit_test(test_output_that_never_runs_empty),
        cmocka_unit_test(test_frames_that_carry_nothing),
        cmocka_unit_test(test_resets_of_closed_streams),
        cmocka_unit_test(test_frames_of_forgotten_streams),
        cmocka_unit_test(test_empty_data_of_a_reset_stream),
        cmocka_unit_test(test_requests_after_the_last_goaway),
        cmocka_unit_test(test_long_lists_on_reset_streams),
        cmocka_unit_test(test_interim_responses_without_end),
        cmocka_unit_test(test_too_many_settings_in_a_frame),
        cmocka_unit_test(test_honest_peers_never_meet_a_limit),
        cmocka_unit_test(test_pings_too_often),
        cmocka_unit_test(test_pings_in_good_time),
        cmocka_unit_test(test_pings_between_calls),
        cmocka_unit_test(test_pings_beside_useful_frames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
