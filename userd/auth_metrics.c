/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of token checks, password hashing and login attempts. */
#include "userd/auth.h"

#include "userd/ops.h"

static void
collect_tokens(weir_auth *tokens, weir_scrape *scrape)
{
    struct weir_auth_stats stats;

    weir_auth_read_stats(tokens, &stats);
    ops_put(scrape, "weir_auth_cached_total", "counter",
        "Calls whose token had been verified before.", (double)stats.cached);
    ops_put(scrape, "weir_auth_verified_total", "counter",
        "Signatures of tokens that were checked and are good.", (double)stats.verified);
    ops_put(scrape, "weir_auth_ended_total", "counter",
        "Streams that ended because their token did.", (double)stats.ended);
    ops_put(scrape, "weir_auth_evicted_total", "counter",
        "Verified tokens that made room for others.", (double)stats.evicted);
    ops_put(scrape, "weir_auth_key_reloads_total", "counter",
        "Changes of the JWKS file that were taken over.", (double)stats.key_reloads);
    ops_put(scrape, "weir_auth_key_failures_total", "counter",
        "Changes of the JWKS file that were not.", (double)stats.key_failures);
    weir_scrape_name(
        scrape, "weir_auth_refused_total", "counter", "Calls refused for their token, and why.");
    for (enum weir_auth_refusal i = 0; i < WEIR_AUTH_REFUSALS; i++) {
        const struct weir_label label = {"reason", weir_auth_refusal_name(i)};

        weir_scrape_value(scrape, &label, 1, (double)stats.refused[i]);
    }
}

static void
collect_accounts(struct accounts *accounts, weir_scrape *scrape)
{
    const struct hasher *hasher = &accounts->hasher;

    ops_put(scrape, "userd_passwords_hashed_total", "counter", "Hashes made of new passwords.",
        (double)atomic_load(&hasher->made));
    ops_put(scrape, "userd_passwords_compared_total", "counter", "Passwords held against a hash.",
        (double)atomic_load(&hasher->compared));
    ops_put(scrape, "userd_passwords_refused_total", "counter",
        "Passwords that were not looked at because too many were waiting.",
        (double)atomic_load(&hasher->refused));
    ops_put(scrape, "userd_passwords_waiting", "gauge",
        "Passwords that wait for a hash, or are about to have one.",
        (double)atomic_load(&hasher->waiting));
    ops_put(scrape, "userd_login_attempts_refused_total", "counter",
        "Attempts to log in, beyond what an account or an address has.",
        (double)attempts_refused(&accounts->attempts));
}

static void
collect(void *self, weir_scrape *scrape)
{
    struct auth *auth = self;

    if (auth->tokens != NULL)
        collect_tokens(auth->tokens, scrape);
    collect_accounts(&auth->accounts, scrape);
}

bool
auth_measure(struct auth *auth, weir_metrics *metrics)
{
    return weir_metrics_collect(metrics, collect, auth) == WEIR_OK;
}
