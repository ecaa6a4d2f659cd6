/* SPDX-License-Identifier: Apache-2.0 */
/* The connection's life: opening, pieces of every size, PING, GOAWAY both ways, failure. */
#include "harness.h"

static void
test_opening_of_server(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_SERVER});
    struct frame frame = assert_frame(side, SETTINGS, 0);

    (void)state;
    assert_int_equal(frame.flags, 0);
    assert_int_equal(load_be16(frame.payload), 3);
    assert_int_equal(load_be32(frame.payload + 2), 100);
    assert_window_update(side, 0, 2048 * 1024 - 65535);
    assert_silent(side);
    side_free(side);
}

static void
test_opening_of_client(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_CLIENT});
    struct frame frame;

    (void)state;
    take_output(side, SIZE_MAX);
    assert_memory_equal(buf_head(&side->out), PREFACE, 24);
    buf_take(&side->out, 24);
    frame = assert_frame(side, SETTINGS, 0);
    assert_int_equal(load_be16(frame.payload), 2);
    assert_int_equal(load_be32(frame.payload + 2), 0);
    side_free(side);
}

static void
test_wrong_preface_fails_at_the_first_wrong_byte(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_SERVER});

    (void)state;
    feed_in_chunks(side, "PRI * HTTP/1", 12, 1);
    assert_failed(side, H2_PROTOCOL_ERROR);
    side_free(side);
}

