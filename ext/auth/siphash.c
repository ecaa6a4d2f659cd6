/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4. */
#include "auth/siphash.h"

#include <string.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void
stir(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void
take(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    stir(s);
    stir(s);
    s->v0 ^= word;
}

/* The last bytes, fewer than eight, with the length in the top byte. */
static uint64_t
last_word(const uint8_t *bytes, size_t len, size_t left)
{
    uint64_t word = (uint64_t)len << 56;

    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

uint64_t
siphash(const uint64_t key[2], const void *data, size_t len)
{
    struct state s = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *at = data;
    size_t left = len;

    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        take(&s, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(word) : word);
    }
    take(&s, last_word(at, len, left));
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        stir(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
