/* SPDX-License-Identifier: Apache-2.0 */
/* HEADERS and CONTINUATION: blocks in several frames, blocks of streams that nobody holds,
 * responses. */
#include "harness.h"

/* A request in HEADERS and then CONTINUATIONs of `piece` bytes each. */
static void
put_split_request(struct buf *to, uint32_t id, size_t piece)
{
    struct buf block = BUF_EMPTY;
    uint8_t type = HEADERS, flags = END_STREAM;

    put_fields(&block, request_fields);
    while (buf_len(&block) > 0) {
        size_t len = buf_len(&block) < piece ? buf_len(&block) : piece;

        if (len == buf_len(&block))
            flags |= END_HEADERS;
        put_frame(to, type, flags, id, buf_head(&block), len);
        buf_take(&block, len);
        type = CONTINUATION;
        flags = 0;
    }
    buf_fini(&block);
}

static void
test_block_in_several_frames(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 200; chunk += 7) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        struct seen *seen;

        put_split_request(&bytes, 1, 20);
        feed_in_chunks(side, buf_head(&bytes), buf_len(&bytes), chunk);
        seen = assert_event(side, H2_HEADERS);
        assert_int_equal(seen->fields, 6);
        assert_true(seen->event.end_stream);
        assert_no_event(side);
        buf_fini(&bytes);
        side_free(side);
    }
}

/* RFC 9113, 6.10. */
static void
test_nothing_may_come_between(void **state)
{
    static const struct {
        uint8_t type;
        uint32_t id;
        size_t len;
    } cases[] = {{DATA, 1, 0}, {HEADERS, 3, 0}, {HEADERS, 1, 0}, {PING, 0, 8}, {SETTINGS, 0, 0},
        {CONTINUATION, 3, 0}, {CONTINUATION, 0, 0}, {0x77, 1, 0}, {PRIORITY, 1, 5}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        put_frame(&bytes, HEADERS, 0, 1, "\x83", 1);
        put_frame(&bytes, cases[i].type, END_HEADERS, cases[i].id, "\0\0\0\0\0\0\0", cases[i].len);
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

static void
test_pads_and_priority_are_taken_off(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&block, "\3\0\0\0\5\20", 6));
    put_fields(&block, request_fields);
    assert_true(buf_append(&block, "\0\0\0", 3));
    put_frame(&bytes, HEADERS, PADDED | WITH_PRIORITY | END_HEADERS, 1, buf_head(&block),
        buf_len(&block));
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_HEADERS)->fields, 6);
    buf_fini(&block);
    side_free(side);
}

static void
test_stream_that_depends_on_itself(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

    (void)state;
    assert_true(buf_append(&block, "\0\0\0\1\20", 5));
    put_fields(&block, request_fields);
    put_frame(&bytes, HEADERS, WITH_PRIORITY | END_HEADERS, 1, buf_head(&block), buf_len(&block));
    feed(side, &bytes);
    assert_rst(side, 1, H2_PROTOCOL_ERROR);
    assert_no_event(side);
    request(side, 3, 0);
    buf_fini(&block);
    side_free(side);
}

static void
test_block_that_cannot_be_decoded(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_frame(&bytes, HEADERS, END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6);
    feed(side, &bytes);
    assert_failed(side, H2_COMPRESSION_ERROR);
    side_free(side);
}

/* ---- the tables stay in step ---- */

/* Stream `id`: a block that puts a field into the table; stream id + 2: one that refers to it. */
static void
put_indexing_request(struct buf *to, uint32_t id, bool refers)
{
    struct buf block = BUF_EMPTY;

    put_fields(&block, request_fields);
    if (refers)
        assert_true(buf_append(&block, "\xbe", 1)); /* index 62, the newest entry */
    else
        assert_true(buf_append(&block, "\x40\5x-key\5value", 13));
    put_frame(to, HEADERS, END_HEADERS | END_STREAM, id, buf_head(&block), buf_len(&block));
    buf_fini(&block);
}

static void
test_blocks_of_refused_streams_are_decoded(void **state)
{
    struct side *side =
        side_open(&(struct h2_options){.role = H2_SERVER, .max_concurrent_streams = 1});
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_indexing_request(&bytes, 3, false);
    feed(side, &bytes);
    assert_rst(side, 3, H2_REFUSED_STREAM);
    h2_stream_release(side->conn, stream);
    forget(side);
    put_indexing_request(&bytes, 5, true);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_HEADERS)->fields, 7);
    side_free(side);
}

static void
test_blocks_of_reset_streams_are_decoded(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_stream_release(side->conn, stream);
    forget(side);
    put_indexing_request(&bytes, 1, false);
    put_indexing_request(&bytes, 3, true);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_HEADERS)->fields, 7);
    assert_silent(side);
    side_free(side);
}

static void
test_blocks_after_the_last_goaway_are_decoded(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, 0);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_conn_drain_finish(side->conn);
    put_indexing_request(&bytes, 3, false);
    assert_true(buf_append(&bytes, "\0\0\1\1\5\0\0\0\1\xbe", 10)); /* trailers of stream 1 */
    feed(side, &bytes);
    assert_ptr_equal(assert_event(side, H2_TRAILERS)->event.stream, stream);
    side_free(side);
}

/* ---- large ones ---- */

