/* SPDX-License-Identifier: Apache-2.0 */
/* A call of any of the four kinds, made and judged in the same way. */
/* Threads: as the client's verbs; what must not be ends the test. */
#pragma once

#include "service.h"

#define KINDS 4
extern const weir_method_kind kinds[KINDS];

/* How many messages a stream of the client's has. */
#define KINDS_MESSAGES 3

struct kinds_outcome {
    weir_code code;
    char message[256];
    unsigned received;
    bool has_response;
};

Rpctest__Payload kinds_payload(void);

/* On a call object of one's own; fills in all but code and message. */
weir_code kinds_run(weir_call *call, weir_method_kind kind, struct kinds_outcome *outcome);

/* The same for whom the code is enough. */
weir_code kinds_try(weir_call *call, weir_method_kind kind);

/* The code that the verbs tell is the one that stays on the call. */
struct kinds_outcome kinds_call(weir_channel *channel, weir_method_kind kind, int64_t timeout);

/* It went well, and what is to come has come. */
void kinds_check_whole(const struct kinds_outcome *outcome, weir_method_kind kind);
