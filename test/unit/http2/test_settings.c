/* SPDX-License-Identifier: Apache-2.0 */
/* SETTINGS: values, sizes, acknowledgement. */
#include "harness.h"

static void
test_wrong_values(void **state)
{
    static const struct {
        enum h2_role role;
        uint16_t setting;
        uint32_t value;
        enum h2_code code;
    } cases[] = {
        {H2_SERVER, 2, 2, H2_PROTOCOL_ERROR},
        {H2_CLIENT, 2, 1, H2_PROTOCOL_ERROR},
        {H2_SERVER, 4, 0x80000000, H2_FLOW_CONTROL_ERROR},
        {H2_SERVER, 5, 16383, H2_PROTOCOL_ERROR},
        {H2_SERVER, 5, 16777216, H2_PROTOCOL_ERROR},
        {H2_CLIENT, 8, 2, H2_PROTOCOL_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = side_open(&(struct h2_options){.role = cases[i].role});
        struct buf bytes = BUF_EMPTY;

        put_setting(&bytes, cases[i].setting, cases[i].value);
        feed(side, &bytes);
        assert_failed(side, cases[i].code);
        side_free(side);
    }
}

static void
test_right_values_are_acked(void **state)
{
    static const struct {
        enum h2_role role;
        uint16_t setting;
        uint32_t value;
    } cases[] = {{H2_SERVER, 1, 0}, {H2_SERVER, 1, 0xffffffff}, {H2_SERVER, 2, 0},
        {H2_SERVER, 2, 1}, {H2_CLIENT, 2, 0}, {H2_SERVER, 3, 0}, {H2_SERVER, 4, 0x7fffffff},
        {H2_SERVER, 5, 16384}, {H2_SERVER, 5, 16777215}, {H2_SERVER, 6, 0}, {H2_CLIENT, 8, 1},
        {H2_SERVER, 0x7777, 9}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = side_open(&(struct h2_options){.role = cases[i].role});
        struct buf bytes = BUF_EMPTY;
        struct frame frame;

        put_setting(&bytes, cases[i].setting, cases[i].value);
        feed(side, &bytes);
        frame = assert_frame(side, SETTINGS, 0);
        assert_int_equal(frame.flags, ACK);
        assert_no_event(side);
        side_free(side);
    }
}

static void
test_connect_protocol_cannot_be_taken_back(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 8, 1);
    put_setting(&bytes, 8, 0);
    feed(side, &bytes);
    assert_failed(side, H2_PROTOCOL_ERROR);
    side_free(side);
}

static void
test_wrong_frames(void **state)
{
    static const struct {
        uint8_t flags;
        uint32_t id;
        size_t len;
        enum h2_code code;
    } cases[] = {
        {0, 1, 0, H2_PROTOCOL_ERROR},
        {ACK, 1, 0, H2_PROTOCOL_ERROR},
        {ACK, 0, 6, H2_FRAME_SIZE_ERROR},
        {0, 0, 5, H2_FRAME_SIZE_ERROR},
        {0, 0, 7, H2_FRAME_SIZE_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = server_open();
        struct buf bytes = BUF_EMPTY;
        static const uint8_t zeros[8];

        put_frame(&bytes, SETTINGS, cases[i].flags, cases[i].id, zeros, cases[i].len);
        feed(side, &bytes);
        assert_failed(side, cases[i].code);
        side_free(side);
    }
}

/* In one frame the last of several values counts. */
static void
test_values_are_taken_in_order(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;
    uint8_t payload[12] = {0, 4, 0, 0, 0, 1, 0, 4, 0, 0, 0, 7};

    (void)state;
    put_frame(&bytes, SETTINGS, 0, 0, payload, 12);
    feed(side, &bytes);
    assert_int_equal(h2_stream_room(side->conn, stream), 7);
    side_free(side);
}

static void
test_frame_size_of_the_peer(void **state)
{
    struct side *side = server_open();
    struct h2_stream *stream = request(side, 1, END_STREAM);
    struct buf bytes = BUF_EMPTY;
    static const char zeros[30000];

    (void)state;
    assert_int_equal(h2_conn_max_frame(side->conn), 16384);
    assert_true(send_response(side, stream));
    assert_null(h2_stream_send_data_in_place(side->conn, stream, 16385, false));
    put_setting(&bytes, 5, 20000);
    feed(side, &bytes);
    assert_int_equal(h2_conn_max_frame(side->conn), 20000);
    forget(side);
    assert_true(h2_stream_send_data(side->conn, stream, zeros, 30000, true));
    assert_int_equal(assert_frame(side, DATA, 1).len, 20000);
    assert_int_equal(assert_frame(side, DATA, 1).len, 10000);
    side_free(side);
}

/* A table of no size: what was indexed before must not be referred to. Two peers check each other.
 */
static void
test_table_size_of_the_peer(void **state)
{
    struct side *client = client_open(), *server = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct h2_stream *stream = h2_stream_open(client->conn);

        assert_true(send_request(client, stream, true));
        take_output(client, SIZE_MAX);
        feed(server, &client->out);
        assert_int_equal(assert_event(server, H2_HEADERS)->fields, 6);
        put_setting(&bytes, 1, i % 2 == 0 ? 0 : 4096);
        feed(client, &bytes);
    }
    assert_no_event(server);
    side_free(client);
    side_free(server);
}

