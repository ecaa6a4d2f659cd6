/* SPDX-License-Identifier: Apache-2.0 */
/* Batching: concurrent calls of the same kind share a statement that finds users, lists them, or
 * creates them. */
/* Threads: a gather is shared by all threads; a member belongs to the fiber or thread that runs it.
 */
#pragma once

#include "userd/postgres_entries.h"
#include "userd/postgres_pool.h"
#include <stdatomic.h>

/* Maximum number of calls per statement. */
#define POSTGRES_GATHERED 64

struct postgres_batch;
struct postgres_gather;

/* The parameters of a list: `most` users after an id, without the first `rest`; only if version is
 * negative or equals the number of removals, and if skip, which counts from the first user of all,
 * is not beyond the end. */
struct postgres_list {
    int64_t after, most, version, skip, rest;
};

/* One call's part of a statement. */
struct postgres_member {
    int32_t id;                       /* to find */
    const struct postgres_list *list; /* or to list */
    struct user_entry *entry;         /* or to create; its id and code are set */
    struct store_cause *cause;

    /* The result of postgres_gather_run, to be released by postgres_member_end. */
    struct postgres_batch *batch;
    int row; /* first row; negative: none */
    int rows;

    /* Internal. */
    enum postgres_member_state {
        POSTGRES_QUEUED, /* waits for the next statement */
        POSTGRES_LEADS,  /* also queued; borrows a connection for the next statement */
        POSTGRES_RIDES,  /* the statement is in progress */
        POSTGRES_DRIVES, /* as above, and this member waits for the response */
        POSTGRES_DONE,
    } state;
    weir_code code;
    int64_t timeout;
    weir_event *turn; /* set when the state has changed */
    struct postgres_member *next;
};

/* A kind of statement. */
struct postgres_gather_kind {
    /* Send the statement for the members of a batch. False: no memory, or the connection is broken.
     */
    bool (*send)(struct postgres_batch *batch, int64_t timeout);

    /* Give each member that has not left its part of a successful result. */
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
    unsigned running;    /* statements that are being prepared or in progress */
    int64_t progress;    /* time when one of them last began or ended */
    unsigned statements; /* in total */
    weir_event *spare[POSTGRES_GATHERED];
    unsigned spares;
};

/* One statement for several members. */
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

/* Typically one per loop, so that calls of a loop are batched, and none waits for another thread.
 */
#define POSTGRES_GATHERS 16 /* a power of two */

struct postgres_gathers {
    struct postgres_gather items[POSTGRES_GATHERS];
};

void postgres_gathers_init(struct postgres_gathers *gathers,
    const struct postgres_gather_kind *kind, struct postgres_pool *pool);

/* No call may take part any more. */
void postgres_gathers_fini(struct postgres_gathers *gathers);

/* Take part in the next statement. OK: it was run, and the member has its part. ABORTED, INTERNAL,
 * OUT_OF_RANGE, ALREADY_EXISTS: the database refused the statement, because of any of its members;
 * nothing has changed, and it may be run for each member alone. Otherwise a fault as in store.h,
 * with cause, or why the call ended. Suspends. */
weir_code postgres_gather_run(
    struct postgres_gathers *gathers, weir_call *call, struct postgres_member *member);

/* Lists in the form that the statement takes, at most POSTGRES_GATHERED; the values borrow the
 * arrays. */
#define POSTGRES_LIST_ARRAYS 5
struct postgres_list_arrays {
    char texts[POSTGRES_LIST_ARRAYS][POSTGRES_ARRAY_SIZE(POSTGRES_GATHERED)];
};
struct postgres_values postgres_list_values(
    const struct postgres_list *const *lists, size_t count, struct postgres_list_arrays *arrays);

/* Was a shared statement refused, so that it should be run for each member alone? */
bool postgres_is_refusal(weir_code code);

/* The result that contains a member's rows; borrowed until postgres_member_end. */
const PGresult *postgres_member_result(const struct postgres_member *member);
void postgres_member_end(struct postgres_member *member);
