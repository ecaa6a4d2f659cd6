/* SPDX-License-Identifier: Apache-2.0 */
/* Runs rows: the steps, then the answer, then the proof that the connection is in the state it
 * should be. */
#include "row.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_ROWS 128

/* ---- the steps ---- */

static void
send_numbers(struct peer *peer, const struct step *step)
{
    uint8_t payload[8];

    store_be32(payload, step->numbers[0]);
    store_be32(payload + 4, step->numbers[1]);
    peer_send_frame(peer, step->type, step->flags, step->id, payload, 4 * step->width, 0);
}

static void
send_setting(struct peer *peer, const struct step *step)
{
    uint8_t payload[6];

    store_be16(payload, (uint16_t)step->numbers[0]);
    store_be32(payload + 2, step->numbers[1]);
    peer_send_frame(peer, TYPE_SETTINGS, 0, 0, payload, sizeof payload, 0);
}

static struct h2_stream *
held(const struct peer *peer, const struct step *step)
{
    struct h2_stream *stream = peer_stream(peer, step->id);

    if (stream == NULL)
        fail_msg("the row is wrong: nobody holds stream %u", (unsigned)step->id);
    return stream;
}

/* The steps that the connection's own user takes. */
static void
do_locally(struct peer *peer, const struct step *step)
{
    bool end_stream = (step->flags & END_STREAM) != 0;
    size_t from = peer->frame_count;

    switch (step->kind) {
    case STEP_CALL:
        assert_non_null(peer_call(peer, end_stream));
        break;
    case STEP_ANSWER:
        peer_answer(peer, held(peer, step), end_stream);
        break;
    case STEP_RESET:
        h2_stream_reset(peer->conn, held(peer, step), H2_CANCEL);
        break;
    case STEP_RELEASE:
        peer_release(peer, held(peer, step));
        break;
    default:
        fail_msg("the row is wrong: no such step");
    }
    peer_pump(peer);
    for (size_t i = from; i < peer->frame_count; i++)
        peer->frames[i].asked_for = true;
}

static void
do_step(struct peer *peer, const struct step *step)
{
    switch (step->kind) {
    case STEP_BYTES:
        peer_send(peer, step->bytes, step->len);
        break;
    case STEP_FRAME:
        peer_send_frame(
            peer, step->type, step->flags, step->id, step->bytes, step->len, step->size);
        break;
    case STEP_FIELDS:
        peer_send_fields(peer, step->flags, step->id, step->fields);
        break;
    case STEP_NUMBERS:
        send_numbers(peer, step);
        break;
    case STEP_SETTING:
        send_setting(peer, step);
        break;
    default:
        do_locally(peer, step);
        break;
    }
}

/* ---- the answer ---- */

static bool
has_code(const struct answer *answer, uint32_t code)
{
    return code < 32 && (answer->codes >> code & 1) != 0;
}

/* RST_STREAM frames that the connection sent by itself: all must be for `id` with a good code. */
static bool
resets_are(const struct peer *peer, const struct answer *answer, size_t *out_count)
{
    *out_count = 0;
    for (size_t i = 0; i < peer->frame_count; i++) {
        const struct peer_frame *frame = &peer->frames[i];

        if (frame->type != TYPE_RST_STREAM || frame->asked_for)
            continue;
        if (frame->id != answer->id || !has_code(answer, load_be32(frame->payload)))
            return false;
        ++*out_count;
    }
    return true;
}

static bool
said_goaway(const struct peer *peer)
{
    return peer_find(peer, 0, TYPE_GOAWAY, 0) != NULL;
}

static bool
is_fine(const struct peer *peer)
{
    static const struct answer none = {GOES_ON, 0, 0};
    size_t count;

    return !peer->failed && !said_goaway(peer) && strchr(peer->events, 'r') == NULL &&
           resets_are(peer, &none, &count);
}

static bool
is_stream_error(const struct peer *peer, const struct answer *answer)
{
    size_t count;

    if (peer->failed || said_goaway(peer) || !resets_are(peer, answer, &count) || count == 0)
        return false;
    /* A stream that its user holds is not reset behind its back. */
    return strchr(peer->events, 'r') == NULL ||
           (peer->last_reset_id == answer->id && has_code(answer, peer->last_reset));
}

/* RFC 9113, 5.4.1: GOAWAY with the code, after which nothing is sent. */
static bool
is_connection_error(const struct peer *peer, const struct answer *answer, bool goaway_optional)
{
    const struct peer_frame *last;

    if (!peer->failed || !has_code(answer, peer->failure))
        return false;
    if (goaway_optional && !said_goaway(peer))
        return true;
    last = peer->frame_count > 0 ? &peer->frames[peer->frame_count - 1] : NULL;
    return last != NULL && last->type == TYPE_GOAWAY && last->id == 0 && last->len >= 8 &&
           load_be32(last->payload + 4) == peer->failure;
}

static bool
is_answer(const struct peer *peer, const struct row *row, const struct answer *answer)
{
    switch (answer->scope) {
    case GOES_ON:
        return is_fine(peer);
    case ON_STREAM:
        return is_stream_error(peer, answer);
    case ON_CONNECTION:
        return is_connection_error(peer, answer, row->goaway_optional);
    default:
        return false;
    }
}

