/* SPDX-License-Identifier: Apache-2.0 */
/* The replica has a connection pool of its own. It may lag behind, so users that were written
 * recently by this userd are remembered in a lock-free table, in which each user has one slot. */
#include "userd/postgres_reads.h"

#include <stdlib.h>

/* A host that hangs costs calls their time; this limits how many. */
#define HUNG_PAUSE (5 * WEIR_SECOND)

bool
postgres_reads_init(struct postgres_reads *reads, const char *url)
{
    if (url == NULL)
        return true;
    reads->recent = calloc(POSTGRES_RECENT_PLACES, sizeof(*reads->recent));
    if (reads->recent == NULL)
        return false;
    reads->given = postgres_pool_init(&reads->pool, url);
    if (!reads->given) {
        free(reads->recent);
        return false;
    }
    postgres_gathers_init(&reads->finds, &postgres_finding, &reads->pool);
    postgres_gathers_init(&reads->lists, &postgres_listing, &reads->pool);
    ranks_init(&reads->ranks, POSTGRES_BLOCK, POSTGRES_SETTLE);
    return true;
}

void
postgres_reads_fini(struct postgres_reads *reads)
{
    if (!reads->given)
        return;
    ranks_fini(&reads->ranks);
    postgres_gathers_fini(&reads->lists);
    postgres_gathers_fini(&reads->finds);
    postgres_pool_fini(&reads->pool);
    free(reads->recent);
}

/* ---- recent writes ---- */

static atomic_uint_fast64_t *
place_of(const struct postgres_reads *reads, int32_t id)
{
    return &reads->recent[(uint32_t)id % POSTGRES_RECENT_PLACES];
}

static uint32_t
seconds_now(void)
{
    return (uint32_t)(weir_now() / WEIR_SECOND);
}

void
postgres_reads_note(struct postgres_reads *reads, int32_t id)
{
    if (reads->given)
        atomic_store(place_of(reads, id), (uint64_t)(uint32_t)id << 32 | seconds_now());
}

bool
postgres_reads_is_recent(const struct postgres_reads *reads, int32_t id)
{
    uint64_t note = atomic_load(place_of(reads, id));

    return note >> 32 == (uint32_t)id && seconds_now() - (uint32_t)note <= POSTGRES_RECENT_SECONDS;
}

/* ---- queries ---- */

static weir_code
ask(struct postgres_reads *reads, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result)
{
    struct postgres_connection *connection;
    struct store_cause cause;
    weir_code code;

    WEIR_TRY(postgres_borrow(&reads->pool, call, &connection, &cause));
    code = postgres_run(connection, call, query, values, out_result, &cause);
    postgres_give_back(&reads->pool, connection);
    return code;
}

static bool
may_ask(const struct postgres_reads *reads)
{
    return reads->given && atomic_load(&reads->hung_until) <= weir_now();
}

/* Map the replica's status code for the caller. */
static weir_code
judge(struct postgres_reads *reads, weir_call *call, weir_code code)
{
    weir_code ended = call == NULL ? WEIR_OK : weir_call_code(call);

    if (code == WEIR_OK)
        return code;
    if (ended == WEIR_DEADLINE_EXCEEDED)
        atomic_store(&reads->hung_until, weir_now() + HUNG_PAUSE);
    return ended == WEIR_OK ? WEIR_UNAVAILABLE : ended;
}

weir_code
postgres_reads_gather(struct postgres_reads *reads, struct postgres_gathers *gathers,
    weir_call *call, struct postgres_member *member)
{
    if (!may_ask(reads))
        return WEIR_UNAVAILABLE;
    return judge(reads, call, postgres_gather_run(gathers, call, member));
}

weir_code
postgres_reads_run(struct postgres_reads *reads, weir_call *call, enum postgres_query query,
    const struct postgres_values *values, PGresult **out_result)
{
    if (!may_ask(reads))
        return WEIR_UNAVAILABLE;
    return judge(reads, call, ask(reads, call, query, values, out_result));
}
