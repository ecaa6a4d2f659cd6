/* SPDX-License-Identifier: Apache-2.0 */
/* Reads from a replica of the database, if there is one; see doc/POSTGRES.md for consistency. */
/* Threads: safe from any, except init and fini. */
#pragma once

#include "userd/postgres_gather.h"
#include "userd/ranks.h"
#include <stdatomic.h>

/* For this many seconds after a write by this userd, a user is read from the primary. */
#define POSTGRES_RECENT_SECONDS 10

/* Size of the table of such users; of two users in the same slot, the later one is remembered. */
#define POSTGRES_RECENT_PLACES 65536

/* A transaction that takes longer than this from its id to its commit may shift pages by one; see
 * doc/POSTGRES.md. */
#define POSTGRES_SETTLE (60 * WEIR_SECOND)

struct postgres_reads {
    bool given; /* there is a replica; otherwise nothing else is set */
    struct postgres_pool pool;
    struct postgres_gathers finds, lists;
    struct ranks ranks;
    atomic_uint_fast64_t *recent;   /* upper half: user; lower half: time */
    atomic_int_fast64_t hung_until; /* the replica let a call time out: it is not used until then */
};

/* url: borrowed; NULL: no replica. False: no threads or no memory. */
bool postgres_reads_init(struct postgres_reads *reads, const char *url);
void postgres_reads_fini(struct postgres_reads *reads);

/* Note that this user was written, or may have been. */
void postgres_reads_note(struct postgres_reads *reads, int32_t id);

/* Was the user written recently? */
bool postgres_reads_is_recent(const struct postgres_reads *reads, int32_t id);

/* Take part in one of its gathers: as postgres_gather_run, but with the status codes of
 * postgres_reads_run. */
weir_code postgres_reads_gather(struct postgres_reads *reads, struct postgres_gathers *gathers,
    weir_call *call, struct postgres_member *member);

/* Run a query on the replica. OK: as postgres_run. UNAVAILABLE: there is no replica, or it cannot
 * respond; use the primary. Otherwise why the call ended. Suspends. */
weir_code postgres_reads_run(struct postgres_reads *reads, weir_call *call,
    enum postgres_query query, const struct postgres_values *values, PGresult **out_result);
