/* SPDX-License-Identifier: Apache-2.0 */
/* A connection when memory runs out: a false return or H2_FAILED, nothing leaks, nothing is said to
 * the peer that it could not follow. */
#include "harness.h"

#include "../failing.h"

#define CALLS 12
#define OUTPUT_MOST 500000

/* Two connections against each other, without memory of their own. */
struct pair {
    struct h2_conn *client, *server;
    struct h2_stream *calls[CALLS];
    unsigned ended;
    bool failed;
};

static char text[40000];
static uint8_t bytes[OUTPUT_MOST];

/* Requests that need new chunks, a larger map, a longer output, and one of them CONTINUATION. */
static void
start_calls(struct pair *pair)
{
    struct h2_field field = {.name = {"x-long", 6}, .value = {text, sizeof(text)}};

    for (size_t i = 0; i < CALLS; i++) {
        struct h2_stream *stream = pair->calls[i] = h2_stream_open(pair->client);
        size_t room;

        if (stream == NULL ||
            !h2_stream_send_headers(pair->client, stream, request_head, 6, &field, i == 2, false))
            continue;
        room = h2_stream_room(pair->client, stream);
        (void)h2_stream_send_data(pair->client, stream, text, room < 3000 ? room : 3000, true);
    }
}

static void
serve(struct pair *pair, const struct h2_event *event)
{
    if (event->type != H2_DATA || !event->end_stream)
        return;
    (void)h2_stream_send_headers(pair->server, event->stream, response_head, 2, NULL, 0, false);
    (void)h2_stream_send_data(pair->server, event->stream, text, 100, false);
    (void)h2_stream_send_headers(pair->server, event->stream, trailers, 1, NULL, 0, true);
    h2_stream_release(pair->server, event->stream);
}

static void
hear(struct pair *pair, const struct h2_event *event)
{
    if (event->type != H2_TRAILERS)
        return;
    pair->ended++;
    h2_stream_release(pair->client, event->stream);
}

static void
carry(struct pair *pair, struct h2_conn *from, struct h2_conn *to)
{
    struct h2_input in = {bytes, 0};
    struct h2_event event;
    struct h2_span span;

    if (h2_conn_output(from, &span, 1) == 1) {
        assert_true(span.len <= sizeof(bytes));
        memcpy(bytes, span.data, span.len);
        in.left = span.len;
        h2_conn_wrote(from, span.len);
    }
    do {
        h2_conn_next(to, &in, &event);
        if (event.type == H2_FAILED) {
            assert_int_equal(event.code, H2_INTERNAL_ERROR);
            pair->failed = true;
        }
        if (to == pair->server)
            serve(pair, &event);
        else
            hear(pair, &event);
    } while (event.type != H2_NEED_INPUT);
}

static void
use_connections(void)
{
    struct pair pair = {0};
    bool whole;

    pair.client = h2_conn_new(&(struct h2_options){.role = H2_CLIENT});
    pair.server = h2_conn_new(&(struct h2_options){.role = H2_SERVER, .max_header_list = 1 << 17});
    if (pair.client != NULL && pair.server != NULL) {
        start_calls(&pair);
        for (int turn = 0; turn < 4; turn++) {
            carry(&pair, pair.client, pair.server);
            carry(&pair, pair.server, pair.client);
        }
    }
    whole = allocations_left >= 0; /* nothing has failed */
    if (whole)
        assert_true(pair.ended == CALLS && !pair.failed);
    h2_conn_free(pair.client);
    h2_conn_free(pair.server);
}

static void
test_each_allocation_may_fail(void **state)
{
    (void)state;
    memset(text, 'x', sizeof(text));
    fail_each(use_connections);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
