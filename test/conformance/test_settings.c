/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, section 6.5: SETTINGS. */
#include "row.h"

#define LONGEST_WINDOW 0x7fffffffu

static const struct row rows[] = {
    {"6.5", "SETTINGS on a stream", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(OPEN(1), FRAME(TYPE_SETTINGS, 0, 1, "\0\x03\0\0\0\x64"))},
    {"6.5", "SETTINGS acknowledgement on a stream", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(FRAME(TYPE_SETTINGS, ACK, 1, ""))},
    {"6.5", "acknowledgement with a payload", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_SETTINGS, ACK, 0, "\0\x03\0\0\0\x64"))},
    {"6.5", "acknowledgement with a payload", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_SETTINGS, ACK, 0, "\0"))},
    {"6.5", "a length that is no multiple of six", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_SETTINGS, 0, 0, "\0\x03\0"))},
    {"6.5", "a length of seven", H2_CLIENT, CONNECTION(FRAME_SIZE),
        STEPS(FRAME(TYPE_SETTINGS, 0, 0, "\0\x03\0\0\0\x64\0"))},
    {"6.5", "empty SETTINGS", H2_SERVER, FINE, STEPS(FRAME(TYPE_SETTINGS, 0, 0, ""))},

    /* ---- 6.5.2: values ---- */
    {"6.5.2", "ENABLE_PUSH 0", H2_SERVER, FINE, STEPS(SETTING(ENABLE_PUSH, 0))},
    {"6.5.2", "ENABLE_PUSH 1", H2_SERVER, FINE, STEPS(SETTING(ENABLE_PUSH, 1))},
    {"6.5.2", "ENABLE_PUSH 2", H2_SERVER, CONNECTION(PROTOCOL), STEPS(SETTING(ENABLE_PUSH, 2))},
    {"6.5.2", "ENABLE_PUSH 0 from a server", H2_CLIENT, FINE, STEPS(SETTING(ENABLE_PUSH, 0))},
    {"6.5.2", "ENABLE_PUSH 1 from a server", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(SETTING(ENABLE_PUSH, 1))},
    {"6.5.2", "INITIAL_WINDOW_SIZE at its limit", H2_SERVER, FINE,
        STEPS(SETTING(INITIAL_WINDOW_SIZE, LONGEST_WINDOW))},
    {"6.5.2", "INITIAL_WINDOW_SIZE over its limit", H2_SERVER, CONNECTION(FLOW_CONTROL),
        STEPS(SETTING(INITIAL_WINDOW_SIZE, LONGEST_WINDOW + 1))},
    {"6.5.2", "INITIAL_WINDOW_SIZE over its limit", H2_CLIENT, CONNECTION(FLOW_CONTROL),
        STEPS(SETTING(INITIAL_WINDOW_SIZE, 0xffffffff))},
    {"6.5.2", "MAX_FRAME_SIZE at its limits", H2_SERVER, FINE,
        STEPS(SETTING(MAX_FRAME_SIZE, 16384), SETTING(MAX_FRAME_SIZE, 16777215))},
    {"6.5.2", "MAX_FRAME_SIZE under its limit", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(SETTING(MAX_FRAME_SIZE, 16383))},
    {"6.5.2", "MAX_FRAME_SIZE over its limit", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(SETTING(MAX_FRAME_SIZE, 16777216))},
    {"6.5.2", "MAX_FRAME_SIZE 0 from a server", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(SETTING(MAX_FRAME_SIZE, 0))},
    {"6.5.2", "HEADER_TABLE_SIZE, the longest and none", H2_SERVER, FINE,
        STEPS(SETTING(HEADER_TABLE_SIZE, 0xffffffff), SETTING(HEADER_TABLE_SIZE, 0))},
    {"6.5.2", "HEADER_TABLE_SIZE 0 between calls", H2_CLIENT, FINE,
        STEPS(CALL, RESPONSE_END(1), SETTING(HEADER_TABLE_SIZE, 0), CALL, RESPONSE_END(3)),
        .events = "HH"},
    {"6.5.2", "MAX_HEADER_LIST_SIZE and MAX_CONCURRENT_STREAMS, any value", H2_SERVER, FINE,
        STEPS(SETTING(MAX_HEADER_LIST_SIZE, 0xffffffff), SETTING(MAX_CONCURRENT_STREAMS, 0),
            SETTING(MAX_CONCURRENT_STREAMS, 0xffffffff))},
    {"6.5.2", "a good value and a bad one in one frame", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(FRAME(TYPE_SETTINGS, 0, 0, "\0\x03\0\0\0\x64\0\x02\0\0\0\x09"))},
    {"6.5.2", "a bad value and a good one after it", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(FRAME(TYPE_SETTINGS, 0, 0, "\0\x02\0\0\0\x09\0\x02\0\0\0\x01"))},

    {"8441 3", "ENABLE_CONNECT_PROTOCOL 1", H2_CLIENT, FINE,
        STEPS(SETTING(ENABLE_CONNECT_PROTOCOL, 1))},
    {"8441 3", "ENABLE_CONNECT_PROTOCOL 2", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(SETTING(ENABLE_CONNECT_PROTOCOL, 2))},
    {"8441 3", "ENABLE_CONNECT_PROTOCOL taken back", H2_CLIENT, CONNECTION(PROTOCOL),
        STEPS(SETTING(ENABLE_CONNECT_PROTOCOL, 1), SETTING(ENABLE_CONNECT_PROTOCOL, 0))},

    /* ---- 6.5.3: synchronization ---- */
    {"6.5.3", "a parameter twice in one frame", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_SETTINGS, 0, 0, "\0\x04\0\0\0\x64\0\x04\0\0\0\x01"))},
    {"6.5.3", "SETTINGS while requests are open", H2_SERVER, FINE,
        STEPS(OPEN(1), SETTING(INITIAL_WINDOW_SIZE, 1), DATA(1, END_STREAM, "x"), ANSWER(1)),
        .events = "HD"},
    {"6.5.3", "an acknowledgement too many", H2_SERVER, FINE,
        STEPS(FRAME(TYPE_SETTINGS, ACK, 0, "")), .other = CONNECTION(PROTOCOL)},

    /* ---- 6.9.2: the initial window moves the windows of open streams ---- */
    {"6.9.2", "a new initial window overflows a stream's window", H2_SERVER,
        CONNECTION(FLOW_CONTROL),
        STEPS(OPEN(1), WINDOW_UPDATE(1, LONGEST_WINDOW - 65535),
            SETTING(INITIAL_WINDOW_SIZE, 65536))},
    {"6.9.2", "a new initial window overflows a stream's window", H2_CLIENT,
        CONNECTION(FLOW_CONTROL),
        STEPS(CALL_OPEN, WINDOW_UPDATE(1, LONGEST_WINDOW - 65535),
            SETTING(INITIAL_WINDOW_SIZE, 65536))},
    {"6.9.2", "a window that becomes negative is no error", H2_SERVER, FINE,
        STEPS(OPEN(1), SETTING(INITIAL_WINDOW_SIZE, 0), SETTING(INITIAL_WINDOW_SIZE, 65535)),
        .events = "H"},
};

int
main(void)
{
    return RUN_ROWS("settings", rows);
}
