/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: users who have a password and roles. The interface of stores that keep them. */
/* Threads: as store.h. */
#pragma once

#include "userd/store.h"

struct account {
    struct user user;
    const char *password_hash; /* NULL: no password, so nobody can log in */
    const char *roles;         /* separated by commas */
    int64_t epoch; /* incremented by each change of the password; a token carries the epoch it was
                      issued in */
};

/* Receives an account, which is borrowed until the function returns. */
typedef weir_code account_visit(void *arg, const struct account *account);

/* Tokens of this user with a smaller epoch are revoked. */
struct account_revocation {
    int32_t id;
    int64_t epoch; /* INT64_MAX: the account is deleted */
};

typedef weir_code account_visit_revocation(void *arg, const struct account_revocation *revocation);

/* Where a read of revocations starts: at the earlier of the two times, because either clock may
 * have been set, and either machine may have been suspended. */
struct account_since {
    int64_t moment; /* seconds since 1970, by the database's clock, which stamps each revocation */
    int64_t age;    /* seconds before the present time of that clock */
};

/* Results, causes and suspending as in struct store_ops. */
struct account_ops {
    /* By email, ignoring case, or by id if the email is NULL. A user without an account is returned
     * with no password. NOT_FOUND: no such user. */
    weir_code (*find)(struct store *store, weir_call *call, const char *email, int32_t id,
        account_visit *visit, void *arg, struct store_cause *cause);

    /* As store_ops.create. */
    weir_code (*create)(struct store *store, weir_call *call, const struct account *account,
        int32_t *out_id, struct store_cause *cause);

    /* Sets the password if the account is still in this epoch, and increments the epoch. NOT_FOUND:
     * no such account in this epoch. */
    weir_code (*set_password)(struct store *store, weir_call *call, int32_t id, int64_t epoch,
        const char *password_hash, struct store_cause *cause);

    /* Visits the revocations since then in order of id, only the last one of each id. *out_now: the
     * present time of the database's clock, in seconds since 1970. */
    weir_code (*list_revoked)(struct store *store, const struct account_since *since,
        account_visit_revocation *visit, void *arg, int64_t *out_now, struct store_cause *cause);
};
