/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, sections 5.2 and 6.9: WINDOW_UPDATE and flow control. */
#include "row.h"

#define LONGEST_WINDOW 0x7fffffffu

static const struct row rows[] = {
    /* ---- 6.9: the frame ---- */
    {"6.9", "increment 0 on the connection", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(WINDOW_UPDATE(0, 0))},
    {"6.9", "increment 0 on the connection", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(WINDOW_UPDATE(0, 0))},
    {"6.9", "increment 0 and the reserved bit", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(WINDOW_UPDATE(0, 0x80000000))},
    {"6.9", "increment 0 on a stream", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), WINDOW_UPDATE(1, 0)), .events = "Hr"},
    {"6.9", "increment 0 on a half-closed stream", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(REQUEST(1), WINDOW_UPDATE(1, 0)), .events = "Hr"},
    {"6.9", "increment 0 on a stream", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL_OPEN, WINDOW_UPDATE(1, 0)), .events = "r"},
    {"6.9", "three bytes on the connection", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_WINDOW_UPDATE, 0, 0, "\0\0\x01"))},
    {"6.9", "five bytes on a stream", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(OPEN(1), FRAME(TYPE_WINDOW_UPDATE, 0, 1, "\0\0\0\x01\0"))},
    {"6.9", "no bytes", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_WINDOW_UPDATE, 0, 0, ""))},
    {"6.9", "the reserved bit means nothing", H2_SERVER, FINE,
        STEPS(OPEN(1), WINDOW_UPDATE(0, 0x80000001), WINDOW_UPDATE(1, 0x80000001))},

    /* ---- 6.9.1: windows of 2^31 and more ---- */
    {"6.9.1", "the connection's window at its limit", H2_SERVER, FINE,
        STEPS(WINDOW_UPDATE(0, LONGEST_WINDOW - 65535))},
    {"6.9.1", "the connection's window over its limit at once", H2_SERVER, CONNECTION(FLOW_CONTROL),
        STEPS(WINDOW_UPDATE(0, LONGEST_WINDOW))},
    {"6.9.1", "the connection's window over its limit bit by bit", H2_SERVER,
        CONNECTION(FLOW_CONTROL),
        STEPS(WINDOW_UPDATE(0, LONGEST_WINDOW - 65535), WINDOW_UPDATE(0, 1))},
    {"6.9.1", "the connection's window over its limit", H2_CLIENT, CONNECTION(FLOW_CONTROL),
        STEPS(WINDOW_UPDATE(0, 0xffffffff))},
    {"6.9.1", "a stream's window at its limit", H2_SERVER, FINE,
        STEPS(OPEN(1), WINDOW_UPDATE(1, LONGEST_WINDOW - 65535)), .events = "H"},
    {"6.9.1", "a stream's window over its limit at once", H2_SERVER, STREAM(1, FLOW_CONTROL),
        STEPS(OPEN(1), WINDOW_UPDATE(1, LONGEST_WINDOW)), .events = "Hr"},
    {"6.9.1", "a stream's window over its limit bit by bit", H2_SERVER, STREAM(1, FLOW_CONTROL),
        STEPS(REQUEST(1), WINDOW_UPDATE(1, LONGEST_WINDOW - 65535), WINDOW_UPDATE(1, 1)),
        .events = "Hr"},
    {"6.9.1", "a stream's window over its limit", H2_CLIENT, STREAM(1, FLOW_CONTROL),
        STEPS(CALL_OPEN, WINDOW_UPDATE(1, LONGEST_WINDOW)), .events = "r"},

    /* ---- 6.9.1: more DATA than the window ---- */
    {"6.9.1", "DATA that fills the stream's window", H2_SERVER, FINE,
        STEPS(OPEN(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 100)), .window = 100, .hoard = true,
        .events = "HD"},
    {"6.9.1", "DATA over the stream's window", H2_SERVER, STREAM(1, FLOW_CONTROL),
        STEPS(OPEN(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 101)), .window = 100,
        .other = CONNECTION(FLOW_CONTROL)},
    {"6.9.1", "DATA over what is left of the stream's window", H2_SERVER, STREAM(1, FLOW_CONTROL),
        STEPS(OPEN(1), FILLED(TYPE_DATA, 0, 1, "", 60), FILLED(TYPE_DATA, 0, 1, "", 60)),
        .window = 100, .hoard = true, .other = CONNECTION(FLOW_CONTROL)},
    {"6.9.1", "DATA over the stream's window", H2_CLIENT, STREAM(1, FLOW_CONTROL),
        STEPS(CALL, RESPONSE(1), FILLED(TYPE_DATA, 0, 1, "", 101)), .window = 100,
        .other = CONNECTION(FLOW_CONTROL)},
    {"6.9.1", "DATA over the connection's window", H2_SERVER, CONNECTION(FLOW_CONTROL),
        STEPS(OPEN(1), FILLED(TYPE_DATA, 0, 1, "", 65536)), .window = 1 << 20,
        .connection_window = 65535, .max_frame = 1 << 20},
    {"6.9.1", "DATA that fills the connection's window", H2_SERVER, FINE,
        STEPS(OPEN(1), FILLED(TYPE_DATA, END_STREAM, 1, "", 65535)), .window = 1 << 20,
        .connection_window = 65535, .max_frame = 1 << 20, .events = "HD"},
    {"6.9.1", "padding counts: one byte of data, 200 of padding", H2_SERVER,
        STREAM(1, FLOW_CONTROL), STEPS(OPEN(1), FILLED(TYPE_DATA, PADDED, 1, "\xc8x", 202)),
        .window = 100, .other = CONNECTION(FLOW_CONTROL)},
    {"6.9.1", "DATA as the window is given back", H2_SERVER, FINE,
        STEPS(OPEN(1), FILLED(TYPE_DATA, 0, 1, "", 100), FILLED(TYPE_DATA, 0, 1, "", 40),
            FILLED(TYPE_DATA, END_STREAM, 1, "", 40)),
        .window = 100, .events = "HD"},
    {"6.9.1", "empty DATA needs no window", H2_SERVER, FINE,
        STEPS(OPEN(1), FILLED(TYPE_DATA, 0, 1, "", 100), DATA(1, END_STREAM, "")), .window = 100,
        .hoard = true, .events = "HD"},
};

int
main(void)
{
    return RUN_ROWS("flow", rows);
}
