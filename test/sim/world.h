/* SPDX-License-Identifier: Apache-2.0 */
/* A world of its own: clients and servers of HTTP/2 with gRPC's messages on it, a network between
 * them, a clock and an allocator, all of which do what a chance says. So a seed replays exactly.
 *
 *   client end -> pipe -> server end        a pair; its calls are echoed, message by message
 *   client end <- pipe <- server end
 *
 * The network cuts bytes into chunks, delays them, and so lets those of one pair overtake
 * another's; it cuts whole connections; a pipe that is full holds up its writer. Ends reset calls,
 * end them early, read late, drain. Every message that arrives is compared with what was sent. */
/* Threads: one world at a time, alone in its process. */
#pragma once

#include "chance.h"
#include "sim.h"

struct world_options {
    uint32_t pairs;     /* up to WORLD_PAIRS */
    uint64_t events;    /* so many; then nothing new begins, and what is under way must end */
    bool long_messages; /* up to 256 KiB, rather than 16 */
    bool cuts;          /* connections are cut */
    bool poor;          /* some allocations fail */
    bool hostile; /* frames that nobody wrote come through: only a connection may break by it */
};

#define WORLD_PAIRS 16u

/* Run a world to its end. */
void world_run(
    const struct world_options *options, struct chance *chance, struct sim_result *out_result);
