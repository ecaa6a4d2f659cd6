/* SPDX-License-Identifier: Apache-2.0 */
/* gzip of single messages with zlib. No state spans messages (compression.md), and a hostile input
 * never makes more output than its reader asked for, plus one byte. */
#include "wire/wire.h"

#include "wire/text.h"

#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to zlib's window bits: a gzip header and trailer */
#define MIN_ROOM 512

/* Take the first member and its comma off a list. */
static weir_str
take_member(weir_str *list)
{
    const char *comma = memchr(list->data, ',', list->len);
    weir_str member = {list->data, comma != NULL ? (size_t)(comma - list->data) : list->len};
    size_t taken = comma != NULL ? member.len + 1 : member.len;

    list->data += taken;
    list->len -= taken;
    return wire_trim(member);
}

bool
wire_accepts_gzip(weir_str accept_encoding)
{
    static const weir_str gzip = {"gzip", 4};

    while (accept_encoding.len > 0)
        if (weir_str_equal(take_member(&accept_encoding), gzip))
            return true;
    return false;
}

/* A window no larger than the message: zlib clears memory in proportion, which for small messages
 * would cost more than deflating them. */
static int
window_bits_for(size_t len)
{
    int bits = 9;

    while (bits < MAX_WBITS && (size_t)1 << bits < len)
        bits++;
    return bits;
}

weir_code
wire_gzip_deflate(const uint8_t *data, size_t len, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};
    int bits = window_bits_for(len), result;
    size_t bound;
    uint8_t *room = NULL;

    if (len > UINT32_MAX)
        return WEIR_RESOURCE_EXHAUSTED;
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits + GZIP_WRAPPER, bits - 7,
            Z_DEFAULT_STRATEGY) != Z_OK)
        return WEIR_RESOURCE_EXHAUSTED;
    bound = deflateBound(&z, (uLong)len);
    if (bound <= UINT32_MAX)
        room = buf_reserve(out, bound);
    if (room == NULL) {
        deflateEnd(&z);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    z.next_out = room;
    z.avail_out = (uInt)bound;
    result = deflate(&z, Z_FINISH);
    if (result == Z_STREAM_END)
        buf_commit(out, bound - z.avail_out);
    deflateEnd(&z);
    return result == Z_STREAM_END ? WEIR_OK : WEIR_INTERNAL;
}

/* How much room to make next: what messages usually inflate to, then as much again, never beyond
 * limit. */
static size_t
next_room(size_t len, size_t produced, size_t limit)
{
    size_t room = produced > 0 ? produced : len < SIZE_MAX / 4 ? len * 4 : len;

    if (room < MIN_ROOM)
        room = MIN_ROOM;
    if (room > UINT32_MAX)
        room = UINT32_MAX;
    return room < limit - produced ? room : limit - produced;
}

/* One turn of zlib's crank: append some output. OK: go on. */
static weir_code
inflate_some(z_stream *z, size_t room_size, struct buf *out, size_t *produced, bool *done)
{
    uint8_t *room = buf_reserve(out, room_size);
    int result;

    if (room == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    z->next_out = room;
    z->avail_out = (uInt)room_size;
    result = inflate(z, Z_NO_FLUSH);
    buf_commit(out, room_size - z->avail_out);
    *produced += room_size - z->avail_out;
    if (result == Z_MEM_ERROR)
        return WEIR_RESOURCE_EXHAUSTED;
    if (result == Z_STREAM_END) {
        /* RFC 1952, 2.2: a gzip file is a series of members. */
        *done = z->avail_in == 0;
        return *done || inflateReset(z) == Z_OK ? WEIR_OK : WEIR_INTERNAL;
    }
    /* Z_BUF_ERROR with room left, or input used up before the end: cut short. */
    return result == Z_OK && (z->avail_in > 0 || z->avail_out == 0) ? WEIR_OK : WEIR_INTERNAL;
}

weir_code
wire_gzip_inflate(const uint8_t *data, size_t len, size_t max, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};
    size_t limit = max < SIZE_MAX ? max + 1 : max, produced = 0;
    weir_code code = WEIR_OK;
    bool done = false;

    if (len > UINT32_MAX || inflateInit2(&z, MAX_WBITS + GZIP_WRAPPER) != Z_OK)
        return WEIR_RESOURCE_EXHAUSTED;
    while (code == WEIR_OK && !done) {
        code = inflate_some(&z, next_room(len, produced, limit), out, &produced, &done);
        if (code == WEIR_OK && produced > max)
            code = WEIR_RESOURCE_EXHAUSTED;
    }
    inflateEnd(&z);
    if (code != WEIR_OK)
        out->tail -= produced;
    return code;
}
