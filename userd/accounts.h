/* SPDX-License-Identifier: Apache-2.0 */
/* What the account handlers need apart from the store: hashing, attempts, tokens. */
/* Threads: constant once open, except for its parts, which are safe from any thread. */
#pragma once

#include "userd/attempts.h"
#include "userd/hasher.h"
#include "userd/revocations.h"
#include <weir/signer.h>

/* In bytes. Shorter passwords are too easy to guess (NIST SP 800-63B, section 5.1.1.2). */
#define PASSWORD_MIN 8
#define PASSWORD_MAX 1024

struct accounts {
    struct hasher hasher;
    struct attempts attempts;
    struct revocations revocations;
    weir_pool *pool;           /* where tokens are signed; borrowed, like the following fields */
    const weir_signer *signer; /* NULL: no tokens are issued */
    const char *issuer;        /* NULL: none, like audience */
    const char *audience;
    int64_t ttl; /* seconds */
};

/* threads: for hashing. False: cause says why. accounts_close must be called in any case. */
bool accounts_open(
    struct accounts *accounts, struct store *store, unsigned threads, struct store_cause *cause);
void accounts_close(struct accounts *accounts);

/* NULL: the password is acceptable. Otherwise what is wrong, with the name of the field; static. */
const char *accounts_judge_password(const char *password);

/* A token for an account, in its present epoch; the caller frees it. RESOURCE_EXHAUSTED: no memory.
 * Suspends, even after the call has ended. */
weir_code accounts_issue(const struct accounts *accounts, const struct account *account,
    char **out_token, int64_t *out_expires);

/* The key by which attempts are counted: the host of a peer's address, for IPv6 its /64 network. */
#define ACCOUNTS_ADDRESS 64
void accounts_address(const char *peer, char out[ACCOUNTS_ADDRESS]);
