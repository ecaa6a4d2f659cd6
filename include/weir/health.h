/* SPDX-License-Identifier: Apache-2.0 */
/* Health: the service grpc.health.v1.Health, checkers that find out, and a client's question. Part
 * of libweir-ext. */
/* Threads: every function here is safe from any thread, but new, free, start and what says
 * "before".
 */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* Statuses by the names of services; "" is the server as a whole, and serves while every other one
 * does that is not optional. */
typedef struct weir_health weir_health;

/* Numbers as on the wire. */
enum weir_health_status {
    WEIR_HEALTH_UNKNOWN,
    WEIR_HEALTH_SERVING,
    WEIR_HEALTH_NOT_SERVING,
    WEIR_HEALTH_SERVICE_UNKNOWN
};

/* "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN". Static. */
WEIR_API const char *weir_health_status_name(enum weir_health_status status);

/* Only "" is there, and serves. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_new(weir_health **out_health);

/* After the server that offers it is freed. Ends the checkers; waits for one that runs. */
WEIR_API void weir_health_free(weir_health *health);

/* Offer the service: Check, Watch, List. As weir_server_add. A Watch ends with UNAVAILABLE when its
 * connection drains, so that it does not hold that up. */
WEIR_API WEIR_CHECK weir_code weir_health_offer(weir_health *health, weir_server *server);

/* ---- statuses ---- */

/* Make it the status of a service, which becomes known with it. Who watches is told at once.
 * RESOURCE_EXHAUSTED: no memory; it is as it was. */
WEIR_API WEIR_CHECK weir_code weir_health_set(
    weir_health *health, const char *service, enum weir_health_status status);

/* Of every service that is known. */
WEIR_API void weir_health_set_all(weir_health *health, enum weir_health_status status);

/* Everything is NOT_SERVING from here on, whatever is set: before a server drains. Who watches is
 * told. */
WEIR_API void weir_health_shutdown(weir_health *health);

/* The status as clients see it; SERVICE_UNKNOWN when there is none. */
WEIR_API enum weir_health_status weir_health_status(weir_health *health, const char *service);

/* Show all, in the order in which they became known, until `visit` says false. It must not call
 * back. */
WEIR_API void weir_health_each(weir_health *health,
    bool (*visit)(void *arg, const char *service, enum weir_health_status status), void *arg);

/* A service serves only while another one does, too: what it cannot do without. Both become known
 * when they are not. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_require(
    weir_health *health, const char *service, const char *required);

/* ---- checkers ---- */

/* Room for what a checker says, NUL included. */
#define WEIR_HEALTH_WHY 256

/* Zero is the default of every field but name and check. */
struct weir_health_checker {
    const char *name; /* the service whose status it finds; copied */
    /* May block, on a thread of its own, but not for ever. False: it does not work; why says so, to
     * the log alone. */
    bool (*check)(void *self, char why[WEIR_HEALTH_WHY]);
    void *self;               /* borrowed until the health is freed */
    bool optional;            /* "" does not depend on it */
    int64_t interval;         /* between checks while it works; 30 s */
    int64_t failing_interval; /* while it does not; 1 s */
    int64_t timeout;          /* a check that takes longer has failed; 5 s */
    unsigned failures;        /* in a row until it is NOT_SERVING; 1 */
    unsigned successes;       /* in a row until it is SERVING again; 1 */
};

/* Before weir_health_start. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_add(
    weir_health *health, const struct weir_health_checker *checker);

/* Be told on the manager's thread when a check fails or one goes well again: for the log. Before
 * weir_health_start. */
WEIR_API void weir_health_observe(weir_health *health,
    void (*changed)(void *self, const char *name, bool works, const char *why), void *self);

/* Start one thread that manages and one for each checker, and wait for the first results.
 * RESOURCE_EXHAUSTED: no threads. */
WEIR_API WEIR_CHECK weir_code weir_health_start(weir_health *health);

/* A real operation has failed: check now, or 50 ms after the last check began. Cheap; does nothing
 * for a checker that is failing already. */
WEIR_API void weir_health_suspect(weir_health *health, const char *name);

/* A checker of free space on a disk. */
struct weir_health_disk {
    const char *path;  /* any file or folder on it */
    uint64_t min_free; /* bytes that an ordinary user can have */
};

/* For weir_health_checker.check; self is a struct weir_health_disk. */
WEIR_API bool weir_health_disk_check(void *self, char why[WEIR_HEALTH_WHY]);

/* ---- a client's questions ---- */

/* Ask what is behind a channel for the status of a service. OK: it serves. UNAVAILABLE, "service
 * not serving": it does not. Else how the call ended; NOT_FOUND: the service is not known there.
 * timeout in nanoseconds, 0: 5 s. out_why gets the text, and may be NULL. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_health_check(
    weir_channel *channel, const char *service, int64_t timeout, char out_why[WEIR_HEALTH_WHY]);

/* Watch the status of a service: `changed` is shown the present one and each that follows, until it
 * says false (OK) or the stream ends, with timeout nanoseconds (0: never) at the latest: how it
 * ended. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_health_watch(weir_channel *channel, const char *service,
    int64_t timeout, bool (*changed)(void *arg, enum weir_health_status status), void *arg,
    char out_why[WEIR_HEALTH_WHY]);

WEIR_END_C
