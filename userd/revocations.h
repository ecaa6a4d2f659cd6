/* SPDX-License-Identifier: Apache-2.0 */
/* Which of userd's own tokens are no good any more: those of accounts that were deleted, or whose
 * password was changed, by this userd or another on the same database. */
/* Threads: revocations_hold and revocations_refresh are safe from any; a thread of its own reads.
 */
#pragma once

#include "userd/account_store.h"
#include "userd/log.h"
#include <pthread.h>
#include <weir/auth.h>

/* The claim that holds an account's epoch, which no other issuer's tokens have. */
#define REVOCATIONS_EPOCH "userd_epoch"

struct revocations {
    struct store *store; /* borrowed, like what follows */
    const struct log *log;
    weir_auth *auth; /* told of changes */
    int64_t interval;
    int64_t read_until; /* of the database's clock; INT64_MIN: nothing was read */
    int64_t read_at;    /* of weir_now */
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct account_revocation *list; /* by id */
    size_t count;
    bool wanted; /* a refresh, before the interval is over */
    bool ending;
};

/* Read what there is, before any call. False: it cannot be read, cause says why.
 * revocations_close is needed in any case. */
bool revocations_open(
    struct revocations *revocations, struct store *store, struct store_cause *cause);

/* Read it again every so many nanoseconds, and tell auth. False: no threads. */
bool revocations_start(
    struct revocations *revocations, weir_auth *auth, int64_t interval, const struct log *log);
void revocations_close(struct revocations *revocations);

/* Something was revoked: read it now. */
void revocations_refresh(struct revocations *revocations);

/* weir_auth_options.revoked, with a struct revocations. */
bool revocations_hold(void *self, const struct weir_claims *claims);