static void
test_list_over_the_limit(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_header_list = 400});
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

    (void)state;
    put_fields(&block, request_fields);
    for (int i = 0; i < 5; i++)
        put_field(&block, "x-filler", "0123456789012345678901234567890123456789");
    put_frame(&bytes, HEADERS, END_HEADERS, 1, buf_head(&block), buf_len(&block));
    feed(side, &bytes);
    assert_rst(side, 1, H2_ENHANCE_YOUR_CALM);
    assert_no_event(side);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_HEADER_LIST], 1);
    request(side, 3, 0);
    buf_fini(&block);
    side_free(side);
}

/* Each of these lists is 250 fields of 40 bytes more, 25 times what it may be, and counts as 101
 * stream errors of the 1,000 that there may be. */
static void
test_lists_far_over_the_limit_end_it_soon(void **state)
{
    enum { REFUSED = 10, FIELDS = 250 };
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_header_list = 400});
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

    (void)state;
    put_fields(&block, request_fields);
    for (int i = 0; i < FIELDS; i++)
        put_field(&block, "x-fill", "01");
    for (uint32_t i = 0; i < REFUSED; i++)
        put_frame(&bytes, HEADERS, END_HEADERS, 2 * i + 1, buf_head(&block), buf_len(&block));
    feed(side, &bytes);
    for (uint32_t i = 0; i < REFUSED - 1; i++)
        assert_rst(side, 2 * i + 1, H2_ENHANCE_YOUR_CALM);
    assert_failed(side, H2_ENHANCE_YOUR_CALM);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_HEADER_LIST], REFUSED);
    assert_int_equal(side->stats.limit_hits[H2_LIMIT_LOCAL_RESETS], 1);
    buf_fini(&block);
    side_free(side);
}

static void
test_trailers_over_the_limit(void **state)
{
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER, .max_header_list = 400});
    struct buf bytes = BUF_EMPTY, block = BUF_EMPTY;

    (void)state;
    request(side, 1, 0);
    for (int i = 0; i < 6; i++)
        put_field(&block, "x-filler", "0123456789012345678901234567890123456789");
    put_frame(&bytes, HEADERS, END_HEADERS | END_STREAM, 1, buf_head(&block), buf_len(&block));
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_ENHANCE_YOUR_CALM);
    assert_rst(side, 1, H2_ENHANCE_YOUR_CALM);
    buf_fini(&block);
    side_free(side);
}

/* ---- responses ---- */

static void
test_interim_responses_are_skipped(void **state)
{
    static const char *const early[] = {":status", "103", "link", "x", NULL};
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_headers(&bytes, 1, 0, early);
    put_headers(&bytes, 1, 0, early);
    put_headers(&bytes, 1, 0, response_fields);
    put_headers(&bytes, 1, END_STREAM, trailer_fields);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_HEADERS)->fields, 2);
    assert_event(side, H2_TRAILERS);
    assert_no_event(side);
    side_free(side);
}

static void
test_interim_response_cannot_be_the_end(void **state)
{
    static const char *const early[] = {":status", "100", NULL};
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    call(side, true);
    put_headers(&bytes, 1, END_STREAM, early);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
    side_free(side);
}

static void
test_answer_of_trailers_only(void **state)
{
    struct side *side = client_open();
    struct h2_stream *stream = call(side, true);
    struct buf bytes = BUF_EMPTY;
    struct seen *seen;

    (void)state;
    put_headers(&bytes, 1, END_STREAM, response_fields);
    feed(side, &bytes);
    seen = assert_event(side, H2_HEADERS);
    assert_true(seen->event.end_stream);
    h2_stream_release(side->conn, stream);
    assert_silent(side);
    side_free(side);
}

static void
test_block_outlives_the_connection(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_input in;
    struct h2_event event;
    struct h2_block *block;

    (void)state;
    put_request(&bytes, 1, 0);
    in = (struct h2_input){buf_head(&bytes), buf_len(&bytes)};
    h2_conn_next(side->conn, &in, &event);
    assert_int_equal(event.type, H2_HEADERS);
    block = h2_block_ref(event.block);
    buf_fini(&bytes);
    side_free(side);
    assert_int_equal(block->count, 6);
    assert_memory_equal(h2_block_find(block, H2_TOKEN_PATH)->value.data, "/a/b", 4);
    h2_block_unref(block);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_in_several_frames),
        cmocka_unit_test(test_nothing_may_come_between),
        cmocka_unit_test(test_pads_and_priority_are_taken_off),
        cmocka_unit_test(test_stream_that_depends_on_itself),
        cmocka_unit_test(test_block_that_cannot_be_decoded),
        cmocka_unit_test(test_blocks_of_refused_streams_are_decoded),
        cmocka_unit_test(test_blocks_of_reset_streams_are_decoded),
        cmocka_unit_test(test_blocks_after_the_last_goaway_are_decoded),
        cmocka_unit_test(test_list_over_the_limit),
        cmocka_unit_test(test_lists_far_over_the_limit_end_it_soon),
        cmocka_unit_test(test_trailers_over_the_limit),
        cmocka_unit_test(test_interim_responses_are_skipped),
        cmocka_unit_test(test_interim_response_cannot_be_the_end),
        cmocka_unit_test(test_answer_of_trailers_only),
        cmocka_unit_test(test_block_outlives_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
