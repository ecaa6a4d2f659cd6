/* SPDX-License-Identifier: Apache-2.0 */
/* userd's authentication: its flags, and the parts that they configure. */
/* Threads: opened and closed by the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include "userd/accounts.h"
#include "userd/policy.h"
#include <weir/metrics.h>
#include <weir/server.h>

enum auth_mode { AUTH_NONE, AUTH_JWT };

struct auth_settings {
    enum auth_mode mode;
    const char *public_key, *jwks, *private_key; /* files; NULL: none */
    const char *issuer, *audience;
    bool allow_endless; /* tokens that never expire are accepted */
    const char *policy;
    int64_t ttl, recheck; /* nanoseconds */
};

#define AUTH_TTL_DEFAULT (3600 * WEIR_SECOND)
#define AUTH_RECHECK_DEFAULT (20 * WEIR_SECOND)

flag_reader auth_read_mode; /* enum auth_mode */

/* False: the flags contradict each other; error says how. */
bool auth_check(const struct auth_settings *settings, char error[FLAGS_ERROR]);

struct auth {
    const struct log *log;
    weir_auth *tokens;           /* NULL: calls need no tokens */
    weir_permission *permission; /* checks roles, if there are tokens, and peers */
    weir_signer *signer;         /* NULL: no tokens are issued */
    struct policy policy;
    struct accounts accounts;
};

/* Read the files. False: error says why. auth_close must be called in any case. */
bool auth_open(struct auth *auth, const struct auth_settings *settings, const struct log *log,
    char error[FLAGS_ERROR]);

/* Add accounts to the store and wrap the server as the innermost interceptor. threads: for hashing.
 * False: as above. */
bool auth_start(struct auth *auth, const struct auth_settings *settings, struct store *store,
    weir_pool *pool, unsigned threads, weir_server *server, char error[FLAGS_ERROR]);

/* Add the counters to the metrics; after auth_start. False: no memory. */
bool auth_measure(struct auth *auth, weir_metrics *metrics);

/* After the server is freed and before the store is closed. Idempotent; accepts a zeroed struct. */
void auth_close(struct auth *auth);
