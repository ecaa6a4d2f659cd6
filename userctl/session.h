/* SPDX-License-Identifier: Apache-2.0 */
/* Logins: a token for each server, in a file that only its owner can read. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"

/* Longer than any token that a server accepts. */
#define SESSION_TOKEN 16384

/* *out_token is "" if there is none. False: it cannot be read; the error was printed. */
bool session_load(const char *server, char out_token[SESSION_TOKEN]);

/* Both print errors; a missing token is none. */
bool session_keep(const char *server, const char *token);
bool session_forget(const char *server);

/* May secrets be sent to this server: does the connection use TLS, or stay on this machine? */
bool session_is_private(const struct args *args);

/* The same for the name and password for etcd; true if etcd is not used. */
bool session_etcd_is_private(const struct args *args);

/* The claims of a token, unverified. NULL if they are absent. */
struct session_claims {
    const char *subject, *name, *issuer;
    const char *const *roles;
    size_t role_count;
    int64_t expires; /* seconds since 1970; 0: never */
    void *json;      /* owns the texts */
};

/* False: it is not such a token. session_claims_fini must be called in any case. */
bool session_claims_read(const char *token, struct session_claims *out_claims);
void session_claims_fini(struct session_claims *claims);
