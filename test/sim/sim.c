/* SPDX-License-Identifier: Apache-2.0 */
/* Runs worlds: PROGRAM SEED EVENTS runs one, and again, and compares; PROGRAM WORLDS runs those of
 * sim_seeds so, and then as many others, the same in every run of the program. */
#include "sim.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool
is_good(uint64_t seed, uint64_t events, const struct sim_result *result)
{
    if (result->fault == NULL)
        return true;
    printf("%s after %" PRIu64 " events; again: %" PRIu64 " %" PRIu64 "\n", result->fault,
        result->events, seed, events);
    return false;
}

static bool
replays(uint64_t seed, uint64_t events)
{
    struct sim_result first, second;

    sim_run(seed, events, &first);
    sim_run(seed, events, &second);
    printf("seed %" PRIu64 ": %" PRIu64 " events, %" PRIu64 " calls, %" PRIu64 " messages, %" PRIu64
           " bytes, %" PRIu64 " connections broken, trace %016" PRIx64 "\n",
        seed, first.events, first.calls, first.messages, first.bytes, first.broken, first.trace);
    if (!is_good(seed, events, &first))
        return false;
    if (first.trace == second.trace && first.events == second.events)
        return true;
    printf("seed %" PRIu64 " went another way the second time: %" PRIu64
           " events, trace %016" PRIx64 "\n",
        seed, second.events, second.trace);
    return false;
}

static bool
run_many(uint64_t worlds)
{
    struct sim_result result;
    uint64_t events = 0, calls = 0;
    bool good = true;

    for (size_t i = 0; i < sim_seed_count; i++)
        good &= replays(sim_seeds[i].seed, sim_seeds[i].events);
    for (uint64_t seed = 1; seed <= worlds && good; seed++) {
        sim_run(seed, sim_events, &result);
        good &= is_good(seed, sim_events, &result);
        events += result.events;
        calls += result.calls;
    }
    printf(
        "%" PRIu64 " events and %" PRIu64 " calls in %" PRIu64 " worlds\n", events, calls, worlds);
    return good;
}

int
main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3)
        return replays(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10)) ? 0 : 1;
    if (argc == 2)
        return run_many(strtoull(argv[1], NULL, 10)) ? 0 : 1;
    fprintf(stderr, "usage: PROGRAM SEED EVENTS | PROGRAM WORLDS\n");
    return 2;
}
