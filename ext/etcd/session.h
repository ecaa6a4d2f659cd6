/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to etcd, with a deadline and an authentication token. */
/* Threads: one fiber at a time. */
#pragma once

#include "etcd/rpc.weir.h"
#include <weir/channel.h>

struct etcd_session {
    weir_channel *channel;
    char *user, *password; /* NULL: no authentication */
    char *token;           /* NULL: not obtained yet */
};

/* Copies the strings. False: no memory. */
bool etcd_session_init(
    struct etcd_session *session, weir_channel *channel, const char *user, const char *password);
void etcd_session_fini(struct etcd_session *session);

/* Create a call with a timeout in nanoseconds (WEIR_NEVER: until cancelled). Obtains a token first
 * if one is needed. On failure out_why has the reason. Suspends. */
#define ETCD_WHY 256
weir_code etcd_call_new(
    struct etcd_session *session, int64_t timeout, weir_call **out_call, char out_why[ETCD_WHY]);

/* Finish a failed call: puts etcd's message into out_why, and discards a token that is no longer
 * valid. Frees the call, returns the code. */
weir_code etcd_call_failed(
    struct etcd_session *session, weir_call *call, weir_code code, char out_why[ETCD_WHY]);
