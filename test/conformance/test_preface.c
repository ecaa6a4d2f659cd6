/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, section 3.4: the connection preface. */
#include "row.h"

#define SETTINGS FRAME(TYPE_SETTINGS, 0, 0, "")
#define SETTINGS_ACK FRAME(TYPE_SETTINGS, ACK, 0, "")

static const struct row rows[] = {
    {"3.4", "preface and empty SETTINGS", H2_SERVER, FINE,
        STEPS(BYTES(PREFACE), SETTINGS, SETTINGS_ACK), .bare = true, .events = ""},
    {"3.4", "requests do not wait for the SETTINGS to be acknowledged", H2_SERVER, FINE,
        STEPS(BYTES(PREFACE), SETTINGS, REQUEST(1), OPEN(3)), .bare = true, .events = "HH"},
    {"3.4", "SETTINGS with entries as the preface", H2_SERVER, FINE,
        STEPS(BYTES(PREFACE), SETTING(MAX_CONCURRENT_STREAMS, 1), SETTINGS_ACK), .bare = true},
    {"3.4", "HTTP/1.1 instead of the preface", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES("GET / HTTP/1.1\r\nHost: a\r\n\r\n")), .bare = true, .goaway_optional = true},
    {"3.4", "preface wrong in its first byte", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES("pRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), SETTINGS), .bare = true,
        .goaway_optional = true},
    {"3.4", "preface wrong in its last byte", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"), SETTINGS), .bare = true,
        .goaway_optional = true},
    {"3.4", "SETTINGS without the preface", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(SETTINGS, SETTINGS_ACK, PING(0, "12345678")), .bare = true, .goaway_optional = true},
    {"3.4", "the preface twice", H2_SERVER, CONNECTION(PROTOCOL | FRAME_SIZE),
        STEPS(BYTES(PREFACE), BYTES(PREFACE)), .bare = true},
    {"3.4", "PING before SETTINGS", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES(PREFACE), PING(0, "12345678")), .bare = true},
    {"3.4", "HEADERS before SETTINGS", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES(PREFACE), REQUEST(1)), .bare = true},
    {"3.4", "a frame of an unknown type before SETTINGS", H2_SERVER, CONNECTION(PROTOCOL),
        STEPS(BYTES(PREFACE), FRAME(TYPE_UNKNOWN, 0, 0, "x")), .bare = true},
    {"3.4", "the first SETTINGS are malformed", H2_SERVER, CONNECTION(FRAME_SIZE),
        STEPS(BYTES(PREFACE), FRAME(TYPE_SETTINGS, 0, 0, "12345")), .bare = true},
    {"3.4", "the server's SETTINGS", H2_CLIENT, FINE, STEPS(SETTINGS, SETTINGS_ACK), .bare = true,
        .events = ""},
    {"3.4", "PING before SETTINGS", H2_CLIENT, CONNECTION(PROTOCOL), STEPS(PING(0, "12345678")),
        .bare = true},
    {"3.4", "GOAWAY before SETTINGS", H2_CLIENT, CONNECTION(PROTOCOL), STEPS(GOAWAY(0, 0)),
        .bare = true},
    {"3.4", "HTTP/1.1 instead of SETTINGS", H2_CLIENT, CONNECTION(PROTOCOL | FRAME_SIZE),
        STEPS(BYTES("HTTP/1.1 400 Bad Request\r\n\r\n")), .bare = true, .goaway_optional = true},
    {"3.4", "the client's own preface is sent back", H2_CLIENT, CONNECTION(PROTOCOL | FRAME_SIZE),
        STEPS(BYTES(PREFACE), SETTINGS), .bare = true, .goaway_optional = true},
};

int
main(void)
{
    return RUN_ROWS("preface", rows);
}
