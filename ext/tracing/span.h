/* SPDX-License-Identifier: Apache-2.0 */
/* A span that has ended, as it waits for its export: of fixed size, with texts cut to it. */
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
    char peer[SPAN_PEER];       /* as weir_call_peer has it */
    char state[SPAN_STATE];     /* tracestate */
};
