/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, responses and trailers that are malformed, and ones that look it but are not. */
#include "harness.h"

#define MOST 12

static void
test_requests(void **state)
{
    static const struct {
        const char *fields[2 * MOST + 1];
        bool good;
    } cases[] = {
        {{":method", "GET", ":scheme", "http", ":path", "/", NULL}, true},
        {{":method", "GET", ":scheme", "https", ":path", "*", NULL}, true},
        {{":method", "GET", ":scheme", "urn", ":path", "", NULL}, true},
        {{":method", "GET", ":scheme", "http", ":path", "", NULL}, false},
        {{":method", "GET", ":scheme", "HTTPS", ":path", "", NULL}, false},
        {{":scheme", "http", ":path", "/", NULL}, false},
        {{":method", "GET", ":path", "/", NULL}, false},
        {{":method", "GET", ":scheme", "http", NULL}, false},
        {{":method", "", ":scheme", "http", ":path", "/", NULL}, false},
        {{":method", "GET", ":scheme", "", ":path", "/", NULL}, false},
        {{":method", "GET", ":method", "GET", ":scheme", "http", ":path", "/", NULL}, false},
        {{":method", "GET", ":scheme", "http", "a", "b", ":path", "/", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":status", "200", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":protocol", "x", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "Upper", "x", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "connection", "x", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "te", "gzip", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "a", "b\nc", NULL}, false},
        {{NULL}, false},
        /* CONNECT, RFC 9113, 8.5 */
        {{":method", "CONNECT", ":authority", "h:1", NULL}, true},
        {{":method", "CONNECT", NULL}, false},
        {{":method", "CONNECT", ":authority", "h:1", ":scheme", "http", NULL}, false},
        {{":method", "CONNECT", ":authority", "h:1", ":path", "/", NULL}, false},
        /* Host, RFC 9113, 8.3.1 */
        {{":method", "GET", ":scheme", "http", ":path", "/", "host", "h", NULL}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h", "host", "H", NULL},
            true},
        {{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "h", "host", "i", NULL},
            false},
        /* content-length */
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "0", NULL}, true},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "0",
             "content-length", "0", NULL},
            true},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "0",
             "content-length", "1", NULL},
            false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "1", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "-1", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length", "+0", NULL}, false},
        {{":method", "GET", ":scheme", "http", ":path", "/", "content-length",
             "99999999999999999999", NULL},
            false},
    };
    struct side *side = server_open();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf bytes = BUF_EMPTY;
        uint32_t id = (uint32_t)(2 * i + 1);

        put_headers(&bytes, id, END_STREAM, cases[i].fields);
        feed(side, &bytes);
        if (cases[i].good)
            h2_stream_release(side->conn, assert_headers(side, id));
        assert_rst(side, id, cases[i].good ? H2_CANCEL : H2_PROTOCOL_ERROR);
        assert_no_event(side);
        assert_silent(side);
    }
    side_free(side);
}

static void
test_responses(void **state)
{
    static const struct {
        const char *fields[2 * MOST + 1];
        bool good;
    } cases[] = {
        {{":status", "200", NULL}, true},
        {{":status", "599", "a", "b", NULL}, true},
        {{"a", "b", NULL}, false},
        {{":status", "200", ":status", "200", NULL}, false},
        {{"a", "b", ":status", "200", NULL}, false},
        {{":status", "200", ":path", "/", NULL}, false},
        {{":status", "200", ":other", "/", NULL}, false},
        {{":status", "20", NULL}, false},
        {{":status", "2000", NULL}, false},
        {{":status", "2x0", NULL}, false},
        {{":status", "099", NULL}, false},
        {{":status", "101", NULL}, false},
        {{":status", "200", "content-length", "x", NULL}, false},
        {{":status", "200", "content-length", "5", NULL}, false},
        {{":status", "204", "content-length", "5", NULL}, true},
        {{":status", "304", "content-length", "5", NULL}, true},
        {{":status", "200", "connection", "close", NULL}, false},
        {{NULL}, false},
    };
    struct side *side = client_open();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct h2_stream *stream = call(side, true);
        struct buf bytes = BUF_EMPTY;
        uint32_t id = stream->id;

        put_headers(&bytes, id, END_STREAM, cases[i].fields);
        feed(side, &bytes);
        if (cases[i].good) {
            assert_headers(side, id);
        } else {
            assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
            assert_rst(side, id, H2_PROTOCOL_ERROR);
        }
        h2_stream_release(side->conn, stream);
        assert_no_event(side);
        assert_silent(side);
    }
    side_free(side);
}

static void
test_answer_to_head_has_the_length_of_no_content(void **state)
{
    static const struct h2_field head[] = {
        FIELD(":method", "HEAD"), FIELD(":scheme", "http"), FIELD(":path", "/")};
    static const char *const answer[] = {":status", "200", "content-length", "9", NULL};
    struct side *side = client_open();
    struct h2_stream *stream = h2_stream_open(side->conn);
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(h2_stream_send_headers(side->conn, stream, NULL, 0, head, 3, true));
    put_headers(&bytes, 1, END_STREAM, answer);
    feed(side, &bytes);
    assert_headers(side, 1);
    assert_no_event(side);
    side_free(side);
}

static void
test_trailers_have_no_pseudo_headers(void **state)
{
    static const char *const wrong[][3] = {
        {":path", "/", NULL}, {":status", "200", NULL}, {":x", "y", NULL}, {"Big", "y", NULL}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;

        request(side, 1, 0);
        put_headers(&bytes, 1, END_STREAM, wrong[i]);
        feed(side, &bytes);
        assert_int_equal(assert_event(side, H2_RESET)->event.code, H2_PROTOCOL_ERROR);
        assert_rst(side, 1, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

/* ---- content against content-length, RFC 9113, 8.1.1 ---- */

enum ending { BY_DATA, BY_EMPTY_DATA, BY_TRAILERS };

static void
test_content_length(void **state)
{
    static const char *const fields[] = {
        ":method", "POST", ":scheme", "http", ":path", "/", "content-length", "10", NULL};
    static const struct {
        size_t first, second;
        enum ending ending;
        bool good;
    } cases[] = {{4, 6, BY_DATA, true}, {4, 6, BY_EMPTY_DATA, true}, {4, 6, BY_TRAILERS, true},
        {4, 5, BY_DATA, false}, {4, 5, BY_EMPTY_DATA, false}, {4, 5, BY_TRAILERS, false},
        {4, 7, BY_DATA, false}, {11, 0, BY_TRAILERS, false}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        struct seen *last;

        put_headers(&bytes, 1, 0, fields);
        put_frame(&bytes, DATA, 0, 1, "0123456789a", cases[i].first);
        put_frame(&bytes, DATA, cases[i].ending == BY_DATA ? END_STREAM : 0, 1, "0123456789",
            cases[i].second);
        if (cases[i].ending == BY_EMPTY_DATA)
            put_frame(&bytes, DATA, END_STREAM, 1, NULL, 0);
        if (cases[i].ending == BY_TRAILERS)
            put_headers(&bytes, 1, END_STREAM, trailer_fields);
        feed(side, &bytes);
        last = &side->seen[side->seen_count - 1];
        if (cases[i].good)
            assert_true(last->event.end_stream);
        else
            assert_int_equal(last->event.type, H2_RESET);
        if (!cases[i].good)
            assert_rst(side, 1, H2_PROTOCOL_ERROR);
        assert_silent(side);
        side_free(side);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_answer_to_head_has_the_length_of_no_content),
        cmocka_unit_test(test_trailers_have_no_pseudo_headers),
        cmocka_unit_test(test_content_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
