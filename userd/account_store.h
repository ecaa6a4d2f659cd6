/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: users who have a password and roles. What a kind of store that keeps them implements.
 */
/* Threads: as store.h. */
#pragma once

#include "userd/store.h"

struct account {
    struct user user;
    const char *password_hash; /* NULL: no password, so nobody can log in */
    const char *roles;         /* separated by commas */
    int64_t epoch;             /* counts the passwords; tokens say which one they were issued for */
};

/* Takes an account, borrowed until it returns. */
typedef weir_code account_visit(void *arg, const struct account *account);

/* Tokens of this user with a smaller epoch are no good any more. */
struct account_revocation {
    int32_t id;
    int64_t epoch; /* INT64_MAX: the account is deleted */
};

typedef weir_code account_visit_revocation(void *arg, const struct account_revocation *revocation);

/* From when on revocations are read: by the earlier of both, since either clock may have been set,
 * or may have stood still with its machine. */
struct account_since {
    int64_t moment; /* seconds since 1970 of the database's clock, which wrote down when it was */
    int64_t age;    /* seconds before what that clock says now */
};

/* Results, causes and suspending as of struct store_ops. */
struct account_ops {
    /* By email, whatever its case, or without one by id. A user who has no account is one without a
     * password. NOT_FOUND: no such user. */
    weir_code (*find)(struct store *store, weir_call *call, const char *email, int32_t id,
        account_visit *visit, void *arg, struct store_cause *cause);

    /* As store_ops.create. */
    weir_code (*create)(struct store *store, weir_call *call, const struct account *account,
        int32_t *out_id, struct store_cause *cause);

    /* Of an account that still has this epoch; the next one begins. NOT_FOUND: there is none. */
    weir_code (*set_password)(struct store *store, weir_call *call, int32_t id, int64_t epoch,
        const char *password_hash, struct store_cause *cause);

    /* Visits what was revoked since then, by id; of one id only the last. *out_now: what the
     * database's clock says, in seconds since 1970. */
    weir_code (*list_revoked)(struct store *store, const struct account_since *since,
        account_visit_revocation *visit, void *arg, int64_t *out_now, struct store_cause *cause);
};
