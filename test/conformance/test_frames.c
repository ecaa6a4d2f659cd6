/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, sections 4.1, 4.2, 5.4 and 5.5: frames as such. */
#include "row.h"

#define NEXT_IS_GOOD REQUEST(9)

static const struct row rows[] = {
    /* ---- 4.1: frame format ---- */
    {"4.1", "unknown type on the connection", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_UNKNOWN, 0xff, 0, "whatever"))},
    {"4.1", "unknown type on an idle stream", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_UNKNOWN, 0, 7, ""))},
    {"4.1", "unknown type on an open stream", H2_SERVER, FINE,
        STEPS(OPEN(1), FRAME(0xff, 0, 1, "x"), DATA(1, END_STREAM, "")), .events = "HD"},
    {"4.1", "unknown type on a half-closed stream", H2_SERVER, FINE,
        STEPS(REQUEST(1), FRAME(0xb, 0, 1, "x")), .events = "H"},
    {"4.1", "unknown type from the server", H2_CLIENT, FINE,
        STEPS(
            CALL, FRAME(TYPE_UNKNOWN, 0, 1, "x"), FRAME(TYPE_UNKNOWN, 0, 2, "x"), RESPONSE_END(1)),
        .events = "H"},
    {"4.1", "unknown flags of PING", H2_SERVER, FINE, STEPS(PING(0xfe, "12345678"))},
    {"4.1", "unknown flags of DATA", H2_SERVER, FINE,
        STEPS(OPEN(1), DATA(1, 0xf7 & ~END_STREAM, "x"), DATA(1, END_STREAM, "")), .events = "HD"},
    {"4.1", "unknown flags of HEADERS", H2_SERVER, FINE,
        STEPS(BLOCK(1, END_HEADERS | END_STREAM | 0xd2, TINY)), .events = "H"},
    {"4.1", "unknown flags of SETTINGS and WINDOW_UPDATE", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_SETTINGS, 0xfe, 0, ""), FRAME(TYPE_WINDOW_UPDATE, 0xff, 0, "\0\0\0\x01"))},
    {"4.1", "reserved bit set on a PING", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_PING, 0, 0x80000000, "12345678"))},
    {"4.1", "reserved bit set on a request", H2_SERVER, FINE,
        STEPS(BLOCK(0x80000001, END_HEADERS, TINY), DATA(0x80000001, END_STREAM, "x")),
        .events = "HD"},
    {"4.1", "reserved bit set on a response", H2_CLIENT, FINE,
        STEPS(CALL, BLOCK(0x80000001, END_HEADERS | END_STREAM, "\x88")), .events = "H"},

    /* ---- 4.2: frame size ---- */
    {"4.2", "DATA of 16,384 bytes", H2_SERVER, FINE,
        STEPS(OPEN(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 16384)), .events = "HD"},
    {"4.2", "unknown type of 16,384 bytes", H2_SERVER, FINE,
        STEPS(FILLED(TYPE_UNKNOWN, 0, 0, "", 16384))},
    {"4.2", "DATA of 16,385 bytes", H2_SERVER, STREAM(1, FRAME_SIZE),
        STEPS(OPEN(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 16385)),
        .other = CONNECTION(FRAME_SIZE)},
    {"4.2", "DATA of 16,385 bytes", H2_CLIENT, STREAM(1, FRAME_SIZE),
        STEPS(CALL, RESPONSE(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 16385)),
        .other = CONNECTION(FRAME_SIZE)},
    {"4.2", "HEADERS of 16,385 bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FILLED(TYPE_HEADERS, END_HEADERS | END_STREAM, 1, TINY, 16385))},
    {"4.2", "HEADERS of 16,385 bytes", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(CALL, FILLED(TYPE_HEADERS, END_HEADERS | END_STREAM, 1, "\x88", 16385))},
    {"4.2", "CONTINUATION of 16,385 bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(BLOCK(1, END_STREAM, TINY), FILLED(TYPE_CONTINUATION, END_HEADERS, 1, "", 16385))},
    {"4.2", "SETTINGS of 16,386 bytes", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FILLED(TYPE_SETTINGS, 0, 0, "", 16386))},
    {"4.2", "GOAWAY of 16,385 bytes", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(FILLED(TYPE_GOAWAY, 0, 0, "", 16385))},
    {"4.2", "unknown type of 16,385 bytes on the connection", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FILLED(TYPE_UNKNOWN, 0, 0, "", 16385))},
    {"4.2", "the longest length there is, none of it sent", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(BYTES("\xff\xff\xff\x04\x00\x00\x00\x00\x00"))},

    /* ---- 5.4: errors ---- */
    {"5.4.1", "an error, and good frames behind it", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_PING, 0, 0, "123456"), PING(0, "12345678"), NEXT_IS_GOOD), .events = "F"},
    {"5.4.1", "two errors at once: the first one counts", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_PING, 0, 0, "123456"), DATA(0, 0, "x")), .events = "F"},
    {"5.4.1", "an error while requests are open", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), REQUEST(3), DATA(0, 0, "x"))},
    {"5.4.2", "a stream error leaves other streams alone", H2_SERVER, STREAM(3, PROTOCOL),
        STEPS(OPEN(1), OPEN(3), WINDOW_UPDATE(3, 0), DATA(1, END_STREAM, "x")), .events = "HHrD"},
    {"5.4.2", "the peer's answer to our RST_STREAM is not answered", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), WINDOW_UPDATE(1, 0), RST_STREAM(1, H2_CANCEL)), .events = "Hr"},

    /* ---- 5.5: extensions ---- */
    {"5.5", "unknown type in the middle of a header block", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BLOCK(1, END_STREAM, "\x83\x86"), FRAME(TYPE_UNKNOWN, 0, 1, "x"),
            CONTINUATION(1, END_HEADERS, "\x84"))},
    {"5.5", "unknown type on the connection in the middle of a header block", H2_SERVER,
        CONNECTION(PROTOCOL),
        STEPS(BLOCK(1, END_STREAM, "\x83\x86"), FRAME(TYPE_UNKNOWN, 0, 0, "x"))},
    {"5.5", "unknown type in the middle of a response's header block", H2_CLIENT,
        CONNECTION(PROTOCOL),
        STEPS(CALL, BLOCK(1, END_STREAM, "\x88"), FRAME(TYPE_UNKNOWN, 0, 1, "x"))},
    {"5.5", "unknown setting", H2_SERVER, FINE, STEPS(SETTING(0xff, 0xffffffff))},
    {"5.5", "unknown setting from the server", H2_CLIENT, FINE, STEPS(SETTING(0, 1))},
};

int
main(void)
{
    return RUN_ROWS("frames", rows);
}
