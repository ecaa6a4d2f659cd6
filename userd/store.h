/* SPDX-License-Identifier: Apache-2.0 */
/* Where users are kept: one interface, a kind of database behind it. */
/* Threads: every operation may run on any loop's fibers and on plain threads at the same time. */
#pragma once

#include <stdatomic.h>
#include <weir/call.h>
#include <weir/metrics.h>

struct user {
    int32_t id;
    const char *name; /* the texts are UTF-8, never NULL */
    const char *email;
    const char *phone;
    int64_t created_at; /* seconds since 1970 */
};

/* What becomes of a user; NULL leaves a text as it is. */
struct user_change {
    int32_t id;
    const char *name;
    const char *email;
    const char *phone;
};

/* Users in the order of their ids: those after an id, without the first few, and at most so many.
 */
struct user_range {
    int32_t after;
    int64_t skip;
    int32_t limit;
};

/* One of many users to create, and what became of it. */
struct user_entry {
    struct user user; /* its id is set when it was created */
    weir_code code;   /* OK, ALREADY_EXISTS or OUT_OF_RANGE, as of create */
};

/* Whom one look ahead may name. */
#define STORE_AHEAD 16

/* Why an operation ended in INTERNAL or UNAVAILABLE: for the log, not for clients. */
struct store_cause {
    char text[256];
};

/* Takes a user, borrowed until it returns. What is not OK ends the operation with that code. */
typedef weir_code store_visit(void *arg, const struct user *user);

struct store;

/* What a kind of store implements. Results that all share: INTERNAL: a fault of the database;
 * UNAVAILABLE: it is away, busy or short of room (both set the cause, and nothing else does);
 * RESOURCE_EXHAUSTED: no memory; and what weir_call_code says when the call ends first: a write may
 * then happen or not. A write is durable when it is answered. call may be NULL: no deadline. All
 * suspend. */
struct store_ops {
    /* NOT_FOUND: no such user. */
    weir_code (*find)(struct store *store, weir_call *call, int32_t id, store_visit *visit,
        void *arg, struct store_cause *cause);

    /* Visits a range; *out_total is how many users there are in all, as of the same moment. */
    weir_code (*list)(struct store *store, weir_call *call, const struct user_range *range,
        store_visit *visit, void *arg, int64_t *out_total, struct store_cause *cause);

    /* Ignores the id in user, gives a new one that no user had before. ALREADY_EXISTS: the email is
     * taken; case does not count. OUT_OF_RANGE: every id has been used. */
    weir_code (*create)(struct store *store, weir_call *call, const struct user *user,
        int32_t *out_id, struct store_cause *cause);

    /* Creates many, in their order and with few transactions. OK: each entry has its own code.
     * Another code: a fault, and any of them may have been created. */
    weir_code (*create_many)(struct store *store, weir_call *call, struct user_entry *entries,
        size_t count, struct store_cause *cause);

    /* Visits the user as changed. NOT_FOUND: no such user. ALREADY_EXISTS: the email is taken. */
    weir_code (*update)(struct store *store, weir_call *call, const struct user_change *change,
        store_visit *visit, void *arg, struct store_cause *cause);

    /* NOT_FOUND: no such user. */
    weir_code (*remove)(
        struct store *store, weir_call *call, int32_t id, struct store_cause *cause);

    /* These users, up to STORE_AHEAD, will be asked for right now on this thread, one after the
     * other: what finding them takes is fetched together. Changes nothing but how long that takes.
     * Does not suspend. NULL where `looks_ahead` is never true. */
    void (*look_ahead)(struct store *store, const int32_t *ids, size_t count);

    /* After the last operation returned and the pool it writes on is freed. */
    void (*close)(struct store *store);
};

/* Where a store counts; each may be NULL. */
struct store_meters {
    weir_counter *commits;        /* transactions */
    weir_counter *faults;         /* operations that ended in INTERNAL or UNAVAILABLE */
    weir_gauge *queued;           /* writes that wait for a transaction */
    weir_histogram *batches;      /* writes in each */
    weir_counter *replica_reads;  /* that a replica answered */
    weir_counter *replica_faults; /* that the primary had to answer instead */
};

struct account_ops;

/* The head of every kind's own struct. */
struct store {
    const struct store_ops *ops;
    struct store_meters meters;         /* set before the first operation */
    atomic_bool looks_ahead;            /* it is worth while to tell it who comes next */
    const struct account_ops *accounts; /* account_store.h; NULL: this kind keeps none */
};

static inline void
store_close(struct store *store)
{
    if (store != NULL)
        store->ops->close(store);
}
