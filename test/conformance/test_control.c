/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, sections 6.3, 6.4, 6.6, 6.7, 6.8 and 7: the frames that control streams and connection.
 */
#include "row.h"

static const struct row rows[] = {
    /* ---- 6.3: PRIORITY, which means nothing any more but has a form ---- */
    {"6.3", "PRIORITY on stream 0", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(FRAME(TYPE_PRIORITY, 0, 0, "\0\0\0\x01\x0f"))},
    {"6.3", "PRIORITY of four bytes", H2_SERVER, STREAM(1, FRAME_SIZE),
        STEPS(OPEN(1), FRAME(TYPE_PRIORITY, 0, 1, "\0\0\0\0")), .events = "Hr"},
    {"6.3", "PRIORITY of six bytes", H2_SERVER, STREAM(1, FRAME_SIZE),
        STEPS(OPEN(1), FRAME(TYPE_PRIORITY, 0, 1, "\0\0\0\0\0\0")), .events = "Hr"},
    {"6.3", "PRIORITY on an open stream", H2_SERVER, FINE,
        STEPS(OPEN(1), FRAME(TYPE_PRIORITY, 0, 1, "\x80\0\0\0\xff"), DATA(1, END_STREAM, "x")),
        .events = "HD"},
    {"6.3", "PRIORITY from the server", H2_CLIENT, FINE,
        STEPS(CALL, FRAME(TYPE_PRIORITY, 0, 1, "\0\0\0\0\x0f"), RESPONSE_END(1)), .events = "H"},

    /* ---- 6.4: RST_STREAM ---- */
    {"6.4", "RST_STREAM on stream 0", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(RST_STREAM(0, H2_CANCEL))},
    {"6.4", "RST_STREAM of three bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(OPEN(1), FRAME(TYPE_RST_STREAM, 0, 1, "\0\0\0"))},
    {"6.4", "RST_STREAM of five bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(OPEN(1), FRAME(TYPE_RST_STREAM, 0, 1, "\0\0\0\x08\0"))},
    {"6.4", "RST_STREAM of three bytes", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(CALL, FRAME(TYPE_RST_STREAM, 0, 1, "\0\0\0"))},
    {"6.4", "RST_STREAM", H2_SERVER, FINE, STEPS(OPEN(1), RST_STREAM(1, H2_CANCEL)),
        .events = "HR"},
    {"6.4", "RST_STREAM before the response", H2_CLIENT, FINE,
        STEPS(CALL, RST_STREAM(1, H2_REFUSED_STREAM)), .events = "R"},
    {"6.4", "RST_STREAM in the middle of the response", H2_CLIENT, FINE,
        STEPS(CALL, RESPONSE(1), DATA(1, 0, "x"), RST_STREAM(1, H2_INTERNAL_ERROR)),
        .events = "HDR"},

    /* ---- 6.6: PUSH_PROMISE, which nobody may send here ---- */
    {"6.6", "PUSH_PROMISE from a client", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), FRAME(TYPE_PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\x02" TINY))},
    {"6.6", "PUSH_PROMISE though ENABLE_PUSH is 0", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(CALL, FRAME(TYPE_PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\x02" TINY))},
    {"6.6", "PUSH_PROMISE on stream 0", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(CALL, FRAME(TYPE_PUSH_PROMISE, END_HEADERS, 0, "\0\0\0\x02" TINY))},
    {"6.6", "PUSH_PROMISE on an idle stream", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(FRAME(TYPE_PUSH_PROMISE, END_HEADERS, 1, "\0\0\0\x02" TINY))},

    /* ---- 6.7: PING ---- */
    {"6.7", "PING", H2_SERVER, FINE, STEPS(PING(0, "\0\0\0\0\0\0\0\0"), PING(0, "12345678"))},
    {"6.7", "PING", H2_CLIENT, FINE, STEPS(PING(0, "12345678"))},
    {"6.7", "PING while a request is open", H2_SERVER, FINE,
        STEPS(OPEN(1), PING(0, "12345678"), DATA(1, END_STREAM, "x")), .events = "HD"},
    {"6.7", "PING on a stream", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), FRAME(TYPE_PING, 0, 1, "12345678"))},
    {"6.7", "PING acknowledgement on a stream", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(CALL, FRAME(TYPE_PING, ACK, 1, "12345678"))},
    {"6.7", "PING of six bytes", H2_SERVER, CONNECTION(FRAME_SIZE), STEPS(PING(0, "123456"))},
    {"6.7", "PING of nine bytes", H2_SERVER, CONNECTION(FRAME_SIZE), STEPS(PING(0, "123456789"))},
    {"6.7", "PING of no bytes", H2_CLIENT, CONNECTION(FRAME_SIZE), STEPS(PING(0, ""))},
    {"6.7", "PING acknowledgement of seven bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(PING(ACK, "1234567"))},
    {"6.7", "an acknowledgement of a PING that was not sent", H2_SERVER, FINE,
        STEPS(PING(ACK, "12345678"))},

    /* ---- 6.8: GOAWAY ---- */
    {"6.8", "GOAWAY on a stream", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), FRAME(TYPE_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0"))},
    {"6.8", "GOAWAY of seven bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_GOAWAY, 0, 0, "\0\0\0\0\0\0\0"))},
    {"6.8", "GOAWAY of no bytes", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_GOAWAY, 0, 0, ""))},
    {"6.8", "GOAWAY from a client: its requests are still answered", H2_SERVER, FINE,
        STEPS(OPEN(1), GOAWAY(0, H2_NO_ERROR), DATA(1, END_STREAM, "x"), ANSWER(1)),
        .events = "HGD", .no_more_streams = true},
    {"6.8", "GOAWAY with debug data", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0why")), .events = "G",
        .no_more_streams = true},
    {"6.8", "GOAWAY: what the server has taken on is finished", H2_CLIENT, FINE,
        STEPS(CALL, GOAWAY(1, H2_NO_ERROR), RESPONSE_END(1)), .events = "GH",
        .no_more_streams = true},
    {"6.8", "GOAWAY twice, the second time lower", H2_CLIENT, FINE,
        STEPS(CALL, GOAWAY(0x7fffffff, H2_NO_ERROR), GOAWAY(1, H2_NO_ERROR), RESPONSE_END(1)),
        .events = "GGH", .no_more_streams = true},
    {"6.8", "GOAWAY twice, the second time higher", H2_CLIENT, FINE,
        STEPS(CALL, GOAWAY(1, H2_NO_ERROR), GOAWAY(3, H2_NO_ERROR), RESPONSE_END(1)),
        .other = CONNECTION(PROTOCOL), .no_more_streams = true},
    {"6.8", "GOAWAY with an error", H2_CLIENT, FINE,
        STEPS(CALL, GOAWAY(1, H2_ENHANCE_YOUR_CALM), RESPONSE_END(1)), .events = "GH",
        .no_more_streams = true},

    /* ---- 7: unknown error codes have no special effect ---- */
    {"7", "RST_STREAM with an unknown code", H2_SERVER, FINE,
        STEPS(OPEN(1), RST_STREAM(1, 0xdeadbeef)), .events = "HR"},
    {"7", "RST_STREAM with an unknown code", H2_CLIENT, FINE,
        STEPS(CALL, RST_STREAM(1, 0xffffffff)), .events = "R"},
    {"7", "GOAWAY with an unknown code", H2_SERVER, FINE, STEPS(GOAWAY(0, 0xff)), .events = "G",
        .no_more_streams = true},
    {"7", "GOAWAY with an unknown code", H2_CLIENT, FINE,
        STEPS(CALL, GOAWAY(1, 0x80000000), RESPONSE_END(1)), .events = "GH",
        .no_more_streams = true},
};

int
main(void)
{
    return RUN_ROWS("control", rows);
}
