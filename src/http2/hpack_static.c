/* SPDX-License-Identifier: Apache-2.0 */
/* The static table of HPACK (RFC 7541, appendix A). */
#include "http2/hpack_names.h"

#define FIELD(name, value, token, flaws)                                                          \
    {                                                                                             \
        {{name, sizeof(name) - 1}, {value, sizeof(value) - 1}, H2_TOKEN_##token, H2_INDEX}, flaws \
    }

const struct hpack_static_field hpack_static_table[HPACK_STATIC_COUNT + 1] = {
    {{{NULL, 0}, {NULL, 0}, H2_TOKEN_NONE, H2_INDEX}, 0},
    FIELD(":authority", "", AUTHORITY, 0),
    FIELD(":method", "GET", METHOD, 0),
    FIELD(":method", "POST", METHOD, 0),
    FIELD(":path", "/", PATH, 0),
    FIELD(":path", "/index.html", PATH, 0),
    FIELD(":scheme", "http", SCHEME, 0),
    FIELD(":scheme", "https", SCHEME, 0),
    FIELD(":status", "200", STATUS, 0),
    FIELD(":status", "204", STATUS, 0),
    FIELD(":status", "206", STATUS, 0),
    FIELD(":status", "304", STATUS, 0),
    FIELD(":status", "400", STATUS, 0),
    FIELD(":status", "404", STATUS, 0),
    FIELD(":status", "500", STATUS, 0),
    FIELD("accept-charset", "", NONE, 0),
    FIELD("accept-encoding", "gzip, deflate", NONE, 0),
    FIELD("accept-language", "", NONE, 0),
    FIELD("accept-ranges", "", NONE, 0),
    FIELD("accept", "", NONE, 0),
    FIELD("access-control-allow-origin", "", NONE, 0),
    FIELD("age", "", NONE, 0),
    FIELD("allow", "", NONE, 0),
    FIELD("authorization", "", NONE, 0),
    FIELD("cache-control", "", NONE, 0),
    FIELD("content-disposition", "", NONE, 0),
    FIELD("content-encoding", "", NONE, 0),
    FIELD("content-language", "", NONE, 0),
    FIELD("content-length", "", CONTENT_LENGTH, 0),
    FIELD("content-location", "", NONE, 0),
    FIELD("content-range", "", NONE, 0),
    FIELD("content-type", "", CONTENT_TYPE, 0),
    FIELD("cookie", "", NONE, 0),
    FIELD("date", "", NONE, 0),
    FIELD("etag", "", NONE, 0),
    FIELD("expect", "", NONE, 0),
    FIELD("expires", "", NONE, 0),
    FIELD("from", "", NONE, 0),
    FIELD("host", "", HOST, 0),
    FIELD("if-match", "", NONE, 0),
    FIELD("if-modified-since", "", NONE, 0),
    FIELD("if-none-match", "", NONE, 0),
    FIELD("if-range", "", NONE, 0),
    FIELD("if-unmodified-since", "", NONE, 0),
    FIELD("last-modified", "", NONE, 0),
    FIELD("link", "", NONE, 0),
    FIELD("location", "", NONE, 0),
    FIELD("max-forwards", "", NONE, 0),
    FIELD("proxy-authenticate", "", NONE, 0),
    FIELD("proxy-authorization", "", NONE, 0),
    FIELD("range", "", NONE, 0),
    FIELD("referer", "", NONE, 0),
    FIELD("refresh", "", NONE, 0),
    FIELD("retry-after", "", NONE, 0),
    FIELD("server", "", NONE, 0),
    FIELD("set-cookie", "", NONE, 0),
    FIELD("strict-transport-security", "", NONE, 0),
    FIELD("transfer-encoding", "", CONNECTION_SPECIFIC, HPACK_BAD_NAME),
    FIELD("user-agent", "", USER_AGENT, 0),
    FIELD("vary", "", NONE, 0),
    FIELD("via", "", NONE, 0),
    FIELD("www-authenticate", "", NONE, 0),
};

uint32_t
hpack_static_match(uint32_t first, weir_str value)
{
    weir_str name = hpack_static_table[first].field.name;

    if (first == 0)
        return 0;
    for (uint32_t i = first; i <= HPACK_STATIC_COUNT; i++) {
        if (!weir_str_equal(hpack_static_table[i].field.name, name))
            return 0;
        if (weir_str_equal(hpack_static_table[i].field.value, value))
            return i;
    }
    return 0;
}
