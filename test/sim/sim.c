/* SPDX-License-Identifier: Apache-2.0 */
/* Runs worlds: sim SEED EVENTS runs one, and again, and compares; sim WORLDS runs those of seeds.h
 * so, and then as many others, the same in every run of the program. */
#include "world.h"

#include "seeds.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS 150000u

/* The kind of world is the seed's as well. */
static void
run(uint64_t seed, uint64_t events, struct world_result *out_result)
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

static bool
is_good(uint64_t seed, uint64_t events, const struct world_result *result)
{
    if (result->fault == NULL)
        return true;
    printf("sim: %s after %" PRIu64 " events; again: sim %" PRIu64 " %" PRIu64 "\n", result->fault,
        result->events, seed, events);
    return false;
}

static bool
replays(uint64_t seed, uint64_t events)
{
    struct world_result first, second;

    run(seed, events, &first);
    run(seed, events, &second);
    printf("seed %" PRIu64 ": %" PRIu64 " events, %" PRIu64 " calls, %" PRIu64 " messages, %" PRIu64
           " bytes, %" PRIu64 " connections broken, trace %016" PRIx64 "\n",
        seed, first.events, first.calls, first.messages, first.bytes, first.broken, first.trace);
    if (!is_good(seed, events, &first))
        return false;
    if (first.trace == second.trace && first.events == second.events)
        return true;
    printf("sim: seed %" PRIu64 " went another way the second time\n", seed);
    return false;
}

static bool
run_many(uint64_t worlds)
{
    struct world_result result;
    uint64_t events = 0;
    bool good = true;

    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        good &= replays(seeds[i].seed, seeds[i].events);
    for (uint64_t seed = 1; seed <= worlds && good; seed++) {
        run(seed, EVENTS, &result);
        good &= is_good(seed, EVENTS, &result);
        events += result.events;
    }
    printf("sim: %" PRIu64 " events in %" PRIu64 " worlds\n", events, worlds);
    return good;
}

int
main(int argc, char **argv)
{
    if (argc == 3)
        return replays(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10)) ? 0 : 1;
    if (argc == 2)
        return run_many(strtoull(argv[1], NULL, 10)) ? 0 : 1;
    fprintf(stderr, "usage: sim SEED EVENTS | sim WORLDS\n");
    return 2;
}
