/* SPDX-License-Identifier: Apache-2.0 */
/* Who is logged in: a token for each server, in a file that only its owner can read. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"

/* Longer than any token that a server takes. */
#define SESSION_TOKEN 16384

/* *out_token is "" when there is none. False: it cannot be read; a message was printed. */
bool session_load(const char *server, char out_token[SESSION_TOKEN]);

/* Both tell of a failure; no token is no failure. */
bool session_keep(const char *server, const char *token);
bool session_forget(const char *server);

/* May secrets go to this server: with TLS, or within this machine? */
bool session_is_private(const struct args *args);

/* The same of a name and password for etcd; where no etcd is asked, they go nowhere. */
bool session_etcd_is_private(const struct args *args);

/* What a token says, unverified. NULL where it says nothing. */
struct session_claims {
    const char *subject, *name, *issuer;
    const char *const *roles;
    size_t role_count;
    int64_t expires; /* seconds since 1970; 0: never */
    void *json;      /* which the texts are in */
};

/* False: it is no such token. session_claims_fini is needed in any case. */
bool session_claims_read(const char *token, struct session_claims *out_claims);
void session_claims_fini(struct session_claims *claims);