/* RFC 7541, 4.2: the first block says that the table has become smaller. */
static void
test_table_size_before_the_first_block(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    put_setting(&bytes, 1, 0);
    feed(side, &bytes);
    forget(side);
    assert_true(send_request(side, h2_stream_open(side->conn), true));
    assert_int_equal(assert_frame(side, HEADERS, 1).payload[0], 0x20);
    side_free(side);
}

static void
test_options_are_told(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_SERVER,
        .max_concurrent_streams = 7,
        .stream_window = 70000,
        .max_frame_size = 20000,
        .max_header_list = 9000});
    static const uint32_t want[] = {3, 7, 4, 70000, 6, 9000, 5, 20000};
    struct frame frame = assert_frame(side, SETTINGS, 0);

    (void)state;
    assert_int_equal(frame.len, 24);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(load_be16(frame.payload + 6 * i), want[2 * i]);
        assert_int_equal(load_be32(frame.payload + 6 * i + 2), want[2 * i + 1]);
    }
    side_free(side);
}

static void
test_header_list_of_the_peer(void **state)
{
    static const struct h2_field fields[] = {FIELD("a", "bc"), FIELD("def", "")};
    struct side *side = side_open(&(struct h2_options){.role = H2_SERVER});
    struct buf bytes = BUF_EMPTY;

    (void)state;
    assert_true(h2_conn_takes_headers(side->conn, fields, 2, NULL, 0));
    put_setting(&bytes, 6, 1 + 2 + 32 + 3 + 32);
    feed(side, &bytes);
    assert_true(h2_conn_takes_headers(side->conn, fields, 2, NULL, 0));
    assert_true(h2_conn_takes_headers(side->conn, fields, 1, fields + 1, 1));
    assert_false(h2_conn_takes_headers(side->conn, fields, 2, fields, 1));
    put_setting(&bytes, 6, 1 + 2 + 32 + 3 + 31);
    feed(side, &bytes);
    assert_false(h2_conn_takes_headers(side->conn, NULL, 0, fields, 2));
    assert_true(h2_conn_takes_headers(side->conn, NULL, 0, NULL, 0));
    side_free(side);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_right_values_are_acked),
        cmocka_unit_test(test_connect_protocol_cannot_be_taken_back),
        cmocka_unit_test(test_wrong_frames),
        cmocka_unit_test(test_values_are_taken_in_order),
        cmocka_unit_test(test_frame_size_of_the_peer),
        cmocka_unit_test(test_table_size_of_the_peer),
        cmocka_unit_test(test_table_size_before_the_first_block),
        cmocka_unit_test(test_options_are_told),
        cmocka_unit_test(test_header_list_of_the_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