/* ---- the proof ---- */

static bool
ping_is_answered(struct peer *peer)
{
    static const uint8_t opaque[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    size_t from = peer->frame_count;
    const struct peer_frame *ack;

    peer_send_frame(peer, TYPE_PING, 0, 0, opaque, 8, 0);
    ack = peer_find(peer, from, TYPE_PING, 0);
    return ack != NULL && ack->flags == ACK && ack->len == 8 &&
           memcmp(ack->payload, opaque, 8) == 0;
}

static bool
request_is_answered(struct peer *peer)
{
    static const struct pair fields[] = {REQUEST_FIELDS, {NULL, NULL}};
    const uint32_t id = 1001;
    const struct peer_frame *answer;
    size_t from;

    peer_send_fields(peer, END_HEADERS | END_STREAM, id, fields);
    if (peer_stream(peer, id) == NULL)
        return false;
    from = peer->frame_count;
    peer_answer(peer, peer_stream(peer, id), true);
    answer = peer_find(peer, from, TYPE_HEADERS, id);
    return answer != NULL && answer->flags == (END_HEADERS | END_STREAM);
}

static bool
call_is_answered(struct peer *peer)
{
    static const struct pair fields[] = {RESPONSE_FIELDS, {NULL, NULL}};
    size_t from = peer->frame_count, events = peer->event_count;
    struct h2_stream *stream = peer_call(peer, true);

    if (stream == NULL || peer_find(peer, from, TYPE_HEADERS, stream->id) == NULL)
        return false;
    peer_send_fields(peer, END_HEADERS | END_STREAM, stream->id, fields);
    return peer->event_count == events + 1 && peer->events[events] == 'H';
}

static bool
goes_on(struct peer *peer, const struct row *row)
{
    peer_release_all(peer);
    if (!ping_is_answered(peer))
        return false;
    if (row->no_more_streams)
        return true;
    return peer->role == H2_SERVER ? request_is_answered(peer) : call_is_answered(peer);
}

/* After a connection error nothing that arrives matters any more. */
static bool
is_dead(struct peer *peer)
{
    static const struct pair fields[] = {REQUEST_FIELDS, {NULL, NULL}};
    size_t frames = peer->frame_count, events = peer->event_count;

    peer_send_fields(peer, END_HEADERS | END_STREAM, 1001, fields);
    peer_send_frame(peer, TYPE_PING, 0, 0, NULL, 0, 8);
    return peer->frame_count == frames && peer->event_count == events;
}

/* ---- a row ---- */

static void
check(const struct peer *peer, const struct row *row, bool good, const char *what)
{
    if (good && !peer->overflow)
        return;
    peer_dump(peer);
    fail_msg("RFC %s, %s (bytes in pieces of %zu): %s", row->section, row->name, peer->chunk,
        peer->overflow ? "too much happened" : what);
}

static bool
events_are(const struct peer *peer, const char *expected)
{
    const char *at = peer->events;

    for (; *at != '\0'; at++) {
        if (*at == 'Y')
            continue;
        if (*at != *expected)
            return false;
        expected++;
    }
    return *expected == '\0';
}

static void
run_steps(struct peer *peer, const struct row *row)
{
    if (!row->bare)
        peer_handshake(peer);
    for (const struct step *step = row->steps; step->kind != STEP_END; step++)
        do_step(peer, step);
    check(peer, row, is_answer(peer, row, &row->expect) || is_answer(peer, row, &row->other),
        "this is not the answer");
    check(peer, row, row->events == NULL || events_are(peer, row->events),
        "these are not the events");
    if (peer->failed)
        check(peer, row, is_dead(peer), "it goes on after a connection error");
    else
        check(peer, row, goes_on(peer, row), "it does not go on");
}

static struct peer the_peer;

static int
close_peer(void **state)
{
    (void)state;
    peer_close(&the_peer);
    return 0;
}

static void
run_row(void **state)
{
    static const size_t chunks[] = {SIZE_MAX, 1, 5, 1021};
    const struct row *row = *state;
    const struct h2_options options = {
        .role = row->role,
        .max_concurrent_streams = row->max_streams,
        .stream_window = row->window,
        .connection_window = row->connection_window,
        .max_frame_size = row->max_frame,
    };

    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        assert_true(peer_open(&the_peer, &options));
        the_peer.chunk = chunks[i];
        the_peer.hoard = row->hoard;
        run_steps(&the_peer, row);
        peer_close(&the_peer);
    }
}

int
run_rows(const char *name, const struct row *rows, size_t count)
{
    static struct CMUnitTest tests[MAX_ROWS];
    static char names[MAX_ROWS][160];

    if (count > MAX_ROWS)
        return 1;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s: %s (%s)", rows[i].section, rows[i].name,
            rows[i].role == H2_SERVER ? "server" : "client");
        tests[i].name = names[i];
        tests[i].test_func = run_row;
        tests[i].teardown_func = close_peer;
        tests[i].initial_state = (void *)(uintptr_t)&rows[i];
    }
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
