/* SPDX-License-Identifier: Apache-2.0 */
/* What sim.c asks of a kind of world. */
/* Threads: one world at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sim_result {
    uint64_t events;                 /* all that happened */
    uint64_t calls, messages, bytes; /* that came to their end, that were compared */
    uint64_t broken;                 /* connections that did not end well */
    uint64_t trace;                  /* a hash of all that happened, in its order */
    const char *fault;               /* NULL: everything was as it must be */
};

/* Run the world that a seed makes, which is the seed's kind as well, to its end. */
void sim_run(uint64_t seed, uint64_t events, struct sim_result *out_result);

/* Worlds that have shown something, and one of each kind: run first, and twice. */
struct sim_seed {
    uint64_t seed, events;
};
extern const struct sim_seed sim_seeds[];
extern const size_t sim_seed_count;

/* How long the other worlds last. */
extern const uint64_t sim_events;
