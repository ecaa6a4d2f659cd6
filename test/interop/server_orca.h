/* SPDX-License-Identifier: Apache-2.0 */
/* The load that the interoperability server reports: what its clients tell it to. */
/* Threads: all but init and fini are safe from any. */
#pragma once

#include "grpc/testing/messages.pb-c.h"
#include <stdatomic.h>
#include <weir/orca.h>

struct orca_server {
    weir_orca *orca;
    atomic_bool held; /* by the call that decides what is reported */
};

weir_code orca_init(struct orca_server *server);
void orca_fini(struct orca_server *server);

/* Report this with the call. */
weir_code orca_report_call(
    struct orca_server *server, weir_call *call, const Grpc__Testing__TestOrcaReport *report);

/* Report this on streams from now on. Only one call at a time may say so: waits until no other
 * does, and then *holds until orca_release. Suspends. */
weir_code orca_tell(struct orca_server *server, weir_call *call,
    const Grpc__Testing__TestOrcaReport *report, bool *holds);
void orca_release(struct orca_server *server);
