/* SPDX-License-Identifier: Apache-2.0 */
/* Balancers: which of a channel's servers gets the next call. */
/* Threads: everything belongs to the thread that turns the channel's loop: no locks are needed. */
#pragma once

#include <weir/call.h>

WEIR_BEGIN_C

struct weir_value;
struct weir_value_error;

/* A channel's way to one server: connects when it is made, and again whenever it was lost. */
typedef struct weir_subchannel weir_subchannel;

/* The address as the resolver gave it, and its weight, at least 1. Texts live until the resolver's
 * next list. */
WEIR_API const char *weir_subchannel_address(const weir_subchannel *subchannel);
WEIR_API unsigned weir_subchannel_weight(const weir_subchannel *subchannel);

/* NULL: the resolver gave no such attribute. */
WEIR_API const char *weir_subchannel_attribute(const weir_subchannel *subchannel, const char *key);

/* Calls that it has now. */
WEIR_API unsigned weir_subchannel_calls(const weir_subchannel *subchannel);

/* The balancer's own memory beside it, of weir_balancer_type.subchannel_size bytes. */
WEIR_API void *weir_subchannel_data(const weir_subchannel *subchannel);

/* The subchannels that are connected, and none besides; there is at least one. */
struct weir_ready {
    weir_subchannel *const *list;
    size_t count;
    int64_t now; /* on weir_now's clock */
};

/* What a server has told of its load with a call (gRFC A51; orca.h has the server's half). */
struct weir_load {
    double cpu_utilization, application_utilization; /* 1: all there is */
    double calls_per_second, errors_per_second;
};

/* How a call has ended. */
struct weir_outcome {
    weir_code code;
    int64_t now;                  /* on weir_now's clock */
    int64_t duration;             /* nanoseconds since it was given the server */
    const struct weir_load *load; /* NULL: nothing was told */
};

/* A policy. Each channel that uses it has its own memory of it, zeroed at first. A function that is
 * NULL is not called. */
struct weir_balancer_type {
    const char *name;       /* "round_robin" */
    size_t size;            /* bytes of memory a channel: `self` */
    size_t subchannel_size; /* and a subchannel */

    /* All servers make up one subchannel, connected when a call wants it, to the first that
     * answers. There is nothing to pick. */
    bool together;

    /* Once, before all others: the options that a service config gives, an object (value.h); NULL:
     * none. Not OK, with the error: they cannot be, and self is given up without `fini`. */
    weir_code (*configure)(
        void *self, const struct weir_value *options, struct weir_value_error *error);

    /* A server has come into the resolver's list, or has left it. */
    void (*added)(void *self, weir_subchannel *subchannel);
    void (*removed)(void *self, weir_subchannel *subchannel);

    /* It was connected, or is no longer. */
    void (*changed)(void *self, weir_subchannel *subchannel, bool ready);

    /* Choose one for this call, to look at only. NULL: none; the call waits for the next change.
     * Must not suspend, and had better not allocate. */
    weir_subchannel *(*pick)(void *self, const struct weir_ready *ready, const weir_call *call);

    /* A call that it has chosen for has ended, and its subchannel was not removed meanwhile. */
    void (*done)(void *self, weir_subchannel *subchannel, const struct weir_outcome *outcome);

    /* Each server is to stream reports of its load beside its calls, too, so many nanoseconds apart
     * or as seldom as it wants (gRFC A51). NULL or 0: not. Asked when one is connected. */
    int64_t (*report_period)(void *self);

    /* Such a report. now: on weir_now's clock. */
    void (*reported)(
        void *self, weir_subchannel *subchannel, const struct weir_load *load, int64_t now);

    /* Give back what self holds; the channel frees self. */
    void (*fini)(void *self);
};

WEIR_END_C