static void
test_what_comes_to_the_wrong_port_is_named(void **state)
{
    static const struct {
        const char *bytes, *named;
    } cases[] = {
        {"\x16\x03\x01\x02", "a TLS handshake in place of an HTTP/2 preface"},
        {"GET / HTTP/1.1\r\n", "an HTTP/1.1 request in place of an HTTP/2 preface"},
        {"POST /users HTTP/1.1\r\n", "an HTTP/1.1 request in place of an HTTP/2 preface"},
        {"\x16", "not an HTTP/2 preface"},
        {"GET", "not an HTTP/2 preface"},
        {"PRI * HTTP/1.1\r\n", "an HTTP/1.1 request in place of an HTTP/2 preface"},
        {"hello", "not an HTTP/2 preface"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct side *side = side_new(&(struct h2_options){.role = H2_SERVER});
        size_t len = strlen(cases[i].bytes);

        feed_in_chunks(side, cases[i].bytes, len, len);
        assert_string_equal(side->seen[side->seen_count - 1].text, cases[i].named);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

static void
test_settings_must_come_first(void **state)
{
    static const uint8_t flags[] = {0, ACK};
    static const uint8_t types[] = {PING, SETTINGS};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = side_new(&(struct h2_options){.role = H2_CLIENT});
        struct buf bytes = BUF_EMPTY;

        take_output(side, 24);
        buf_reset(&side->out, 0);
        put_frame(&bytes, types[i], flags[i], 0, "12345678", types[i] == PING ? 8 : 0);
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

/* At a port that was mistaken for gRPC's, that is what helps. */
static void
test_a_server_of_http1_is_named(void **state)
{
    static const char answer[] = "HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n";
    struct side *side = side_new(&(struct h2_options){.role = H2_CLIENT});
    struct buf bytes = BUF_EMPTY;
    const struct h2_event *event;

    (void)state;
    take_output(side, 24);
    buf_reset(&side->out, 0);
    assert_true(buf_append(&bytes, answer, sizeof(answer) - 1));
    feed(side, &bytes);
    assert_failed(side, H2_PROTOCOL_ERROR);
    event = &side->seen[side->seen_count - 1].event;
    assert_string_equal((const char *)event->data, "the server speaks HTTP/1");
    side_free(side);
}

static void
test_ready_and_ack(void **state)
{
    struct side *side = side_new(&(struct h2_options){.role = H2_SERVER});
    struct buf bytes = BUF_EMPTY;
    struct frame frame;

    (void)state;
    forget(side);
    assert_true(buf_append(&bytes, PREFACE, 24));
    put_frame(&bytes, SETTINGS, 0, 0, NULL, 0);
    feed(side, &bytes);
    assert_event(side, H2_READY);
    assert_no_event(side);
    frame = assert_frame(side, SETTINGS, 0);
    assert_int_equal(frame.flags, ACK);
    assert_int_equal(frame.len, 0);
    assert_false(h2_conn_settings_acked(side->conn));
    put_frame(&bytes, SETTINGS, ACK, 0, NULL, 0);
    feed(side, &bytes);
    assert_true(h2_conn_settings_acked(side->conn));
    assert_no_event(side);
    side_free(side);
}

/* ---- two connections against each other ---- */

#define CALLS 20

struct pair {
    struct side *client, *server;
    struct h2_stream *calls[CALLS];
    size_t requested[CALLS], answered[CALLS];
    unsigned ended;
};

/* What the server's user does: echo the content, then say trailers. */
static void
serve(struct pair *pair)
{
    struct side *server = pair->server;

    while (server->seen_next < server->seen_count) {
        struct seen *seen = &server->seen[server->seen_next++];
        struct h2_stream *stream = seen->event.stream;

        if (seen->event.type == H2_HEADERS) {
            assert_true(send_response(server, stream));
        } else if (seen->event.type == H2_DATA) {
            assert_true(h2_stream_room(server->conn, stream) >= seen->event.len);
            assert_true(
                h2_stream_send_data(server->conn, stream, seen->text, seen->event.len, false));
            h2_stream_consumed(server->conn, stream, seen->event.len);
            if (seen->event.end_stream) {
                assert_true(send_trailers(server, stream));
                h2_stream_release(server->conn, stream);
            }
        } else {
            assert_int_equal(seen->event.type, H2_READY);
        }
    }
}

static void
hear(struct pair *pair)
{
    struct side *client = pair->client;

    while (client->seen_next < client->seen_count) {
        struct seen *seen = &client->seen[client->seen_next++];
        size_t i;

        if (seen->event.type == H2_READY)
            continue;
        i = (size_t)(intptr_t)seen->event.stream->user;
        assert_ptr_equal(pair->calls[i], seen->event.stream);
        if (seen->event.type == H2_DATA) {
            pair->answered[i] += seen->event.len;
            h2_stream_consumed(client->conn, seen->event.stream, seen->event.len);
        }
        if (seen->event.type == H2_TRAILERS) {
            assert_int_equal(pair->answered[i], pair->requested[i]);
            h2_stream_release(client->conn, seen->event.stream);
            pair->ended++;
        }
    }
}

static void
shuttle(struct side *from, struct side *to, size_t chunk)
{
    take_output(from, SIZE_MAX);
    if (buf_len(&from->out) > 0)
        feed_in_chunks(to, buf_head(&from->out), buf_len(&from->out), chunk);
    buf_reset(&from->out, 0);
}

static void
start_calls(struct pair *pair)
{
    for (size_t i = 0; i < CALLS; i++) {
        char bytes[60];

        memset(bytes, 'x', sizeof(bytes));
        pair->requested[i] = i * 3;
        pair->calls[i] = h2_stream_open(pair->client->conn);
        assert_non_null(pair->calls[i]);
        pair->calls[i]->user = (void *)(intptr_t)i;
        assert_true(send_request(pair->client, pair->calls[i], false));
        assert_true(h2_stream_send_data(
            pair->client->conn, pair->calls[i], bytes, pair->requested[i], true));
    }
}

static void
test_calls_in_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 200; chunk++) {
        struct pair pair = {.client = side_new(&(struct h2_options){.role = H2_CLIENT}),
            .server = side_new(&(struct h2_options){.role = H2_SERVER})};

        start_calls(&pair);
        for (int turn = 0; turn < 6; turn++) {
            shuttle(pair.client, pair.server, chunk);
            serve(&pair);
            shuttle(pair.server, pair.client, chunk);
            hear(&pair);
        }
        assert_int_equal(pair.ended, CALLS);
        assert_int_equal(h2_conn_stream_count(pair.client->conn), 0);
        assert_int_equal(h2_conn_stream_count(pair.server->conn), 0);
        side_free(pair.client);
        side_free(pair.server);
    }
}

/* ---- PING ---- */

static void
test_ping_is_answered_with_its_bytes(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct frame frame;

    (void)state;
    put_frame(&bytes, PING, 0, 0, "abcdefgh", 8);
    feed(side, &bytes);
    frame = assert_frame(side, PING, 0);
    assert_int_equal(frame.flags, ACK);
    assert_memory_equal(frame.payload, "abcdefgh", 8);
    assert_no_event(side);
    side_free(side);
}

static void
test_ping_brings_its_value_back(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;
    struct frame frame;

    (void)state;
    h2_conn_ping(side->conn, UINT64_C(0x0123456789abcdef));
    frame = assert_frame(side, PING, 0);
    assert_int_equal(frame.flags, 0);
    put_frame(&bytes, PING, ACK, 0, frame.payload, 8);
    feed(side, &bytes);
    assert_int_equal(assert_event(side, H2_PING_ACK)->event.opaque, UINT64_C(0x0123456789abcdef));
    side_free(side);
}

/* ---- GOAWAY ---- */

static void
test_drain_in_two_steps(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *first, *second;

    (void)state;
    first = request(side, 1, END_STREAM);
    h2_conn_drain(side->conn, "max_age", 7);
    assert_goaway(side, 0x7fffffff, H2_NO_ERROR);
    assert_int_equal(load_be32(assert_frame(side, PING, 0).payload + 4), 7);
    assert_false(h2_conn_done(side->conn));
    /* What was on its way is still served. */
    second = request(side, 3, END_STREAM);
    h2_conn_drain_finish(side->conn);
    assert_goaway(side, 3, H2_NO_ERROR);
    /* What comes after is dropped, but for the tables and the connection's window. */
    put_request(&bytes, 5, 0);
    put_frame(&bytes, DATA, END_STREAM, 5, "xyz", 3);
    put_u32(&bytes, WINDOW_UPDATE, 5, 1);
    put_u32(&bytes, RST_STREAM, 5, H2_CANCEL);
    feed(side, &bytes);
    assert_no_event(side);
    assert_silent(side);
    h2_stream_release(side->conn, first);
    assert_false(h2_conn_done(side->conn));
    h2_stream_release(side->conn, second);
    assert_true(h2_conn_done(side->conn));
    side_free(side);
}

static void
test_last_stream_does_not_rise_after_drain(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;

    (void)state;
    h2_conn_drain_finish(side->conn);
    assert_goaway(side, 0, H2_NO_ERROR);
    put_request(&bytes, 1, END_STREAM);
    feed(side, &bytes);
    h2_conn_shutdown(side->conn, H2_ENHANCE_YOUR_CALM, "calm");
    assert_goaway(side, 0, H2_ENHANCE_YOUR_CALM);
    side_free(side);
}

static void
test_shutdown_drops_the_input(void **state)
{
    struct side *side = server_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *stream = request(side, 1, 0);

    (void)state;
    h2_conn_shutdown(side->conn, H2_NO_ERROR, "bye");
    assert_goaway(side, 1, H2_NO_ERROR);
    put_request(&bytes, 3, END_STREAM);
    feed(side, &bytes);
    assert_no_event(side);
    assert_int_equal(buf_len(&side->in), 0);
    assert_false(send_response(side, stream));
    assert_int_equal(h2_stream_room(side->conn, stream), 0);
    h2_conn_ping(side->conn, 1);
    h2_stream_reset(side->conn, stream, H2_CANCEL);
    h2_stream_release(side->conn, stream);
    assert_silent(side);
    assert_true(h2_conn_done(side->conn));
    side_free(side);
}

static void
put_goaway(struct buf *to, uint32_t last, enum h2_code code, const char *debug)
{
    uint8_t payload[8 + 32];

    store_be32(payload, last);
    store_be32(payload + 4, (uint32_t)code);
    memcpy(payload + 8, debug, strlen(debug));
    put_frame(to, GOAWAY, 0, 0, payload, 8 + strlen(debug));
}

static void
test_goaway_loses_the_streams_above(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *kept = call(side, false), *lost = call(side, false), *released, *idle;
    struct seen *seen;

    (void)state;
    released = call(side, false);
    idle = h2_stream_open(side->conn);
    put_goaway(&bytes, 1, H2_NO_ERROR, "max_age");
    feed_in_chunks(side, buf_head(&bytes), 9 + 8 + 7, SIZE_MAX);
    seen = assert_event(side, H2_GOAWAY);
    assert_string_equal(seen->text, "max_age");
    for (int i = 0; i < 3; i++) {
        seen = assert_event(side, H2_RESET);
        assert_true(seen->event.remote && seen->event.unprocessed);
        assert_ptr_not_equal(seen->event.stream, kept);
    }
    assert_no_event(side);
    assert_null(h2_stream_open(side->conn));
    assert_int_equal(h2_conn_streams_left(side->conn), 0);
    assert_false(send_request(side, idle, true));
    assert_false(h2_stream_send_data(side->conn, lost, "x", 1, true));
    assert_true(h2_stream_send_data(side->conn, kept, "x", 1, true));
    h2_stream_release(side->conn, idle);
    h2_stream_release(side->conn, lost);
    h2_stream_release(side->conn, released);
    assert_false(h2_conn_done(side->conn));
    assert_frame(side, DATA, 1);
    assert_silent(side);
    h2_stream_release(side->conn, kept);
    assert_rst(side, 1, H2_CANCEL);
    assert_true(h2_conn_done(side->conn));
    buf_fini(&bytes);
    side_free(side);
}

/* The user lets go of a lost stream before it has heard of the loss. */
static void
test_released_stream_is_not_told_of_its_loss(void **state)
{
    struct side *side = client_open();
    struct buf bytes = BUF_EMPTY;
    struct h2_stream *first = call(side, true), *second = call(side, true);
    struct h2_event event;
    struct h2_input in;

    (void)state;
    put_goaway(&bytes, 0, H2_NO_ERROR, "");
    in = (struct h2_input){buf_head(&bytes), buf_len(&bytes)};
    h2_conn_next(side->conn, &in, &event);
    assert_int_equal(event.type, H2_GOAWAY);
    h2_stream_release(side->conn, first);
    h2_conn_next(side->conn, &in, &event);
    assert_int_equal(event.type, H2_RESET);
    assert_ptr_equal(event.stream, second);
    h2_conn_next(side->conn, &in, &event);
    assert_int_equal(event.type, H2_NEED_INPUT);
    buf_fini(&bytes);
    side_free(side);
}

static void
test_goaway_must_not_rise(void **state)
{
    static const uint32_t wrong[][2] = {{1, 3}, {2, 0}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = client_open();
        struct buf bytes = BUF_EMPTY;

        put_goaway(&bytes, wrong[i][0], H2_NO_ERROR, "");
        put_goaway(&bytes, wrong[i][1], H2_NO_ERROR, "");
        feed(side, &bytes);
        assert_failed(side, H2_PROTOCOL_ERROR);
        side_free(side);
    }
}

static void
test_trim_gives_memory_back_and_goes_on(void **state)
{
    struct side *side = server_open();

    (void)state;
    for (uint32_t id = 1; id < 200; id += 2) {
        struct h2_stream *stream = request(side, id, END_STREAM);

        h2_conn_trim(side->conn); /* while held: keeps the stream */
        assert_int_equal(stream->id, id);
        assert_true(send_trailers(side, stream));
        h2_stream_release(side->conn, stream);
        assert_frame(side, HEADERS, id);
        h2_conn_trim(side->conn);
    }
    side_free(side);
}

static void
exchange(struct side *client, struct side *server, bool indexed)
{
    const struct h2_field mine = {
        .name = {"x-mine", 6}, .value = {"of the client", 13}, .indexing = H2_INDEX};
    struct h2_stream *ours = h2_stream_open(client->conn), *theirs;

    assert_true(h2_stream_send_headers(
        client->conn, ours, request_head, 6, indexed ? &mine : NULL, indexed, true));
    take_output(client, SIZE_MAX);
    feed(server, &client->out);
    theirs = assert_headers(server, ours->id);
    assert_int_equal(server->seen[server->seen_next - 1].fields, 6 + indexed);
    assert_true(send_response(server, theirs));
    assert_true(send_trailers(server, theirs));
    h2_stream_release(server->conn, theirs);
    take_output(server, SIZE_MAX);
    feed(client, &server->out);
    assert_headers(client, ours->id);
    assert_event(client, H2_TRAILERS);
    h2_stream_release(client->conn, ours);
    assert_int_equal(client->seen_next, client->seen_count);
    assert_int_equal(server->seen_next, server->seen_count);
}

/* Both ends forget what they can, each by itself, and go on understanding each other. */
static void
test_tables_are_in_step_after_a_trim(void **state)
{
    struct side *client = client_open(), *server = server_open();

    (void)state;
    for (int i = 0; i < 40; i++) {
        exchange(client, server, (i & 4) != 0);
        if ((i & 1) != 0)
            h2_conn_trim(client->conn);
        if ((i & 2) != 0)
            h2_conn_trim(server->conn);
        if (i % 5 == 0)
            h2_conn_trim(server->conn);
    }
    side_free(client);
    side_free(server);
}

/* The peer's table is emptied before anything goes in again (RFC 7541, 4.2 and 6.3). */
static void
test_a_block_after_a_trim_begins_with_updates(void **state)
{
    static const uint8_t updates[] = {0x20, 0x3f, 0xe1, 0x1f};
    struct side *server = server_open();
    struct frame frame;

    (void)state;
    for (uint32_t id = 1; id < 6; id += 2) {
        struct h2_stream *stream = request(server, id, END_STREAM);

        assert_true(send_response(server, stream));
        frame = assert_frame(server, HEADERS, id);
        if (id > 1)
            assert_memory_equal(frame.payload, updates, sizeof(updates));
        assert_true(send_trailers(server, stream));
        frame = assert_frame(server, HEADERS, id);
        assert_true(frame.len > 0 && (frame.payload[0] & 0xe0) != 0x20);
        h2_stream_release(server->conn, stream);
        h2_conn_trim(server->conn);
    }
    side_free(server);
}

/* One whose output is not all written keeps its memory; others get what lies ready meanwhile. */
static void
test_outputs_take_turns(void **state)
{
    struct buf_pool pool = {.first = NULL};
    const struct h2_options options = {.role = H2_SERVER, .outputs = &pool};
    struct side *one = side_open(&options), *other = side_open(&options);
    struct h2_stream *stream;

    (void)state;
    take_output(one, SIZE_MAX);
    take_output(other, SIZE_MAX);
    buf_reset(&one->out, 0);
    buf_reset(&other->out, 0);
    assert_int_equal(pool.count, 1);
    stream = request(one, 1, END_STREAM);
    assert_true(send_response(one, stream));
    assert_int_equal(pool.count, 0);
    take_output(one, 5);
    h2_stream_release(other->conn, request(other, 1, END_STREAM));
    assert_rst(other, 1, H2_CANCEL);
    assert_silent(other);
    assert_int_equal(pool.count, 1);
    assert_frame(one, HEADERS, 1);
    assert_silent(one);
    assert_int_equal(pool.count, 2);
    h2_stream_release(one->conn, stream);
    side_free(one); /* with output, which goes with it */
    side_free(other);
    assert_int_equal(pool.count, 1);
    buf_pool_fini(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opening_of_server),
        cmocka_unit_test(test_opening_of_client),
        cmocka_unit_test(test_wrong_preface_fails_at_the_first_wrong_byte),
        cmocka_unit_test(test_what_comes_to_the_wrong_port_is_named),
        cmocka_unit_test(test_settings_must_come_first),
        cmocka_unit_test(test_a_server_of_http1_is_named),
        cmocka_unit_test(test_ready_and_ack),
        cmocka_unit_test(test_calls_in_pieces_of_every_size),
        cmocka_unit_test(test_ping_is_answered_with_its_bytes),
        cmocka_unit_test(test_ping_brings_its_value_back),
        cmocka_unit_test(test_drain_in_two_steps),
        cmocka_unit_test(test_last_stream_does_not_rise_after_drain),
        cmocka_unit_test(test_shutdown_drops_the_input),
        cmocka_unit_test(test_goaway_loses_the_streams_above),
        cmocka_unit_test(test_released_stream_is_not_told_of_its_loss),
        cmocka_unit_test(test_goaway_must_not_rise),
        cmocka_unit_test(test_trim_gives_memory_back_and_goes_on),
        cmocka_unit_test(test_tables_are_in_step_after_a_trim),
        cmocka_unit_test(test_a_block_after_a_trim_begins_with_updates),
        cmocka_unit_test(test_outputs_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
