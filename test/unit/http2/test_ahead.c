/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http2/ahead.c: what is told of requests that were read and not taken. */
#include "harness.h"

#define MAX 8

struct told {
    struct h2_span contents[MAX];
    size_t count, looked_at;
};

/* Take two requests, so that their headers are remembered, then look at these bytes behind them. */
static struct told
look(struct side *side, const struct buf *behind, size_t max)
{
    struct told told;
    struct buf first = BUF_EMPTY;
    struct h2_event event;
    struct h2_input in;
    const uint8_t *at;

    put_request(&first, 1, 0);
    put_request(&first, 3, 0);
    in = (struct h2_input){buf_head(&first), buf_len(&first)};
    for (int i = 0; i < 2; i++) {
        h2_conn_next(side->conn, &in, &event);
        assert_int_equal(event.type, H2_HEADERS);
    }
    at = buf_head(behind);
    told.count = h2_conn_ahead(side->conn, event.block, &at, buf_len(behind), told.contents, max);
    told.looked_at = (size_t)(at - buf_head(behind));
    buf_fini(&first);
    return told;
}

static void
put_whole(struct buf *to, uint32_t id, const char *content)
{
    put_request(to, id, 0);
    put_frame(to, DATA, END_STREAM, id, content, strlen(content));
}

static void
assert_content(const struct told *told, size_t number, const char *want)
{
    assert_int_equal(told->contents[number].len, strlen(want));
    assert_memory_equal(told->contents[number].data, want, strlen(want));
}

static void
test_requests_that_repeat_the_headers(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct told told;

    (void)state;
    put_whole(&bytes, 5, "abc");
    put_frame(&bytes, PING, 0, 0, "12345678", 8);
    put_u32(&bytes, WINDOW_UPDATE, 0, 1000);
    put_whole(&bytes, 7, "");
    put_whole(&bytes, 9, "d");
    told = look(side, &bytes, MAX);
    assert_int_equal(told.count, 3);
    assert_content(&told, 0, "abc");
    assert_content(&told, 1, "");
    assert_content(&told, 2, "d");
    assert_int_equal(told.looked_at, buf_len(&bytes));
    buf_fini(&bytes);
    side_free(side);
}

static void
test_no_more_than_asked_for(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct told told;
    size_t two;

    (void)state;
    put_whole(&bytes, 5, "a");
    put_whole(&bytes, 7, "b");
    two = buf_len(&bytes);
    put_whole(&bytes, 9, "c");
    told = look(side, &bytes, 2);
    assert_int_equal(told.count, 2);
    assert_int_equal(told.looked_at, two);
    buf_fini(&bytes);
    side_free(side);
}

/* Wherever the bytes end, what is told of is whole. */
static void
test_what_has_come_in_part(void **state)
{
    struct buf bytes = BUF_EMPTY, cut;
    size_t one;

    (void)state;
    put_whole(&bytes, 5, "abc");
    one = buf_len(&bytes);
    put_whole(&bytes, 7, "def");
    for (size_t len = 0; len < buf_len(&bytes); len++) {
        struct side *side = server_open();
        struct told told;

        cut = (struct buf)BUF_EMPTY;
        assert_true(buf_append(&cut, buf_head(&bytes), len));
        told = look(side, &cut, MAX);
        assert_int_equal(told.count, len < one ? 0 : 1);
        assert_int_equal(told.looked_at, len < one ? 0 : one);
        buf_fini(&cut);
        side_free(side);
    }
    buf_fini(&bytes);
}

static void
assert_nothing_told(const struct buf *bytes)
{
    struct side *side = server_open();

    assert_int_equal(look(side, bytes, MAX).count, 0);
    side_free(side);
}

static void
test_what_is_otherwise(void **state)
{
    static const char *const other[] = {":method", "POST", ":scheme", "http", ":path", "/a/c",
        ":authority", "h", "te", "trailers", "content-type", "application/grpc", NULL};
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_headers(&bytes, 3, 0, other); /* as long, another method */
    put_frame(&bytes, DATA, END_STREAM, 3, "a", 1);
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
    put_request(&bytes, 3, 0); /* of another stream */
    put_frame(&bytes, DATA, END_STREAM, 5, "a", 1);
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
    put_request(&bytes, 3, 0); /* not all of it, or with pads */
    put_frame(&bytes, DATA, 0, 3, "a", 1);
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
    put_request(&bytes, 3, 0);
    put_frame(&bytes, DATA, END_STREAM | PADDED, 3, "\0a", 2);
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
    put_request(&bytes, 3, END_STREAM);
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
    put_frame(&bytes, RST_STREAM, 0, 1, "\0\0\0\0", 4);
    put_whole(&bytes, 5, "a");
    assert_nothing_told(&bytes);
    buf_fini(&bytes);
}

/* What was decoded after it is the last. */
static void
test_of_another_block(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_block stranger = {0};
    struct h2_span content;
    const uint8_t *at;

    (void)state;
    put_whole(&bytes, 5, "a");
    at = buf_head(&bytes);
    assert_int_equal(h2_conn_ahead(side->conn, &stranger, &at, buf_len(&bytes), &content, 1), 0);
    (void)look(side, &bytes, MAX);
    assert_int_equal(h2_conn_ahead(side->conn, &stranger, &at, buf_len(&bytes), &content, 1), 0);
    buf_fini(&bytes);
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_that_repeat_the_headers),
        cmocka_unit_test(test_no_more_than_asked_for),
        cmocka_unit_test(test_what_has_come_in_part),
        cmocka_unit_test(test_what_is_otherwise),
        cmocka_unit_test(test_of_another_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
