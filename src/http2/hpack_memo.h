/* SPDX-License-Identifier: Apache-2.0 */
/* A cache of a decoder's recent header blocks, keyed by their bytes. */
/* Threads: one owner at a time. */
#pragma once

#include "http2/hpack.h"

enum { HPACK_MEMO_SLOTS = 8, HPACK_MEMO_LONGEST = 512, HPACK_MEMO_HEARD = 16 };

/* Holds a reference to each block; the key, its encoded bytes, is in the block's own memory. Slots
 * are replaced by the clock algorithm: one that was hit since the hand last passed stays, so blocks
 * that occur once do not evict repeated ones. Nor are they usually inserted: only a block whose
 * bytes were seen before is. */
struct hpack_memo {
    struct hpack_memo_slot
        *last; /* the slot used last, which is often the next one. NULL: all are empty */
    struct hpack_memo_slot {
        struct h2_block *block;
        const uint8_t *key;
        uint32_t len;
        bool hit;
    } slots[HPACK_MEMO_SLOTS];
    uint64_t marks[HPACK_MEMO_SLOTS]; /* see mark_of; 0: the slot is empty */
    unsigned hand;
    uint32_t heard[HPACK_MEMO_HEARD]; /* parts of the marks seen; 0: none */
};

/* The block decoded from these bytes, or NULL. Borrowed. */
struct h2_block *hpack_memo_lookup(struct hpack_memo *memo, const uint8_t *data, size_t len);

/* Record these bytes as seen. Returns whether they were seen before: a guess that may be wrong both
 * ways. */
bool hpack_memo_hear(struct hpack_memo *memo, const uint8_t *data, size_t len);

/* Insert a block under its bytes; `key` is a copy of them inside the block. */
void hpack_memo_put(
    struct hpack_memo *memo, struct h2_block *block, const uint8_t *key, size_t len);

/* Remove all blocks: the table has changed, so the same bytes may decode differently. */
void hpack_memo_clear(struct hpack_memo *memo);
