/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte buffer, appended at the end and consumed at the front. */
/* Threads: one owner at a time. */
#pragma once

#include <weir/base.h>

/*   data          head              tail          cap
 *   |  taken      |  contents       |  room       |    */
struct buf {
    uint8_t *data;
    size_t head, tail, cap;
};

#define BUF_EMPTY     \
    {                 \
        NULL, 0, 0, 0 \
    }

static inline size_t
buf_len(const struct buf *buf)
{
    return buf->tail - buf->head;
}

static inline uint8_t *
buf_head(const struct buf *buf)
{
    /* Not pointer arithmetic, which is undefined on NULL, the data of an empty buffer. */
    return (uint8_t *)((uintptr_t)buf->data + buf->head);
}

/* Make room for `more` bytes by moving or growing. False: no memory; nothing has changed. */
bool buf_grow(struct buf *buf, size_t more);

/* Reserve `more` bytes at the tail, for the caller to write and then add with buf_commit. NULL: no
 * memory. */
static inline uint8_t *
buf_reserve(struct buf *buf, size_t more)
{
    if ((buf->cap - buf->tail < more || buf->data == NULL) && !buf_grow(buf, more))
        return NULL;
    return buf->data + buf->tail;
}

static inline void
buf_commit(struct buf *buf, size_t written)
{
    buf->tail += written;
}

/* False: no memory; nothing has changed. */
static inline bool
buf_append(struct buf *buf, const void *bytes, size_t len)
{
    uint8_t *room;

    if (len == 0)
        return true;
    room = buf_reserve(buf, len);
    if (room == NULL)
        return false;
    memcpy(room, bytes, len);
    buf->tail += len;
    return true;
}

/* Remove bytes from the front. */
static inline void
buf_take(struct buf *buf, size_t len)
{
    buf->head += len;
    if (buf->head == buf->tail)
        buf->head = buf->tail = 0;
}

/* Empty the buffer; keeps its memory if that is at most `keep` bytes. */
void buf_reset(struct buf *buf, size_t keep);
void buf_fini(struct buf *buf);
