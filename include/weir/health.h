/* SPDX-License-Identifier: Apache-2.0 */
/* Health checking: the service grpc.health.v1.Health (grpc doc/health-checking.md), checkers that
 * set its statuses, and client functions. Part of libweir-ext. */
/* Threads: create, set up, start and free on one thread; everything else is safe from any thread.
 */
#pragma once

#include <weir/channel.h>
#include <weir/server.h>

WEIR_BEGIN_C

/* A status for each service name. "" stands for the whole server: it is SERVING while all others
 * are, except those of optional checkers. */
typedef struct weir_health weir_health;

/* Values as on the wire. */
enum weir_health_status {
    WEIR_HEALTH_UNKNOWN,
    WEIR_HEALTH_SERVING,
    WEIR_HEALTH_NOT_SERVING,
    WEIR_HEALTH_SERVICE_UNKNOWN
};

/* The status's name: "UNKNOWN", "SERVING" and so on. Static. */
WEIR_API const char *weir_health_status_name(enum weir_health_status status);

/* Create health with one service, "", which is SERVING. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_new(weir_health **out_health);

/* After every server that offers it is freed. Stops the checkers; blocks until running checks
 * return. */
WEIR_API void weir_health_free(weir_health *health);

/* Offer the service on a server: Check, Watch and List. Watch ends with UNAVAILABLE when its
 * connection drains, so as not to delay that. Borrows health until the server is freed. Errors are
 * those of weir_server_add. */
WEIR_API WEIR_CHECK weir_code weir_health_offer(weir_health *health, weir_server *server);

/* ---- statuses ---- */

/* Set the status of a service, and add the service if it is unknown. Watchers are notified at once.
 * RESOURCE_EXHAUSTED: no memory; nothing has changed. */
WEIR_API WEIR_CHECK weir_code weir_health_set(
    weir_health *health, const char *service, enum weir_health_status status);

/* Set the status of every known service. */
WEIR_API void weir_health_set_all(weir_health *health, enum weir_health_status status);

/* Before a server drains: make every service NOT_SERVING, for good, whatever is set later. Watchers
 * are notified. */
WEIR_API void weir_health_shutdown(weir_health *health);

/* The status as clients see it; SERVICE_UNKNOWN if the service is unknown. */
WEIR_API enum weir_health_status weir_health_status(weir_health *health, const char *service);

/* Visit all services, in the order in which they were added, until `visit` returns false. It must
 * not call functions of the health. */
WEIR_API void weir_health_each(weir_health *health,
    bool (*visit)(void *arg, const char *service, enum weir_health_status status), void *arg);

/* Declare a dependency: `service` is SERVING only while `required` is. Adds services that are
 * unknown. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_require(
    weir_health *health, const char *service, const char *required);

/* ---- checkers ---- */

/* Size of a buffer for a reason, including the NUL. */
#define WEIR_HEALTH_WHY 256

/* Zero selects each field's default, which is given last; name and check are required. Times are
 * nanoseconds. */
struct weir_health_checker {
    const char *name; /* the service whose status it sets; copied */
    /* Runs on a thread of its own; may block, but must return some time. False: the check failed;
     * `why` is the reason, for weir_health_observe. */
    bool (*check)(void *self, char why[WEIR_HEALTH_WHY]);
    void *self;               /* of check; borrowed until the health is freed */
    bool optional;            /* the status of "" does not depend on it; default no */
    int64_t interval;         /* between checks while they succeed; default 30 s */
    int64_t failing_interval; /* between checks while they fail; default 1 s */
    int64_t timeout;          /* a check that takes longer has failed; default 5 s */
    unsigned failures;        /* consecutive ones until NOT_SERVING; default 1 */
    unsigned successes;       /* consecutive ones until SERVING again; default 1 */
};

/* Add a checker, before weir_health_start. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_health_add(
    weir_health *health, const struct weir_health_checker *checker);

/* Set a function, before weir_health_start, that is called when a check fails or succeeds again,
 * for example to log it. Borrows self until the health is freed. Runs on the manager's thread. */
WEIR_API void weir_health_observe(weir_health *health,
    void (*changed)(void *self, const char *name, bool works, const char *why), void *self);

/* Start the manager's thread and one thread per checker, and block until the first results.
 * RESOURCE_EXHAUSTED: no threads. */
WEIR_API WEIR_CHECK weir_code weir_health_start(weir_health *health);

/* Report that a real operation has failed: check now, but no sooner than 50 ms after the last check
 * began. Cheap; does nothing if the checker is failing already. */
WEIR_API void weir_health_suspect(weir_health *health, const char *name);

/* Settings of a checker for free disk space. */
struct weir_health_disk {
    const char *path;  /* any file or directory on the file system */
    uint64_t min_free; /* bytes available to unprivileged users */
};

/* For weir_health_checker.check; self is a struct weir_health_disk. */
WEIR_API bool weir_health_disk_check(void *self, char why[WEIR_HEALTH_WHY]);

/* ---- client ---- */

/* Call Check through a channel. timeout: nanoseconds, 0: 5 s. out_why, which may be NULL, gets the
 * error message. OK: the service is SERVING. NOT_FOUND: the server does not know it. UNAVAILABLE
 * with "service not serving": it is not. Otherwise the status of the call. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_health_check(
    weir_channel *channel, const char *service, int64_t timeout, char out_why[WEIR_HEALTH_WHY]);

/* Call Watch through a channel: `changed` gets the current status and every later one, until it
 * returns false (OK), the stream ends or `timeout` nanoseconds (0: none) have passed (the status of
 * the call). out_why as above. Suspends. */
WEIR_API WEIR_CHECK weir_code weir_health_watch(weir_channel *channel, const char *service,
    int64_t timeout, bool (*changed)(void *arg, enum weir_health_status status), void *arg,
    char out_why[WEIR_HEALTH_WHY]);

WEIR_END_C
