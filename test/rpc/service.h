/* SPDX-License-Identifier: Apache-2.0 */
/* The service that the runtime's tests call, and a server of it on a thread of its own. */
/* Threads: a running server is its own thread's; start and stop it from one other. */
#pragma once

#include "test.weir.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

/* What handlers saw, for the tests to look at. */
struct service_seen {
    atomic_uint started, ended;
    atomic_uint parked;   /* times that one was about to wait */
    atomic_int last_code; /* of weir_call_code when a handler that waits was woken */
};

struct running {
    weir_server *server;
    pthread_t thread;
    struct service_seen seen;
    weir_channel *onward; /* for "proxy:" and "orphan"; may be NULL */
    weir_call *orphan;    /* made by "orphan"; the test frees it */
    weir_event *never;    /* set by nobody, for "wait" */
    weir_code result;     /* of weir_server_run */
    const char *address;
};

/* Serve on an address; the first test that fails ends the program. */
void running_start(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *interceptor);

/* The same with several interceptors, outermost first, NULL behind the last. */
void running_start_with(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *const *interceptors);

/* The same, with something done to the server before it runs. */
void running_start_prepared(struct running *running, const char *address,
    const struct weir_server_options *options, weir_interceptor *const *interceptors,
    void (*prepare)(struct running *running));

/* Drain with this grace, and wait for the end. No call and no fiber may be left then. */
void running_stop(struct running *running, int64_t grace);

/* The same at the end of a group of tests, for cmocka: 0 when no call had to be cut. */
int running_finish(struct running *running);

struct weir_server_stats running_stats(const struct running *running);

/* No connection, no call and no fiber is left. */
bool running_is_empty(const struct running *running);

/* Wait for what another thread is about to bring about; a hundred seconds without it end the
 * program.
 */
#define EVENTUALLY(condition)                         \
    for (int left_ = 500000; !(condition); left_--) { \
        if (left_ == 0)                               \
            abort();                                  \
        usleep(200);                                  \
    }

/* Unary: what the text of a request makes the handler do.
 *   "sleep:MS"    sleep, then answer
 *   "wait"        wait for an event that never comes
 *   "orphan"      begin a call inside this one and return without freeing it
 *   "fail:CODE"   fail with that code and the message "as asked: %, \n and \xC3\xBC"
 *   "metadata"    answer each request header k as header "echo-k" and trailer "trail-k"
 *   "count"       answer with the number of values in the request headers
 *   "size:N"      answer with N bytes of data
 *   "late:REST"   the same as the next, but after this call has ended
 *   "proxy:REST"  call Unary(REST) through `onward`, inside this call
 *   else          answer with the request */
extern const struct rpctest_Test_handlers service_handlers;
