/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, section 8.1: requests and responses as sequences of frames. */
#include "row.h"

#define LENGTH(text)           \
    {                          \
        "content-length", text \
    }
#define TRAILERS(i) FIELDS(i, END_HEADERS | END_STREAM, {"grpc-status", "0"})
#define STATUS(i, flags, text) FIELDS(i, END_HEADERS | (flags), {":status", text})

static const struct row rows[] = {
    /* ---- 8.1: requests ---- */
    {"8.1", "headers alone", H2_SERVER, FINE, STEPS(REQUEST(1), ANSWER(1)), .events = "H"},
    {"8.1", "headers, data, trailers", H2_SERVER, FINE,
        STEPS(OPEN(1), DATA(1, 0, "a"), DATA(1, 0, "b"), TRAILERS(1)), .events = "HDT"},
    {"8.1", "headers, trailers", H2_SERVER, FINE, STEPS(OPEN(1), TRAILERS(1)), .events = "HT"},
    {"8.1", "requests that interleave", H2_SERVER, FINE,
        STEPS(OPEN(1), OPEN(3), DATA(1, END_STREAM, "a"), TRAILERS(3)), .events = "HHDT"},
    {"8.1", "a second HEADERS without END_STREAM", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), FIELDS(1, END_HEADERS, {"x", "y"})), .events = "Hr"},
    {"8.1", "trailers without END_STREAM after DATA", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), DATA(1, 0, "x"), FIELDS(1, END_HEADERS, {"x", "y"})), .events = "HDr"},
    {"8.1", "a pseudo-header field in trailers", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), DATA(1, 0, "x"), FIELDS(1, END_HEADERS | END_STREAM, {":method", "POST"})),
        .events = "HDr"},
    {"8.1", "an undefined pseudo-header field in trailers", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(OPEN(1), FIELDS(1, END_HEADERS | END_STREAM, {"x", "y"}, {":x", "y"})),
        .events = "Hr"},
    {"8.1", "trailers after trailers", H2_SERVER, STREAM(1, CLOSED),
        STEPS(OPEN(1), TRAILERS(1), TRAILERS(1)), .events = "HTr"},

    /* ---- 8.1: responses ---- */
    {"8.1", "headers, data, trailers", H2_CLIENT, FINE,
        STEPS(CALL, RESPONSE(1), DATA(1, 0, "x"), TRAILERS(1)), .events = "HDT"},
    {"8.1", "headers alone", H2_CLIENT, FINE, STEPS(CALL, RESPONSE_END(1)), .events = "H"},
    {"8.1", "a response before the request is whole, then RST_STREAM NO_ERROR", H2_CLIENT, FINE,
        STEPS(CALL_OPEN, RESPONSE(1), DATA(1, 0, "x"), TRAILERS(1), RST_STREAM(1, H2_NO_ERROR))},
    {"8.1", "interim responses", H2_CLIENT, FINE,
        STEPS(CALL, STATUS(1, 0, "100"), FIELDS(1, END_HEADERS, {":status", "103"}, {"link", "a"}),
            RESPONSE(1), TRAILERS(1)),
        .events = "HT"},
    {"8.1", "an interim response that ends the stream", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, STATUS(1, END_STREAM, "100")), .events = "r"},
    {"8.1", "an interim response after the final one", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, RESPONSE(1), STATUS(1, 0, "103")), .events = "Hr"},
    {"8.1", "a second HEADERS without END_STREAM", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, RESPONSE(1), FIELDS(1, END_HEADERS, {"x", "y"})), .events = "Hr"},
    {"8.1", "DATA before HEADERS", H2_CLIENT, STREAM(1, PROTOCOL), STEPS(CALL, DATA(1, 0, "x")),
        .events = "r"},
    {"8.1", "DATA after an interim response", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, STATUS(1, 0, "100"), DATA(1, END_STREAM, "x")), .events = "r"},
    {"8.1", "trailers after an interim response", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, STATUS(1, 0, "100"), TRAILERS(1)), .events = "r"},
    {"8.1", "a pseudo-header field in trailers", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, RESPONSE(1), STATUS(1, END_STREAM, "200")), .events = "Hr"},

    /* ---- 8.1.1: content-length ---- */
    {"8.1.1", "content-length that fits", H2_SERVER, FINE,
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, 0, "abc"),
            DATA(1, PADDED | END_STREAM,
                "\x02"
                "de\0\0")),
        .events = "HD"},
    {"8.1.1", "content-length that fits, and trailers", H2_SERVER, FINE,
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("3")), DATA(1, 0, "abc"), TRAILERS(1)),
        .events = "HDT"},
    {"8.1.1", "content-length 0 and no content", H2_SERVER, FINE,
        STEPS(FIELDS(1, END_HEADERS | END_STREAM, REQUEST_FIELDS, LENGTH("0"))), .events = "H"},
    {"8.1.1", "less content than content-length", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, END_STREAM, "abcd"))},
    {"8.1.1", "less content than content-length, in two frames", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, 0, "ab"),
            DATA(1, END_STREAM, "cd"))},
    {"8.1.1", "less content than content-length before trailers", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(
            FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, 0, "abcd"), TRAILERS(1))},
    {"8.1.1", "content-length and no content", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS | END_STREAM, REQUEST_FIELDS, LENGTH("1")))},
    {"8.1.1", "more content than content-length", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, END_STREAM, "abcdef"))},
    {"8.1.1", "more content than content-length, in two frames", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("5")), DATA(1, 0, "abcde"),
            DATA(1, END_STREAM, "f"))},
    {"8.1.1", "content after content-length 0", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("0")), DATA(1, END_STREAM, "f"))},
    {"8.1.1", "content-length that is no number", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("1x")), DATA(1, END_STREAM, "f"))},
    {"8.1.1", "content-length with a sign", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("+1")), DATA(1, END_STREAM, "f"))},
    {"8.1.1", "empty content-length", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("")), DATA(1, END_STREAM, ""))},
    {"8.1.1", "content-length over 64 bits, that would fit if cut off", H2_SERVER,
        STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("18446744073709551617")),
            DATA(1, END_STREAM, "f"))},
    {"8.1.1", "two content-lengths that differ", H2_SERVER, STREAM(1, PROTOCOL),
        STEPS(FIELDS(1, END_HEADERS, REQUEST_FIELDS, LENGTH("1"), LENGTH("2")),
            DATA(1, END_STREAM, "f"))},
    {"8.1.1", "content-length that fits", H2_CLIENT, FINE,
        STEPS(CALL, FIELDS(1, END_HEADERS, RESPONSE_FIELDS, LENGTH("1")), DATA(1, 0, "x"),
            TRAILERS(1)),
        .events = "HDT"},
    {"8.1.1", "more content than content-length", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, FIELDS(1, END_HEADERS, RESPONSE_FIELDS, LENGTH("1")), DATA(1, 0, "xy"))},
    {"8.1.1", "less content than content-length", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, FIELDS(1, END_HEADERS, RESPONSE_FIELDS, LENGTH("3")), DATA(1, 0, "xy"),
            TRAILERS(1))},
    {"8.1.1", "content-length and no content", H2_CLIENT, STREAM(1, PROTOCOL),
        STEPS(CALL, FIELDS(1, END_HEADERS | END_STREAM, RESPONSE_FIELDS, LENGTH("3"))),
        .events = "r"},
    {"8.1.1", "content-length of a 304, which has no content", H2_CLIENT, FINE,
        STEPS(CALL, FIELDS(1, END_HEADERS | END_STREAM, {":status", "304"}, LENGTH("9"))),
        .events = "H"},
};

int
main(void)
{
    return RUN_ROWS("messages", rows);
}
