/* SPDX-License-Identifier: Apache-2.0 */
/* Reading from a replica of the database, where there is one; see doc/POSTGRES.md for what a reader
 * may see. */
/* Threads: safe from any, but init and fini. */
#pragma once

#include "userd/postgres_gather.h"
#include "userd/ranks.h"
#include <stdatomic.h>

/* For so many seconds a user who was written here is read from the primary. */
#define POSTGRES_RECENT_SECONDS 10

/* Places to remember such users in; of two that fall on one, the later one is remembered. */
#define POSTGRES_RECENT_PLACES 65536

/* What takes longer from its id to its commit may move pages by one; see doc/POSTGRES.md. */
#define POSTGRES_SETTLE (60 * WEIR_SECOND)

struct postgres_reads {
    bool given; /* there is a replica; nothing else is set without one */
    struct postgres_pool pool;
    struct postgres_gathers finds, lists;
    struct ranks ranks;
    atomic_uint_fast64_t *recent;   /* user in the upper half, when in the lower one */
    atomic_int_fast64_t hung_until; /* it has let a call's time run out: until then, nobody asks */
};

/* url: NULL: none; else borrowed. False: there are no threads or no memory. */
bool postgres_reads_init(struct postgres_reads *reads, const char *url);
void postgres_reads_fini(struct postgres_reads *reads);

/* This user was written, or may have been. */
void postgres_reads_note(struct postgres_reads *reads, int32_t id);

/* Was it lately? */
bool postgres_reads_is_recent(const struct postgres_reads *reads, int32_t id);

/* Take part in one of its gathers: as postgres_gather_run, but with the results of
 * postgres_reads_run. */
weir_code postgres_reads_gather(struct postgres_reads *reads, struct postgres_gathers *gathers,
    weir_call *call, struct postgres_member *member);

/* Run a query there. OK: as postgres_run. UNAVAILABLE: there is no replica, or it cannot answer, so
 * the primary has to. Else why the call ended. Suspends. */
weir_code postgres_reads_run(struct postgres_reads *reads, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result);
