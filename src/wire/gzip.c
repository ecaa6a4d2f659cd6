/* SPDX-License-Identifier: Apache-2.0 */
/* gzip of single messages with zlib. No state spans messages (compression.md), and hostile input
 * never produces more than the maximum output plus one byte. */
#include "wire/wire.h"

#include "wire/text.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to zlib's window bits: a gzip header and trailer */
#define MIN_ROOM 512

/* zlib clears memory in proportion to its window, which for small messages would cost more than
 * deflating them: so there are two window sizes. */
#define SMALL_MESSAGE 4096
#define SMALL_WINDOW_BITS 12

/* Remove the first member of a list, with its comma. */
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

/* NULL: no memory. */
static z_stream *
new_deflate(int window_bits)
{
    z_stream *z = calloc(1, sizeof(*z));

    /* zlib's default is 15 window bits with memLevel 8. */
    if (z == NULL || deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits + GZIP_WRAPPER,
                         window_bits - 7, Z_DEFAULT_STRATEGY) == Z_OK)
        return z;
    free(z);
    return NULL;
}

/* A stream ready for a message of this size. NULL: no memory. */
static z_stream *
ready_deflate(struct wire_gzip *gzip, size_t len)
{
    bool small = len <= SMALL_MESSAGE;
    struct z_stream_s **kept = small ? &gzip->small : &gzip->large;

    if (*kept == NULL)
        *kept = new_deflate(small ? SMALL_WINDOW_BITS : MAX_WBITS);
    else
        deflateReset(*kept);
    return *kept;
}

static z_stream *
ready_inflate(struct wire_gzip *gzip)
{
    if (gzip->inflate != NULL) {
        inflateReset(gzip->inflate);
        return gzip->inflate;
    }
    gzip->inflate = calloc(1, sizeof(*gzip->inflate));
    if (gzip->inflate == NULL || inflateInit2(gzip->inflate, MAX_WBITS + GZIP_WRAPPER) == Z_OK)
        return gzip->inflate;
    free(gzip->inflate);
    gzip->inflate = NULL;
    return NULL;
}

void
wire_gzip_fini(struct wire_gzip *gzip)
{
    if (gzip->small != NULL)
        deflateEnd(gzip->small);
    if (gzip->large != NULL)
        deflateEnd(gzip->large);
    if (gzip->inflate != NULL)
        inflateEnd(gzip->inflate);
    free(gzip->small);
    free(gzip->large);
    free(gzip->inflate);
    *gzip = (struct wire_gzip){NULL, NULL, NULL};
}

weir_code
wire_gzip_deflate(struct wire_gzip *gzip, const uint8_t *data, size_t len, struct buf *out)
{
    z_stream *z = len > UINT32_MAX ? NULL : ready_deflate(gzip, len);
    size_t bound = z == NULL ? SIZE_MAX : deflateBound(z, (uLong)len);
    uint8_t *room = bound > UINT32_MAX ? NULL : buf_reserve(out, bound);

    if (room == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    z->next_out = room;
    z->avail_out = (uInt)bound;
    if (deflate(z, Z_FINISH) != Z_STREAM_END)
        return WEIR_INTERNAL;
    buf_commit(out, bound - z->avail_out);
    return WEIR_OK;
}

/* How much room to reserve next: first the usual inflated size, then as much as was produced, at
 * most limit. */
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

/* One call of inflate, appending its output. OK: continue. */
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
        /* RFC 1952, section 2.2: a gzip file is a series of members. */
        *done = z->avail_in == 0;
        return *done || inflateReset(z) == Z_OK ? WEIR_OK : WEIR_INTERNAL;
    }
    /* Z_BUF_ERROR with room left, or input exhausted before the end: truncated. */
    return result == Z_OK && (z->avail_in > 0 || z->avail_out == 0) ? WEIR_OK : WEIR_INTERNAL;
}

weir_code
wire_gzip_inflate(
    struct wire_gzip *gzip, const uint8_t *data, size_t len, size_t max, struct buf *out)
{
    z_stream *z = len > UINT32_MAX ? NULL : ready_inflate(gzip);
    size_t limit = max < SIZE_MAX ? max + 1 : max, produced = 0;
    weir_code code = WEIR_OK;
    bool done = false;

    if (z == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)len;
    while (code == WEIR_OK && !done) {
        code = inflate_some(z, next_room(len, produced, limit), out, &produced, &done);
        if (code == WEIR_OK && produced > max)
            code = WEIR_OUT_OF_RANGE;
    }
    if (code != WEIR_OK)
        out->tail -= produced;
    return code;
}
