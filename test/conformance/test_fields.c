/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9113, sections 8.2, 8.3, 8.5 and 10.5.1: fields and pseudo-header fields. */
#include "row.h"

#define WHOLE (END_HEADERS | END_STREAM)

/* A request with these fields besides those it needs; a request of these fields alone; a response.
 */
#define WITH(...) STEPS(FIELDS(1, WHOLE, REQUEST_FIELDS, __VA_ARGS__))
#define OF(...) STEPS(FIELDS(1, WHOLE, __VA_ARGS__))
#define BACK(...) STEPS(CALL, FIELDS(1, WHOLE, __VA_ARGS__))

#define METHOD            \
    {                     \
        ":method", "POST" \
    }
#define SCHEME            \
    {                     \
        ":scheme", "http" \
    }
#define PATH         \
    {                \
        ":path", "/" \
    }
#define AUTHORITY         \
    {                     \
        ":authority", "h" \
    }

#define MALFORMED STREAM(1, PROTOCOL)

/* 100 and 1,000 bytes. */
#define HUNDRED                                                                                    \
    "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "23456789"
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static const struct row rows[] = {
    /* ---- 8.2.1: names ---- */
    {"8.2.1", "an upper-case name", H2_SERVER, MALFORMED, WITH({"X-a", "b"}), .events = ""},
    {"8.2.1", "an upper-case letter at a name's end", H2_SERVER, MALFORMED, WITH({"x-A", "b"})},
    {"8.2.1", "an upper-case name", H2_CLIENT, MALFORMED, BACK(RESPONSE_FIELDS, {"X-a", "b"}),
        .events = "r"},
    {"8.2.1", "an upper-case name in trailers", H2_SERVER, MALFORMED,
        STEPS(OPEN(1), FIELDS(1, WHOLE, {"X", "y"})), .events = "Hr"},
    {"8.2.1", "an empty name", H2_SERVER, MALFORMED, WITH({"", "b"})},
    {"8.2.1", "a space in a name", H2_SERVER, MALFORMED, WITH({"a b", "c"})},
    {"8.2.1", "a control character in a name", H2_SERVER, MALFORMED, WITH({"a\tb", "c"})},
    {"8.2.1", "NUL in a name", H2_SERVER, MALFORMED,
        STEPS(BLOCK(1, WHOLE, TINY "\x00\x03x\0y\x01z"))},
    {"8.2.1", "DEL in a name", H2_SERVER, MALFORMED, WITH({"a\x7f", "c"})},
    {"8.2.1", "a byte over 0x7F in a name", H2_SERVER, MALFORMED, WITH({"a\xe4", "c"})},
    {"8.2.1", "a colon in a name", H2_SERVER, MALFORMED, WITH({"a:b", "c"})},
    {"8.2.1", "a colon at a name's end", H2_CLIENT, MALFORMED, BACK(RESPONSE_FIELDS, {"a:", "c"})},
    {"8.2.1", "a name that HTTP does not allow, but HTTP/2 lets pass", H2_SERVER, FINE,
        WITH({"a(b", "c"}), .other = MALFORMED},

    /* ---- 8.2.1: values ---- */
    {"8.2.1", "LF in a value", H2_SERVER, MALFORMED, WITH({"a", "b\nc"})},
    {"8.2.1", "CR in a value", H2_SERVER, MALFORMED, WITH({"a", "b\rc"})},
    {"8.2.1", "CR LF in a value", H2_CLIENT, MALFORMED,
        BACK(RESPONSE_FIELDS, {"a", "b\r\nset-cookie: c"})},
    {"8.2.1", "NUL in a value", H2_SERVER, MALFORMED,
        STEPS(BLOCK(1, WHOLE, TINY "\x00\x01x\x03y\0z"))},
    {"8.2.1", "LF in a path", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, {":path", "/a\nb"})},
    /* The RFC calls these malformed. PROTOCOL-HTTP2 has them stripped, and peers of gRPC send them.
     */
    {"8.2.1", "a space before a value", H2_SERVER, MALFORMED, WITH({"a", " b"}), .other = FINE},
    {"8.2.1", "a space after a value", H2_SERVER, MALFORMED, WITH({"a", "b "}), .other = FINE},
    {"8.2.1", "a tab before a value", H2_SERVER, MALFORMED, WITH({"a", "\tb"}), .other = FINE},
    {"8.2.1", "a tab after a value", H2_CLIENT, MALFORMED, BACK(RESPONSE_FIELDS, {"a", "b\t"}),
        .other = FINE},
    {"8.2.1", "a space after a path", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, {":path", "/a "})},
    {"8.2.1", "a tab before a method", H2_SERVER, MALFORMED,
        OF({":method", "\tPOST"}, SCHEME, PATH)},
    {"8.2.1", "spaces and tabs inside a value, bytes over 0x7F, empty values", H2_SERVER, FINE,
        WITH({"a", "b \t c"}, {"b", "\xc3\xa4\xff"}, {"c", ""}), .events = "H"},
    {"8.2.1", "a control character that HTTP does not allow, but HTTP/2 lets pass", H2_SERVER, FINE,
        WITH({"a", "b\x01"}), .other = MALFORMED},

    /* ---- 8.2.2: connection-specific fields ---- */
    {"8.2.2", "connection", H2_SERVER, MALFORMED, WITH({"connection", "close"})},
    {"8.2.2", "keep-alive", H2_SERVER, MALFORMED, WITH({"keep-alive", "timeout=5"})},
    {"8.2.2", "proxy-connection", H2_SERVER, MALFORMED, WITH({"proxy-connection", "close"})},
    {"8.2.2", "transfer-encoding", H2_SERVER, MALFORMED, WITH({"transfer-encoding", "chunked"})},
    {"8.2.2", "upgrade", H2_SERVER, MALFORMED, WITH({"upgrade", "h2c"})},
    {"8.2.2", "connection in a response", H2_CLIENT, MALFORMED,
        BACK(RESPONSE_FIELDS, {"connection", "close"})},
    {"8.2.2", "connection in trailers", H2_SERVER, MALFORMED,
        STEPS(OPEN(1), FIELDS(1, WHOLE, {"connection", "close"}))},
    {"8.2.2", "te: gzip", H2_SERVER, MALFORMED, WITH({"te", "gzip"})},
    {"8.2.2", "te: trailers, gzip", H2_SERVER, MALFORMED, WITH({"te", "trailers, gzip"})},
    {"8.2.2", "te: trailers", H2_SERVER, FINE, WITH({"te", "trailers"}), .events = "H"},
    {"8.2.3", "cookies in pieces", H2_SERVER, FINE, WITH({"cookie", "a=b"}, {"cookie", "c=d"}),
        .events = "H"},

    /* ---- 8.3: pseudo-header fields ---- */
    {"8.3", "one after a field", H2_SERVER, MALFORMED,
        OF(METHOD, SCHEME, {"a", "b"}, PATH, AUTHORITY)},
    {"8.3", "one after a field", H2_CLIENT, MALFORMED, BACK({"a", "b"}, {":status", "200"})},
    {"8.3", "an undefined one", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, PATH, {":x", "y"})},
    {"8.3", "a colon alone", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, PATH, {":", "y"})},
    {"8.3", "an undefined one", H2_CLIENT, MALFORMED, BACK({":status", "200"}, {":x", "y"})},
    {"8.3", "a response's in a request", H2_SERVER, MALFORMED,
        OF(METHOD, SCHEME, PATH, {":status", "200"})},
    {"8.3", "a request's in a response", H2_CLIENT, MALFORMED, BACK({":status", "200"}, PATH)},
    {"8.3", "upper-case :Path", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, {":Path", "/"})},
    {"8.3", ":method twice", H2_SERVER, MALFORMED, OF(METHOD, METHOD, SCHEME, PATH)},
    {"8.3", ":scheme twice", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, SCHEME, PATH)},
    {"8.3", ":path twice", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, PATH, {":path", "/other"})},
    {"8.3", ":authority twice", H2_SERVER, MALFORMED,
        OF(METHOD, SCHEME, PATH, AUTHORITY, {":authority", "other"})},

    /* ---- 8.3.1: requests ---- */
    {"8.3.1", "no :method", H2_SERVER, MALFORMED, OF(SCHEME, PATH, AUTHORITY), .events = ""},
    {"8.3.1", "no :scheme", H2_SERVER, MALFORMED, OF(METHOD, PATH, AUTHORITY)},
    {"8.3.1", "no :path", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, AUTHORITY)},
    {"8.3.1", "no field at all", H2_SERVER, MALFORMED, STEPS(BLOCK(1, WHOLE, ""))},
    {"8.3.1", "an empty :path", H2_SERVER, MALFORMED, OF(METHOD, SCHEME, {":path", ""})},
    {"8.3.1", "an empty :method", H2_SERVER, MALFORMED, OF({":method", ""}, SCHEME, PATH)},
    {"8.3.1", "no :authority", H2_SERVER, FINE, OF(METHOD, SCHEME, PATH), .events = "H"},
    {"8.3.1", "any order of them", H2_SERVER, FINE, OF(AUTHORITY, PATH, SCHEME, METHOD),
        .events = "H"},
    {"8.3.1", "another scheme", H2_SERVER, FINE, OF(METHOD, {":scheme", "coap"}, PATH),
        .events = "H"},
    {"8.3.1", "OPTIONS *", H2_SERVER, FINE, OF({":method", "OPTIONS"}, SCHEME, {":path", "*"}),
        .events = "H"},
    {"8.3.1", "a :path without a slash (gRPC has an answer of its own to it)", H2_SERVER, FINE,
        OF(METHOD, SCHEME, {":path", "a.B/C"}), .other = MALFORMED},
    {"8.3.1", "a host that differs from :authority", H2_SERVER, FINE, WITH({"host", "other"}),
        .other = MALFORMED},
    {"8.3.1", "a user in :authority", H2_SERVER, FINE,
        OF(METHOD, SCHEME, PATH, {":authority", "me@h"}), .other = MALFORMED},

    /* ---- 8.3.2: responses ---- */
    {"8.3.2", "no :status", H2_CLIENT, MALFORMED, BACK({"content-type", "application/grpc"}),
        .events = "r"},
    {"8.3.2", "no field at all", H2_CLIENT, MALFORMED, STEPS(CALL, BLOCK(1, WHOLE, ""))},
    {"8.3.2", ":status twice", H2_CLIENT, MALFORMED, BACK({":status", "200"}, {":status", "200"})},
    {"8.3.2", "an empty :status", H2_CLIENT, MALFORMED, BACK({":status", ""})},
    {"8.3.2", "a :status that is no number", H2_CLIENT, MALFORMED, BACK({":status", "2x0"})},
    {"8.3.2", "a :status of four digits", H2_CLIENT, MALFORMED, BACK({":status", "2000"})},

    /* ---- 8.5: CONNECT ---- */
    {"8.5", "CONNECT", H2_SERVER, FINE,
        STEPS(FIELDS(1, END_HEADERS, {":method", "CONNECT"}, {":authority", "h:1"})),
        .events = "H"},
    {"8.5", "CONNECT with :scheme and :path", H2_SERVER, MALFORMED,
        STEPS(FIELDS(1, END_HEADERS, {":method", "CONNECT"}, SCHEME, PATH, AUTHORITY))},
    {"8.5", "CONNECT without :authority", H2_SERVER, MALFORMED,
        STEPS(FIELDS(1, END_HEADERS, {":method", "CONNECT"}))},
    {"8.5", "CONNECT with the :protocol of RFC 8441, which was not offered", H2_SERVER, MALFORMED,
        STEPS(FIELDS(1, END_HEADERS, {":method", "CONNECT"}, {":protocol", "websocket"}, SCHEME,
            PATH, AUTHORITY))},

    /* ---- malformed requests and the table ---- */
    {"8.1.1", "a malformed request's block still changes the table", H2_SERVER, MALFORMED,
        STEPS(BLOCK(1, WHOLE, TINY "\x40\x01x\x01y\x00\x01X\x01z"), BLOCK(3, WHOLE, TINY "\xbe")),
        .events = "H"},
    {"10.5.1", "a list that is too large: the table stays in step", H2_SERVER,
        STREAM(1, PROTOCOL | CALM | REFUSED | CODE(H2_CANCEL)),
        STEPS(BLOCK(1, WHOLE,
                  TINY "\x40\x01x\x7f\xe9\x06" THOUSAND "\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe"
                       "\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe"),
            BLOCK(3, WHOLE, TINY "\xbe")),
        .other = FINE},
};

int
main(void)
{
    return RUN_ROWS("fields", rows);
}
