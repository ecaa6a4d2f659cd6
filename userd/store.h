/* SPDX-License-Identifier: Apache-2.0 */
/* Where users are kept: one interface for several kinds of database. */
/* Threads: every operation is safe from fibers of any loop and from plain threads. */
#pragma once

#include <stdatomic.h>
#include <weir/call.h>
#include <weir/metrics.h>

struct user {
    int32_t id;
    const char *name; /* texts are UTF-8, never NULL */
    const char *email;
    const char *phone;
    int64_t created_at; /* seconds since 1970 */
};

/* The fields of a user to change; NULL leaves a text as it is. */
struct user_change {
    int32_t id;
    const char *name;
    const char *email;
    const char *phone;
};

/* Users in order of their ids: those after an id, without the first `skip`, at most `limit`. */
struct user_range {
    int32_t after;
    int64_t skip;
    int32_t limit;
};

/* One of many users to create, and its result. */
struct user_entry {
    struct user user; /* its id is set if it was created */
    weir_code code;   /* OK, ALREADY_EXISTS or OUT_OF_RANGE, as from create */
};

/* Maximum number of ids for look_ahead. */
#define STORE_AHEAD 16

/* Why an operation ended with INTERNAL or UNAVAILABLE: for the log, not for clients. */
struct store_cause {
    char text[256];
};

/* Receives a user, which is borrowed until the function returns. A code other than OK ends the
 * operation with that code. */
typedef weir_code store_visit(void *arg, const struct user *user);

struct store;

/* The interface of a kind of store. Results of all operations: INTERNAL: a fault of the database;
 * UNAVAILABLE: it is away, busy or out of space (these two set the cause, no other result does);
 * RESOURCE_EXHAUSTED: no memory; the code of weir_call_code if the call ends first: a write may or
 * may not take effect then. A write is durable when the operation returns. call may be NULL: no
 * deadline. All suspend. */
struct store_ops {
    /* NOT_FOUND: no such user. */
    weir_code (*find)(struct store *store, weir_call *call, int32_t id, store_visit *visit,
        void *arg, struct store_cause *cause);

    /* Visits a range; *out_total is the number of all users at the same moment. */
    weir_code (*list)(struct store *store, weir_call *call, const struct user_range *range,
        store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause);

    /* Ignores the id in user, and assigns one that no user ever had. ALREADY_EXISTS: the email is
     * taken; case is ignored. OUT_OF_RANGE: all ids have been used. */
    weir_code (*create)(struct store *store, weir_call *call, const struct user *user,
        int32_t *out_id, struct store_cause *cause);

    /* Creates many users in this order, in few transactions. OK: each entry has its own code.
     * Another code: a fault, and any of them may have been created. */
    weir_code (*create_many)(struct store *store, weir_call *call, struct user_entry *entries,
        size_t count, struct store_cause *cause);

    /* Visits the changed user. NOT_FOUND: no such user. ALREADY_EXISTS: the email is taken. */
    weir_code (*update)(struct store *store, weir_call *call, const struct user_change *change,
        store_visit *visit, void *arg, struct store_cause *cause);

    /* NOT_FOUND: no such user. */
    weir_code (*remove)(
        struct store *store, weir_call *call, int32_t id, struct store_cause *cause);

    /* Prefetches these users, at most STORE_AHEAD, which will be looked up on this thread next, one
     * after the other. Only a matter of speed. Does not suspend. NULL if the store never sets
     * `looks_ahead`. */
    void (*look_ahead)(struct store *store, const int32_t *ids, size_t count);

    /* After the last operation has returned and the pool for its writes is freed. */
    void (*close)(struct store *store);
};

/* The metrics of a store; each may be NULL. */
struct store_meters {
    weir_counter *commits;        /* transactions */
    weir_counter *faults;         /* operations that ended in INTERNAL or UNAVAILABLE */
    weir_gauge *queued;           /* writes that wait for a transaction */
    weir_histogram *batches;      /* writes per transaction */
    weir_counter *replica_reads;  /* reads that a replica answered */
    weir_counter *replica_faults; /* reads that the primary had to answer instead */
};

struct account_ops;

/* The first member of every kind's own struct. */
struct store {
    const struct store_ops *ops;
    struct store_meters meters;         /* set before the first operation */
    atomic_bool looks_ahead;            /* look_ahead is worthwhile */
    const struct account_ops *accounts; /* account_store.h; NULL: the store keeps no accounts */
};

static inline void
store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
}
