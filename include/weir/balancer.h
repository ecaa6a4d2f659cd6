/* SPDX-License-Identifier: Apache-2.0 */
/* Load balancing policies: choose the subchannel for each call. */
/* Threads: all functions run on the thread of the channel's loop, so policies need no locks. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

struct weir_value;
struct weir_value_error;

/* A channel's connection to one server: connects when created, and again when lost. */
typedef struct weir_subchannel weir_subchannel;

/* The address and weight (at least 1) given by the resolver. Strings live until the resolver's next
 * list. */
WEIR_API const char *weir_subchannel_address(const weir_subchannel *subchannel);
WEIR_API unsigned weir_subchannel_weight(const weir_subchannel *subchannel);

/* An attribute given by the resolver; NULL: none of this key. */
WEIR_API const char *weir_subchannel_attribute(const weir_subchannel *subchannel, const char *key);

/* The number of its active calls. */
WEIR_API unsigned weir_subchannel_calls(const weir_subchannel *subchannel);

/* The policy's data for this subchannel: weir_balancer_type.subchannel_size bytes, zeroed at first.
 */
WEIR_API void *weir_subchannel_data(const weir_subchannel *subchannel);

/* All subchannels that are READY; at least one. */
struct weir_ready {
    weir_subchannel *const *list;
    size_t count;
    int64_t now; /* on weir_now's clock */
};

/* A server's load report (gRFC A51; see orca.h for the server side). */
struct weir_load {
    double cpu_utilization, application_utilization; /* 1: fully used */
    double calls_per_second, errors_per_second;
};

/* How a call ended. */
struct weir_outcome {
    weir_code code;
    int64_t now;                  /* on weir_now's clock */
    int64_t duration;             /* nanoseconds since the pick */
    const struct weir_load *load; /* NULL: no report */
};

/* A policy. Each channel that uses it has its own instance, `self`: `size` bytes, zeroed at first.
 * Functions that are NULL are not called. */
struct weir_balancer_type {
    const char *name;       /* "round_robin" */
    size_t size;            /* bytes of `self`, per channel */
    size_t subchannel_size; /* bytes of weir_subchannel_data */

    /* All servers form one subchannel, which connects to the first that answers when a call needs
     * it, as in pick_first. `pick` is not used. */
    bool together;

    /* Called once, before all others, with the policy's options in the service config, an object
     * (value.h); NULL: none. A code other than OK, with error set, rejects them; self is then freed
     * without `fini`. */
    weir_code (*configure)(
        void *self, const struct weir_value *options, struct weir_value_error *error);

    /* A server was added to the resolver's list, or removed from it. */
    void (*added)(void *self, weir_subchannel *subchannel);
    void (*removed)(void *self, weir_subchannel *subchannel);

    /* A subchannel has become READY, or is no longer. */
    void (*changed)(void *self, weir_subchannel *subchannel, bool ready);

    /* Choose a subchannel for a call, which must not be modified. NULL: queue the call until the
     * next change. Must not suspend, and should not allocate. */
    weir_subchannel *(*pick)(void *self, const struct weir_ready *ready, const weir_call *call);

    /* A picked call has ended. Not called for subchannels that were removed meanwhile. */
    void (*done)(void *self, weir_subchannel *subchannel, const struct weir_outcome *outcome);

    /* The interval, in nanoseconds, at which servers shall stream out-of-band load reports (gRFC
     * A51); servers may choose a longer one. NULL or 0: none. Called when a subchannel connects. */
    int64_t (*report_period)(void *self);

    /* An out-of-band load report has arrived. now: on weir_now's clock. */
    void (*reported)(
        void *self, weir_subchannel *subchannel, const struct weir_load *load, int64_t now);

    /* Release what self holds; the channel frees self. */
    void (*fini)(void *self);
};

WEIR_END_C
