/* SPDX-License-Identifier: Apache-2.0 */
/* Known header names, by length; and the rules of RFC 9113, section 8.2, for names and values. */
#include "http2/hpack_names.h"

#define NAME(name, token, number)                        \
    {                                                    \
        name, sizeof(name) - 1, H2_TOKEN_##token, number \
    }

/* Shortest first. */
static const struct hpack_known_name known[] = {
    NAME("te", TE, 0),
    NAME("age", NONE, 21),
    NAME("via", NONE, 60),
    NAME("date", NONE, 33),
    NAME("etag", NONE, 34),
    NAME("from", NONE, 37),
    NAME("host", HOST, 38),
    NAME("link", NONE, 45),
    NAME("vary", NONE, 59),
    NAME(":path", PATH, 4),
    NAME("allow", NONE, 22),
    NAME("range", NONE, 50),
    NAME("accept", NONE, 19),
    NAME("cookie", NONE, 32),
    NAME("expect", NONE, 35),
    NAME("server", NONE, 54),
    NAME(":method", METHOD, 2),
    NAME(":scheme", SCHEME, 6),
    NAME(":status", STATUS, 8),
    NAME("expires", NONE, 36),
    NAME("referer", NONE, 51),
    NAME("refresh", NONE, 52),
    NAME("upgrade", CONNECTION_SPECIFIC, 0),
    NAME("if-match", NONE, 39),
    NAME("if-range", NONE, 42),
    NAME("location", NONE, 46),
    NAME(":authority", AUTHORITY, 1),
    NAME("connection", CONNECTION_SPECIFIC, 0),
    NAME("keep-alive", CONNECTION_SPECIFIC, 0),
    NAME("set-cookie", NONE, 55),
    NAME("user-agent", USER_AGENT, 58),
    NAME("grpc-status", GRPC_STATUS, 0),
    NAME("retry-after", NONE, 53),
    NAME("content-type", CONTENT_TYPE, 31),
    NAME("grpc-message", GRPC_MESSAGE, 0),
    NAME("grpc-timeout", GRPC_TIMEOUT, 0),
    NAME("max-forwards", NONE, 47),
    NAME("accept-ranges", NONE, 18),
    NAME("authorization", NONE, 23),
    NAME("cache-control", NONE, 24),
    NAME("content-range", NONE, 30),
    NAME("grpc-encoding", GRPC_ENCODING, 0),
    NAME("if-none-match", NONE, 41),
    NAME("last-modified", NONE, 44),
    NAME("accept-charset", NONE, 15),
    NAME("content-length", CONTENT_LENGTH, 28),
    NAME("accept-encoding", NONE, 16),
    NAME("accept-language", NONE, 17),
    NAME("content-encoding", NONE, 26),
    NAME("content-language", NONE, 27),
    NAME("content-location", NONE, 29),
    NAME("proxy-connection", CONNECTION_SPECIFIC, 0),
    NAME("www-authenticate", NONE, 61),
    NAME("if-modified-since", NONE, 40),
    NAME("transfer-encoding", CONNECTION_SPECIFIC, 57),
    NAME("proxy-authenticate", NONE, 48),
    NAME("content-disposition", NONE, 25),
    NAME("if-unmodified-since", NONE, 43),
    NAME("proxy-authorization", NONE, 49),
    NAME("grpc-accept-encoding", GRPC_ACCEPT_ENCODING, 0),
    NAME("grpc-status-details-bin", GRPC_STATUS_DETAILS, 0),
    NAME("strict-transport-security", NONE, 56),
    NAME("access-control-allow-origin", NONE, 20),
};

/* The index of the first name of each length, and the end. */
static const uint8_t first_of_len[] = {0, 0, 0, 1, 3, 9, 12, 16, 23, 26, 26, 31, 33, 37, 44, 46, 48,
    53, 55, 56, 59, 60, 60, 60, 61, 61, 62, 62, 63};

enum { LENGTHS = sizeof(first_of_len) / sizeof(first_of_len[0]) - 1 };

const struct hpack_known_name *
hpack_name_lookup(weir_str name)
{
    if (name.len == 0 || name.len >= LENGTHS)
        return NULL;
    for (size_t i = first_of_len[name.len]; i < first_of_len[name.len + 1]; i++) {
        if (known[i].name[0] == name.data[0] && memcmp(known[i].name, name.data, name.len) == 0)
            return &known[i];
    }
    return NULL;
}

/* The characters of a token (RFC 9110, section 5.6.2) except capitals, which HTTP/2 forbids: bit c
 * % 64 of word c / 64. */
#define BIT(c) (UINT64_C(1) << ((c) % 64))
static const uint64_t name_chars[4] = {
    BIT('!') | BIT('#') | BIT('$') | BIT('%') | BIT('&') | BIT('\'') | BIT('*') | BIT('+') |
        BIT('-') | BIT('.') | UINT64_C(0x3ff) << '0',
    BIT('^') | BIT('_') | BIT('`') | BIT('|') | BIT('~') | UINT64_C(0x3ffffff) << ('a' - 64),
};

