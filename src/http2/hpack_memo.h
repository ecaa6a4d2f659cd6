/* SPDX-License-Identifier: Apache-2.0 */
/* The last few header blocks of a decoder, by their bytes. */
/* Threads: one owner at a time. */
#pragma once

#include "http2/hpack.h"

enum { HPACK_MEMO_SLOTS = 8, HPACK_MEMO_LONGEST = 512, HPACK_MEMO_HEARD = 16 };

/* Holds a reference to each block. The bytes that it came from are kept in the block's own memory.
 * Which slot a new block takes is decided by a clock: one that was hit since the hand last passed
 * stays, so that blocks which come once do not drive out those that come again and again. And
 * mostly those do not get in: only a block that was heard of before is worth remembering. */
struct hpack_memo {
    struct hpack_memo_slot
        *last; /* that was used last: often the next one too. NULL: all are empty */
    struct hpack_memo_slot {
        struct h2_block *block;
        const uint8_t *key;
        uint32_t len;
        bool hit;
    } slots[HPACK_MEMO_SLOTS];
    uint64_t marks[HPACK_MEMO_SLOTS]; /* see mark_of; 0: the slot is empty */
    unsigned hand;
    uint32_t heard[HPACK_MEMO_HEARD]; /* parts of marks, each in a place of its own; 0: of none */
};

/* The block that came of these bytes, NULL when it is not remembered. Borrowed. */
struct h2_block *hpack_memo_lookup(struct hpack_memo *memo, const uint8_t *data, size_t len);

/* Have these bytes come before? A guess, that may be wrong both ways. The next time they will have.
 */
bool hpack_memo_hear(struct hpack_memo *memo, const uint8_t *data, size_t len);

/* Remember a block by its bytes, of which `key`, kept inside the block, is a copy. */
void hpack_memo_put(
    struct hpack_memo *memo, struct h2_block *block, const uint8_t *key, size_t len);

/* Forget all: the table has changed, so the same bytes no longer mean the same. */
void hpack_memo_clear(struct hpack_memo *memo);
