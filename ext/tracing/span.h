/* SPDX-License-Identifier: Apache-2.0 */
/* An ended span waiting for export: of fixed size, with strings truncated to fit. */
/* Threads: plain data. */
#pragma once

#include <weir/tracing.h>

#define SPAN_METHOD 128
#define SPAN_MESSAGE 128
#define SPAN_PEER 64
#define SPAN_STATE 256

struct span {
    uint8_t trace_id[16], span_id[8], parent_id[8];
    int64_t start, end; /* nanoseconds since 1970 */
    weir_code code;
    bool server;
    char method[SPAN_METHOD];   /* "user.UserService/GetUser" */
    char message[SPAN_MESSAGE]; /* of the status */
    char peer[SPAN_PEER];       /* as from weir_call_peer */
    char state[SPAN_STATE];     /* tracestate */
};
