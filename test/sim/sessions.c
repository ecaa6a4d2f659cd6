/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds of HTTP/2 sessions. */
#include "sim.h"
#include "world.h"

const uint64_t sim_events = 150000;

const struct sim_seed sim_seeds[] = {
    {1, 20000},
    {2, 20000},
    {3, 20000},
    {4, 20000},
};
const size_t sim_seed_count = sizeof(sim_seeds) / sizeof(sim_seeds[0]);

void
sim_run(uint64_t seed, uint64_t events, struct sim_result *out_result)
{
    struct chance chance = {.state = seed};
    struct world_options options = {.pairs = 1 + chance_below(&chance, WORLD_PAIRS),
        .events = events,
        .long_messages = true,
        .cuts = chance_one(&chance, 2),
        .poor = chance_one(&chance, 3),
        .hostile = chance_one(&chance, 5)};

    world_run(&options, &chance, out_result);
}
