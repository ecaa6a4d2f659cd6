/* SPDX-License-Identifier: Apache-2.0 */
/* What the account handlers need beside the store: hashing, attempts, tokens. */
/* Threads: constant once open, but for its parts, which are safe from any. */
#pragma once

#include "userd/attempts.h"
#include "userd/hasher.h"
#include "userd/revocations.h"
#include <weir/signer.h>

/* In bytes. Fewer are guessed too soon (NIST SP 800-63B, section 5.1.1.2). */
#define PASSWORD_MIN 8
#define PASSWORD_MAX 1024

struct accounts {
    struct hasher hasher;
    struct attempts attempts;
    struct revocations revocations;
    weir_pool *pool;           /* borrowed, like what follows: where tokens are signed */
    const weir_signer *signer; /* NULL: no tokens are issued */
    const char *issuer;        /* NULL: none, like audience */
    const char *audience;
    int64_t ttl; /* seconds */
};

/* threads: for hashing. False: cause says why. accounts_close is needed in any case. */
bool accounts_open(
    struct accounts *accounts, struct store *store, unsigned threads, struct store_cause *cause);
void accounts_close(struct accounts *accounts);

/* NULL: the password will do. Else what is wrong, naming the field; static. */
const char *accounts_judge_password(const char *password);

/* A token for an account, with the epoch it has now; the caller frees it. RESOURCE_EXHAUSTED: no
 * memory. Suspends, beyond the call's end. */
weir_code accounts_issue(const struct accounts *accounts, const struct account *account,
    char **out_token, int64_t *out_expires);

/* What attempts are counted by: the host of a peer's address, of IPv6 its network of 64 bits. */
#define ACCOUNTS_ADDRESS 64
void accounts_address(const char *peer, char out[ACCOUNTS_ADDRESS]);
