/* SPDX-License-Identifier: Apache-2.0 */
/* The slow paths of the buffer: making room, freeing memory. */
#include "base/buf.h"

#include <stdlib.h>

enum { SMALLEST = 64 };

/* A capacity for `need` bytes, at least twice the current one. */
static size_t
next_cap(size_t cap, size_t need)
{
    size_t next = cap < SMALLEST ? SMALLEST : cap;

    while (next < need || next == cap)
        next *= 2;
    return next;
}

bool
buf_grow(struct buf *buf, size_t more)
{
    size_t len = buf_len(buf), cap;
    uint8_t *data;

    if (more > PTRDIFF_MAX / 4 - len)
        return false;
    /* Moving no more bytes than were taken keeps the amortised cost constant. */
    if (len + more <= buf->cap && len <= buf->head) {
        memmove(buf->data, buf->data + buf->head, len);
    } else {
        cap = next_cap(buf->cap, len + more);
        data = malloc(cap);
        if (data == NULL)
            return false;
        if (len > 0)
            memcpy(data, buf_head(buf), len);
        free(buf->data);
        buf->data = data;
        buf->cap = cap;
    }
    buf->head = 0;
    buf->tail = len;
    return true;
}

void
buf_reset(struct buf *buf, size_t keep)
{
    if (buf->cap > keep) {
        buf_fini(buf);
        return;
    }
    buf->head = buf->tail = 0;
}

void
buf_fini(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf)BUF_EMPTY;
}