static inline uint64_t
load64(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Four to seven bytes; those in the middle are loaded twice. */
static inline uint64_t
load_few(const char *p, size_t len)
{
    uint32_t first, last;

    memcpy(&first, p, sizeof(first));
    memcpy(&last, p + len - sizeof(last), sizeof(last));
    return (uint64_t)last << 32 | first;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* Sets bit 7 of each of eight bytes, all below 0x80, that is within the range. */
static inline uint64_t
between(uint64_t word, uint8_t least, uint8_t most)
{
    return (word + EVERY_BYTE * (0x80U - least)) & ~(word + EVERY_BYTE * (0x7fU - most));
}

/* Are all eight bytes among the usual characters of names? */
static inline bool
are_usual(uint64_t word)
{
    const uint64_t high = EVERY_BYTE * 0x80U;
    uint64_t usual = between(word, 'a', 'z') | between(word, '-', '.') | between(word, '0', '9');

    return (word & high) == 0 && (usual & high) == high;
}

static bool
are_name_chars(const char *p, const char *end)
{
    for (; p < end; p++) {
        uint8_t c = (uint8_t)*p;

        if ((name_chars[c / 64] >> c % 64 & 1) == 0)
            return false;
    }
    return true;
}

/* Checks eight bytes at a time, the last eight may overlap the previous ones; unusual characters
 * one by one. */
static bool
name_is_valid(weir_str name)
{
    const char *p = name.data, *end;

    if (name.len == 0)
        return false;
    end = p + name.len;
    while (end - p >= 8 && are_usual(load64(p)))
        p += 8;
    if (end - p < 8 && name.len >= 8 && are_usual(load64(end - 8)))
        return true;
    return are_name_chars(p, end);
}

enum h2_token
hpack_name_judge(weir_str name, uint8_t *out_flaws)
{
    const struct hpack_known_name *found = hpack_name_lookup(name);

    if (found != NULL) {
        *out_flaws = found->token == H2_TOKEN_CONNECTION_SPECIFIC ? HPACK_BAD_NAME : 0;
        return found->token;
    }
    /* RFC 9113, section 8.3: undefined pseudo-header fields make a message malformed. */
    if (name.len > 0 && name.data[0] == ':') {
        *out_flaws = HPACK_BAD_NAME;
        return H2_TOKEN_PSEUDO_UNKNOWN;
    }
    *out_flaws = name_is_valid(name) ? 0 : HPACK_BAD_NAME;
    if (name.len >= 5 && memcmp(name.data, "grpc-", 5) == 0)
        return H2_TOKEN_GRPC_OTHER;
    return H2_TOKEN_NONE;
}

static bool
is_forbidden(uint8_t c)
{
    return c == '\0' || c == '\n' || c == '\r';
}

/* Not 0 if any of eight bytes is below 0x20. */
static inline uint64_t
any_control(uint64_t word)
{
    return (word - UINT64_C(0x2020202020202020)) & ~word & UINT64_C(0x8080808080808080);
}

static bool
any_forbidden(const char *p, const char *end)
{
    for (; p < end; p++)
        if (is_forbidden((uint8_t)*p))
            return true;
    return false;
}

/* RFC 9113, section 8.2.1: no NUL, LF or CR. */
static bool
value_is_valid(weir_str value)
{
    const char *p = value.data, *end = p + value.len;

    if (value.len >= 4 && value.len < 8 && any_control(load_few(p, value.len)) == 0)
        return true;
    while (end - p >= 8 && any_control(load64(p)) == 0)
        p += 8;
    if (end - p < 8 && value.len >= 8 && any_control(load64(end - 8)) == 0)
        return true;
    return !any_forbidden(p, end);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

uint8_t
hpack_value_judge(enum h2_token token, weir_str value)
{
    if (value.len == 0)
        return token == H2_TOKEN_TE ? HPACK_BAD_VALUE : 0;
    if (!value_is_valid(value))
        return HPACK_BAD_VALUE;
    /* RFC 9113, section 8.2.2. */
    if (token == H2_TOKEN_TE && !weir_str_equal(value, (weir_str){"trailers", 8}))
        return HPACK_BAD_VALUE;
    /* RFC 9113, section 8.2.1, forbids whitespace at the ends, but gRPC peers send it: grpcio and
     * grpc-js in metadata as given by the application, servers in a grpc-message that ends in it.
     * gRPC's specification lets the receiver strip it. Not in pseudo-header fields, which route
     * requests. */
    if (!is_blank(value.data[0]) && !is_blank(value.data[value.len - 1]))
        return 0;
    return token != H2_TOKEN_NONE && token <= H2_TOKEN_PSEUDO_UNKNOWN ? HPACK_BAD_VALUE
                                                                      : HPACK_BLANK_ENDS;
}
