/* SPDX-License-Identifier: Apache-2.0 */
/* The client's test cases, and what they share: a channel, calls, and the reason of a failure. */
/* Threads: a case runs on one thread; soak.c starts more of them, each with calls of its own. */
#pragma once

#include "grpc/testing/test.weir.h"
#include "options.h"
#include <weir/weir.h>

struct client_options {
    struct options_common common;
    const char *server_host;
    uint32_t server_port; /* 0: not given */
    const char *ca_file;
    bool use_test_ca;
    const char *server_host_override;
    const char *test_case;
    const char *additional_metadata; /* "key:value;key:value" */
    uint32_t soak_iterations;
    uint32_t soak_max_failures;
    uint32_t soak_max_latency; /* milliseconds an iteration may take */
    uint32_t soak_timeout;     /* seconds for all; 0: as long as the iterations may take */
    uint32_t soak_pause; /* milliseconds from the start of one to that of the next, at least */
    uint32_t soak_request_size, soak_response_size; /* bytes of the bodies */
    uint32_t soak_threads;
    uint32_t long_messages;
};

struct interop {
    const struct client_options *options;
    weir_loop *loop;
    weir_channel *channel;
    weir_tls *tls; /* NULL: none */
    char target[300];
    char why[512]; /* the case failed */
};

/* A case makes its calls in turn, each on a call object of its own; or it does all by itself. */
struct interop_case {
    const char *name;
    bool (*calls[3])(struct interop *interop, weir_call *call);
    bool (*whole)(struct interop *interop);
};

/* The list ends with a name that is NULL. */
extern const struct interop_case interop_message_cases[];     /* message_cases.c */
extern const struct interop_case interop_compression_cases[]; /* compression_cases.c */
extern const struct interop_case interop_long_cases[];        /* long_cases.c */
extern const struct interop_case interop_status_cases[];      /* status_cases.c */
extern const struct interop_case interop_orca_cases[];        /* orca_cases.c */
extern const struct interop_case interop_scaling_cases[];     /* scaling_case.c */
extern const struct interop_case interop_soak_cases[];        /* soak.c */

/* Say why the case failed, and return false. */
bool interop_fail(struct interop *interop, const char *format, ...) WEIR_PRINTF(2, 3);

/* Did the call end as it should? False: not, and that is said. */
bool interop_expect(
    struct interop *interop, const weir_call *call, weir_code code, weir_code expected);

/* A channel to the server. */
weir_code interop_channel_new(const struct interop *interop, weir_channel **out_channel);

/* A call object with the metadata that the user wants on every call. INVALID_ARGUMENT: that may not
 * be sent. */
weir_code interop_call_new(
    const struct interop *interop, weir_channel *channel, weir_call **out_call);
