/* SPDX-License-Identifier: Apache-2.0 */
/* The memo: eight slots, found by a cheap hash (mark) before their bytes are compared. */
#include "http2/hpack_memo.h"

#include "base/hint.h"

static uint64_t
load64(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* A cheap hash of the length and of words at the beginning, in the middle and at the end.
 * Collisions are harmless, since the bytes are compared. Never 0. */
static uint64_t
mark_of(const uint8_t *data, size_t len)
{
    uint64_t head = 0, middle = 0, tail = 0;

    if (len >= 8) {
        head = load64(data);
        middle = load64(data + (len - 8) / 2);
        tail = load64(data + len - 8);
    } else {
        for (size_t i = 0; i < len; i++)
            head = head << 8 | data[i];
    }
    head *= UINT64_C(0x9e3779b97f4a7c15);
    middle *= UINT64_C(0xc2b2ae3d27d4eb4f);
    tail *= UINT64_C(0x165667b19e3779f9);
    return (head ^ (middle << 17 | middle >> 47) ^ (tail << 34 | tail >> 30) ^ len) | 1;
}

static uint32_t
load32(const uint8_t *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Most repeated blocks consist of indices and fit in two words, which may overlap. */
static inline bool
same_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len >= 8 && len <= 16)
        return load64(a) == load64(b) && load64(a + len - 8) == load64(b + len - 8);
    if (len >= 4 && len < 8)
        return load32(a) == load32(b) && load32(a + len - 4) == load32(b + len - 4);
    return memcmp(a, b, len) == 0;
}

static bool
is_of(const struct hpack_memo_slot *slot, const uint8_t *data, size_t len)
{
    return slot->len == len && same_bytes(slot->key, data, len);
}

static APART struct h2_block *
search(struct hpack_memo *memo, const uint8_t *data, size_t len)
{
    uint64_t mark = mark_of(data, len);

    for (unsigned i = 0; i < HPACK_MEMO_SLOTS; i++) {
        struct hpack_memo_slot *slot = &memo->slots[i];

        if (memo->marks[i] == mark && is_of(slot, data, len)) {
            slot->hit = true;
            memo->last = slot;
            return slot->block;
        }
    }
    return NULL;
}

struct h2_block *
hpack_memo_lookup(struct hpack_memo *memo, const uint8_t *data, size_t len)
{
    struct hpack_memo_slot *last = memo->last;

    if (last == NULL)
        return NULL;
    if (!is_of(last, data, len))
        return len > HPACK_MEMO_LONGEST ? NULL : search(memo, data, len);
    last->hit = true;
    return last->block;
}

bool
hpack_memo_hear(struct hpack_memo *memo, const uint8_t *data, size_t len)
{
    uint64_t mark = mark_of(data, len);
    uint32_t *heard = &memo->heard[(mark >> 32) % HPACK_MEMO_HEARD], before = *heard;

    *heard = (uint32_t)mark;
    return before == *heard;
}

/* Choose the slot to replace. */
static unsigned
choose(struct hpack_memo *memo)
{
    unsigned i = memo->hand;

    while (memo->slots[i].hit) {
        memo->slots[i].hit = false;
        i = (i + 1) % HPACK_MEMO_SLOTS;
    }
    memo->hand = (i + 1) % HPACK_MEMO_SLOTS;
    return i;
}

void
hpack_memo_put(struct hpack_memo *memo, struct h2_block *block, const uint8_t *key, size_t len)
{
    unsigned i = choose(memo);

    h2_block_unref(memo->slots[i].block);
    memo->marks[i] = mark_of(key, len);
    memo->slots[i] = (struct hpack_memo_slot){h2_block_ref(block), key, (uint32_t)len, false};
    memo->last = &memo->slots[i];
}

void
hpack_memo_clear(struct hpack_memo *memo)
{
    if (memo->last == NULL)
        return;
    for (unsigned i = 0; i < HPACK_MEMO_SLOTS; i++)
        h2_block_unref(memo->slots[i].block);
    *memo = (struct hpack_memo){0};
}
