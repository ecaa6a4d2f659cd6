/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to etcd: with a deadline, and with the token of who speaks. */
/* Threads: one fiber at a time. */
#pragma once

#include "etcd/rpc.weir.h"
#include <weir/channel.h>

struct etcd_session {
    weir_channel *channel;
    char *user, *password; /* NULL: nobody */
    char *token;           /* NULL: none yet */
};

/* Copies the texts. False: no memory. */
bool etcd_session_init(
    struct etcd_session *session, weir_channel *channel, const char *user, const char *password);
void etcd_session_fini(struct etcd_session *session);

/* A call object that ends after `timeout` nanoseconds (WEIR_NEVER: when it is cancelled). Gets a
 * token first when one is needed. Not OK: out_why says why. Suspends. */
#define ETCD_WHY 256
weir_code etcd_call_new(
    struct etcd_session *session, int64_t timeout, weir_call **out_call, char out_why[ETCD_WHY]);

/* The end of a failed call: into out_why what etcd said; a token that it does not take any more is
 * forgotten. Frees the call, returns the code. */
weir_code etcd_call_failed(
    struct etcd_session *session, weir_call *call, weir_code code, char out_why[ETCD_WHY]);
