/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that ask for the same kind of thing at the same time share a statement: users to find,
 * lists, or users to create. */
/* Threads: a gather is shared by all; a member belongs to the fiber or thread that runs it. */
#pragma once

#include "userd/postgres_entries.h"
#include "userd/postgres_pool.h"
#include <stdatomic.h>

/* Calls that one statement serves at most. */
#define POSTGRES_GATHERED 64

struct postgres_batch;
struct postgres_gather;

/* What a list shows: so many users after an id and without the rest, if version is negative or the
 * number of removals, and if skip, which counts from the first user of all, is not beyond the end.
 */
struct postgres_list {
    int64_t after, most, version, skip, rest;
};

/* One call's part. */
struct postgres_member {
    int32_t id;                       /* whom to find */
    const struct postgres_list *list; /* or what to list */
    struct user_entry *entry;         /* or whom to create; its id and code are set */
    struct store_cause *cause;

    /* What postgres_gather_run leaves of what was found; postgres_member_end ends it. */
    struct postgres_batch *batch;
    int row; /* the first; negative: none */
    int rows;

    /* Inside. */
    enum postgres_member_state {
        POSTGRES_QUEUED, /* for the next statement */
        POSTGRES_LEADS,  /* borrows a connection for it; queued, too */
        POSTGRES_RIDES,  /* the statement is under way */
        POSTGRES_DRIVES, /* and this one waits for its answer */
        POSTGRES_DONE,
    } state;
    weir_code code;
    int64_t timeout;
    weir_event *turn; /* the state has changed */
    struct postgres_member *next;
};

/* How a kind of thing is asked for. */
struct postgres_gather_kind {
    /* Send the statement for a batch's members. False: no memory, or the connection is broken. */
    bool (*send)(struct postgres_batch *batch, int64_t timeout);

    /* Give each member that is still there its part of the answer, which is OK. */
    void (*hand_out)(struct postgres_batch *batch);
};

/* postgres_kinds.c */
extern const struct postgres_gather_kind postgres_finding, postgres_listing, postgres_creating;

struct postgres_gather {
    const struct postgres_gather_kind *kind;
    struct postgres_pool *pool; /* borrowed */
    pthread_mutex_t lock;
    struct postgres_member *first, **last;
    size_t queued;
    unsigned running;    /* statements that are prepared or under way */
    int64_t progress;    /* when one of them began or ended */
    unsigned statements; /* so far */
    weir_event *spare[POSTGRES_GATHERED];
    unsigned spares;
};

/* One statement for many. */
struct postgres_batch {
    struct postgres_gather *gather;
    struct postgres_connection *connection;
    struct postgres_member *members[POSTGRES_GATHERED]; /* NULL: has left */
    size_t count;
    PGresult *result;
    atomic_uint holders; /* of the result */
    struct user_entry entries[POSTGRES_GATHERED];
    struct postgres_entries set;
};

/* One for each loop, as a rule, so that calls of a loop meet and none waits for another thread. */
#define POSTGRES_GATHERS 16 /* a power of two */

struct postgres_gathers {
    struct postgres_gather items[POSTGRES_GATHERS];
};

void postgres_gathers_init(struct postgres_gathers *gathers,
    const struct postgres_gather_kind *kind, struct postgres_pool *pool);

/* Nobody takes part any more. */
void postgres_gathers_fini(struct postgres_gathers *gathers);

/* Take part in the next statement. OK: it was run, and the member has its part. ABORTED, INTERNAL,
 * OUT_OF_RANGE, ALREADY_EXISTS: the database refused the statement, whoever of the members was the
 * reason; nothing has happened, and it may be run for each alone. Else a fault of the store, with
 * cause, or why the call ended. Suspends. */
weir_code postgres_gather_run(
    struct postgres_gathers *gathers, weir_call *call, struct postgres_member *member);

/* Lists as the statement takes them, no more than POSTGRES_GATHERED; the values borrow the arrays.
 */
#define POSTGRES_LIST_ARRAYS 5
struct postgres_list_arrays {
    char texts[POSTGRES_LIST_ARRAYS][POSTGRES_ARRAY_SIZE(POSTGRES_GATHERED)];
};
struct postgres_values postgres_list_values(
    const struct postgres_list *const *lists, size_t count, struct postgres_list_arrays *arrays);

/* Was a statement of many refused, so that each of them may be run alone? */
bool postgres_is_refusal(weir_code code);

/* The result in which a member's rows are; borrowed until postgres_member_end. */
const PGresult *postgres_member_result(const struct postgres_member *member);
void postgres_member_end(struct postgres_member *member);
