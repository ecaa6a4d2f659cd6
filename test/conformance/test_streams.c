/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, sections 5.1 and 5.3: the states, names and number of streams, and PRIORITY. */
#include "row.h"

#define PRIORITY(i, text) FRAME(TYPE_PRIORITY, 0, i, text)
#define ON_STREAM_0 "\0\0\0\0\x0f"

/* A request and its whole answer. */
#define DONE(i) REQUEST(i), ANSWER(i)
#define DONE_AND_GONE(i) REQUEST(i), ANSWER(i), RELEASE(i)

static const struct row rows[] = {
    /* ---- 5.1: idle ---- */
    {"5.1", "idle: DATA", H2_SERVER, CONNECTION(PROTOCOL), STEPS(DATA(1, END_STREAM, "x"))},
    {"5.1", "idle: RST_STREAM", H2_SERVER, CONNECTION(PROTOCOL), STEPS(RST_STREAM(1, H2_CANCEL))},
    {"5.1", "idle: WINDOW_UPDATE", H2_SERVER, CONNECTION(PROTOCOL), STEPS(WINDOW_UPDATE(1, 100))},
    {"5.1", "idle: CONTINUATION", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(CONTINUATION(1, END_HEADERS, TINY))},
    {"5.1", "idle: PRIORITY", H2_SERVER, FINE, STEPS(PRIORITY(1, ON_STREAM_0), REQUEST(1))},
    {"5.1", "idle: DATA on a stream above those in use", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), DATA(3, 0, "x"))},
    {"5.1", "idle: DATA", H2_CLIENT, CONNECTION(PROTOCOL), STEPS(DATA(1, 0, "x"))},
    {"5.1", "idle: HEADERS on a stream that the client has not opened", H2_CLIENT,
        CONNECTION(PROTOCOL), STEPS(CALL, RESPONSE_END(3))},
    {"5.1", "idle: RST_STREAM", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(CALL, RST_STREAM(3, H2_CANCEL))},
    {"5.1", "idle: WINDOW_UPDATE", H2_CLIENT, CONNECTION(PROTOCOL), STEPS(WINDOW_UPDATE(1, 1))},
    {"5.1", "idle: HEADERS on a stream of the server's own", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(CALL, RESPONSE_END(2))},

    /* ---- 5.1: half-closed (remote) ---- */
    {"5.1", "half-closed: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(REQUEST(1), DATA(1, END_STREAM, "x")), .events = "Hr"},
    {"5.1", "half-closed: HEADERS", H2_SERVER, STREAM(1, CLOSED), STEPS(REQUEST(1), REQUEST(1)),
        .events = "Hr"},
    {"5.1", "half-closed: CONTINUATION", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(REQUEST(1), CONTINUATION(1, END_HEADERS, TINY))},
    {"5.1", "half-closed: WINDOW_UPDATE", H2_SERVER, FINE,
        STEPS(REQUEST(1), WINDOW_UPDATE(1, 1), ANSWER(1)), .events = "H"},
    {"5.1", "half-closed: PRIORITY", H2_SERVER, FINE,
        STEPS(REQUEST(1), PRIORITY(1, ON_STREAM_0), ANSWER(1)), .events = "H"},
    {"5.1", "half-closed: RST_STREAM", H2_SERVER, FINE, STEPS(REQUEST(1), RST_STREAM(1, H2_CANCEL)),
        .events = "HR"},
    {"5.1", "half-closed by DATA: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), DATA(1, END_STREAM, "x"), DATA(1, 0, "x")), .events = "HDr"},
    {"5.1", "half-closed by trailers: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), FIELDS(1, END_HEADERS | END_STREAM, {"x", "y"}), DATA(1, 0, "x")),
        .events = "HTr"},
    {"5.1", "half-closed: DATA after the whole answer", H2_CLIENT, STREAM(1, CLOSED),
        STEPS(CALL_OPEN, RESPONSE_END(1), DATA(1, 0, "x"))},

    /* ---- 5.1: half-closed (local): everything may come ---- */
    {"5.1", "half-closed by us: DATA, trailers", H2_SERVER, FINE,
        STEPS(OPEN(1), ANSWER(1), DATA(1, 0, "x"), FIELDS(1, END_HEADERS | END_STREAM, {"x", "y"})),
        .events = "HDT"},
    {"5.1", "half-closed by us: WINDOW_UPDATE, PRIORITY, RST_STREAM", H2_SERVER, FINE,
        STEPS(OPEN(1), ANSWER(1), WINDOW_UPDATE(1, 1), PRIORITY(1, ON_STREAM_0),
            RST_STREAM(1, H2_CANCEL)),
        .events = "HR"},

    /* ---- 5.1: closed by the peer's RST_STREAM. Section 6.1 asks for STREAM_CLOSED, 5.1 allows to
       drop. ---- */
    {"5.1", "reset by the peer: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), DATA(1, END_STREAM, "x")),
        .other = CONNECTION(CLOSED)},
    {"5.1", "reset by the peer: HEADERS", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), REQUEST(1)), .other = CONNECTION(CLOSED)},
    {"5.1", "reset by the peer: CONTINUATION", H2_SERVER, CONNECTION(PROTOCOL | CLOSED),
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), CONTINUATION(1, END_HEADERS, TINY))},
    {"5.1", "reset by the peer: PRIORITY", H2_SERVER, FINE,
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), PRIORITY(1, ON_STREAM_0)), .events = "HR"},
    {"5.1", "reset by the peer and released: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), RELEASE(1), DATA(1, END_STREAM, "x")),
        .other = CONNECTION(CLOSED)},
    {"5.1", "reset by the peer: RST_STREAM again", H2_SERVER, FINE,
        STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL), RST_STREAM(1, H2_CANCEL)), .events = "HR",
        .other = CONNECTION(CLOSED)},

    /* ---- 5.1: closed by both END_STREAMs ---- */
    {"5.1", "closed: DATA", H2_SERVER, STREAM(1, CLOSED), STEPS(DONE(1), DATA(1, END_STREAM, "x")),
        .other = CONNECTION(CLOSED)},
    {"5.1", "closed and released: DATA", H2_SERVER, STREAM(1, CLOSED),
        STEPS(DONE_AND_GONE(1), DATA(1, END_STREAM, "x")), .other = CONNECTION(CLOSED)},
    {"5.1", "closed: HEADERS", H2_SERVER, CONNECTION(CLOSED), STEPS(DONE(1), REQUEST(1)),
        .other = STREAM(1, CLOSED)},
    {"5.1", "closed and released: HEADERS", H2_SERVER, CONNECTION(CLOSED | PROTOCOL),
        STEPS(DONE_AND_GONE(1), REQUEST(1)), .other = STREAM(1, CLOSED)},
    {"5.1", "closed: CONTINUATION", H2_SERVER, CONNECTION(PROTOCOL | CLOSED),
        STEPS(DONE(1), CONTINUATION(1, END_HEADERS, TINY))},
    {"5.1", "closed: WINDOW_UPDATE and RST_STREAM, sent before the peer knew", H2_SERVER, FINE,
        STEPS(DONE(1), WINDOW_UPDATE(1, 10), RST_STREAM(1, H2_CANCEL))},
    {"5.1", "closed and released: WINDOW_UPDATE and RST_STREAM", H2_SERVER, FINE,
        STEPS(DONE_AND_GONE(1), WINDOW_UPDATE(1, 10), RST_STREAM(1, H2_CANCEL))},
    {"5.1", "closed and released: PRIORITY", H2_SERVER, FINE,
        STEPS(DONE_AND_GONE(1), PRIORITY(1, ON_STREAM_0))},
    {"5.1", "closed and released: RST_STREAM NO_ERROR", H2_CLIENT, FINE,
        STEPS(CALL, RESPONSE_END(1), RELEASE(1), RST_STREAM(1, H2_NO_ERROR)), .events = "H"},
    {"5.1", "closed and released: DATA", H2_CLIENT, STREAM(1, CLOSED),
        STEPS(CALL, RESPONSE_END(1), RELEASE(1), DATA(1, 0, "x")), .other = CONNECTION(CLOSED)},

    /* ---- 5.1: closed by our RST_STREAM: what was on its way is dropped, but decoded and counted
       ---- */
    {"5.1", "reset by us: DATA, HEADERS, WINDOW_UPDATE, RST_STREAM are dropped", H2_SERVER, FINE,
        STEPS(OPEN(1), RESET(1), DATA(1, 0, "x"), WINDOW_UPDATE(1, 1),
            FIELDS(1, END_HEADERS | END_STREAM, {"x", "y"}), RST_STREAM(1, H2_CANCEL)),
        .events = "H"},
    {"5.1", "reset by us and released: DATA and trailers are dropped", H2_SERVER, FINE,
        STEPS(
            OPEN(1), RELEASE(1), DATA(1, 0, "x"), FIELDS(1, END_HEADERS | END_STREAM, {"x", "y"})),
        .events = "H"},
    {"5.1", "reset by us: a dropped block still changes the table", H2_SERVER, FINE,
        STEPS(OPEN(1), RESET(1), BLOCK(1, END_HEADERS | END_STREAM, "\x40\x01x\x01y"),
            BLOCK(3, END_HEADERS | END_STREAM, TINY "\xbe")),
        .events = "HH"},
    {"5.1", "reset by us: the response is dropped", H2_CLIENT, FINE,
        STEPS(CALL, RESET(1), RESPONSE(1), DATA(1, 0, "x"), RESPONSE_END(1)), .events = ""},
    {"5.1", "reset by us and released: the response's block still changes the table", H2_CLIENT,
        FINE,
        STEPS(CALL, RELEASE(1), BLOCK(1, END_HEADERS, "\x88\x40\x01x\x01y"), DATA(1, 0, "x"), CALL,
            BLOCK(3, END_HEADERS | END_STREAM, "\x88\xbe")),
        .events = "H"},

    /* ---- 5.1.1: identifiers ---- */
    {"5.1.1", "a request on an even stream", H2_SERVER, CONNECTION(PROTOCOL), STEPS(REQUEST(2))},
    {"5.1.1", "a request on a stream below one in use", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(REQUEST(5), REQUEST(3))},
    {"5.1.1", "streams may be left out", H2_SERVER, FINE, STEPS(REQUEST(5), REQUEST(77)),
        .events = "HH"},
    {"5.1.1", "a stream that was left out is closed: DATA", H2_SERVER, STREAM(3, CLOSED),
        STEPS(REQUEST(5), DATA(3, 0, "x")), .other = CONNECTION(CLOSED | PROTOCOL)},
    {"5.1.1", "the highest stream there is", H2_SERVER, FINE, STEPS(REQUEST(0x7fffffff)),
        .events = "H", .no_more_streams = true},
    {"5.1.1", "HEADERS on stream 0", H2_SERVER, CONNECTION(PROTOCOL), STEPS(REQUEST(0))},

    /* ---- 5.1.2: concurrency ---- */
    {"5.1.2", "one stream too many", H2_SERVER, STREAM(5, REFUSED | PROTOCOL),
        STEPS(REQUEST(1), OPEN(3), REQUEST(5)), .max_streams = 2, .events = "HH"},
    {"5.1.2", "a refused stream's block still changes the table", H2_SERVER,
        STREAM(3, REFUSED | PROTOCOL),
        STEPS(REQUEST(1), BLOCK(3, END_HEADERS | END_STREAM, TINY "\x40\x01x\x01y"), ANSWER(1),
            RELEASE(1), BLOCK(5, END_HEADERS | END_STREAM, TINY "\xbe")),
        .max_streams = 1, .events = "HH"},
    {"5.1.2", "closed streams do not count", H2_SERVER, FINE,
        STEPS(DONE_AND_GONE(1), DONE_AND_GONE(3), DONE_AND_GONE(5)), .max_streams = 1,
        .events = "HHH"},
    {"5.1.2", "PRIORITY opens no stream", H2_SERVER, FINE,
        STEPS(PRIORITY(1, ON_STREAM_0), PRIORITY(3, ON_STREAM_0), REQUEST(5)), .max_streams = 1,
        .events = "H"},

    /* ---- 5.3: RFC 9113 has no rule on a dependency any more; RFC 7540, 5.3.1 had a stream error
       ---- */
    {"5.3", "HEADERS that depend on themselves", H2_SERVER, FINE,
        STEPS(BLOCK(1, END_HEADERS | END_STREAM | PRIORITIZED, "\0\0\0\x01\x0f" TINY)),
        .other = STREAM(1, PROTOCOL)},
    {"5.3", "PRIORITY that depends on itself", H2_SERVER, FINE,
        STEPS(OPEN(1), PRIORITY(1, "\0\0\0\x01\x0f")), .other = STREAM(1, PROTOCOL)},
};

int
main(void)
{
    return RUN_ROWS("streams", rows);
}
