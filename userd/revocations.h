/* SPDX-License-Identifier: Apache-2.0 */
/* Revoked tokens of userd itself: those of accounts that were deleted or whose password was
 * changed, by any userd on the same database. */
/* Threads: revocations_hold and revocations_refresh are safe from any; a thread of its own reads
 * the database. */
#pragma once

#include "userd/account_store.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/auth.h>

/* The claim with the account's epoch, which tokens of other issuers do not have. */
#define REVOCATIONS_EPOCH "userd_epoch"

struct revocations {
    struct store *store; /* borrowed, like the following fields */
    const struct log *log;
    weir_auth *auth; /* told of changes */
    int64_t interval;
    int64_t read_until; /* by the database's clock; INT64_MIN: nothing was read yet */
    int64_t read_at;    /* by weir_now */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards the following fields */
    pthread_cond_t changed;
    struct account_revocation *list; /* by id */
    size_t count;
    bool wanted; /* a refresh is wanted before the interval is over */
    bool ending;
};

/* Read all revocations, before any call. False: they cannot be read, cause says why.
 * revocations_close must be called in any case. */
bool revocations_open(
    struct revocations *revocations, struct store *store, struct store_cause *cause);

/* Read new ones at every interval (nanoseconds), and notify auth. False: no threads. */
bool revocations_start(
    struct revocations *revocations, weir_auth *auth, int64_t interval, const struct log *log);
void revocations_close(struct revocations *revocations);

/* Read the revocations now, because there is a new one. */
void revocations_refresh(struct revocations *revocations);

/* weir_auth_options.revoked, with a struct revocations. */
bool revocations_hold(void *self, const struct weir_claims *claims);
