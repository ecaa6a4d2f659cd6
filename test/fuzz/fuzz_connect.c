/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what a proxy answers to CONNECT, in pieces and at once: the same comes of it.
 *
 *   input:  size of pieces (1 byte) | answer */
#include "fuzz.h"
#include "http1/connect.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    enum http1_connect result;
    size_t taken;
    char why[HTTP1_CONNECT_WHY];
};

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is peeked at is more than what is taken, where the head ends within it. */
static struct outcome
read_pieces(const char *text, size_t size, size_t piece)
{
    struct http1_connect_answer *answer = calloc(1, sizeof(*answer));
    struct outcome outcome = {HTTP1_CONNECT_UNDECIDED, 0, ""};
    size_t taken;

    FUZZ_CHECK(answer != NULL);
    while (outcome.result == HTTP1_CONNECT_UNDECIDED && outcome.taken < size) {
        size_t len =
            smaller(piece, smaller(size - outcome.taken, sizeof(answer->head) - answer->len));

        FUZZ_CHECK(len > 0);
        memcpy(answer->head + answer->len, text + outcome.taken, len);
        outcome.result = http1_connect_read(answer, len, &taken, outcome.why);
        FUZZ_CHECK(taken > 0 && taken <= len);
        FUZZ_CHECK(answer->len <= sizeof(answer->head));
        outcome.taken += taken;
    }
    free(answer);
    return outcome;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, pieces;

    if (size == 0)
        return 0;
    whole = read_pieces((const char *)data + 1, size - 1, size);
    pieces = read_pieces((const char *)data + 1, size - 1, (size_t)data[0] + 1);
    FUZZ_CHECK(whole.result == pieces.result);
    FUZZ_CHECK(strcmp(whole.why, pieces.why) == 0);
    if (whole.result == HTTP1_CONNECT_OPEN)
        FUZZ_CHECK(whole.taken == pieces.taken);
    for (const char *at = whole.why; *at != '\0'; at++)
        FUZZ_CHECK(*at >= ' ' && *at <= '~');
    return 0;
}
