/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes whole sessions, both sides at once: the world of test/sim, whose every decision is the
 * input's: which calls begin, what is sent when, how the network cuts it, what is reset, which
 * allocation fails, and with `hostile` which frames of somebody else come through. Without them
 * every message must arrive as it was sent, and every call must end.
 *
 *   input:  kind (bit 0: cuts, 1: poor, 2: hostile) | decisions */
#include "../sim/world.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world_options options = {.pairs = 1, .events = 4000};
    struct sim_result result;
    struct chance chance;

    if (size == 0)
        return 0;
    options.cuts = (data[0] & 1) != 0;
    options.poor = (data[0] & 2) != 0;
    options.hostile = (data[0] & 4) != 0;
    chance = (struct chance){.bytes = data + 1, .left = size - 1};
    world_run(&options, &chance, &result);
    FUZZ_CHECK(result.fault == NULL);
    return 0;
}
