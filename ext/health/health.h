/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of health: the table of statuses, its watchers, and the checkers. */
/* Threads: everything is guarded by the lock, except what is constant once the checkers have
 * started. */
#pragma once

#include <pthread.h>
#include <weir/health.h>
#include <weir/pool.h>

#define HEALTH_REQUIRED_MAX 8

struct health_service {
    struct health_service *next;
    char *name;
    enum weir_health_status own;   /* the status that was set */
    enum weir_health_status shown; /* the resulting status, with that of required services */
    bool optional;
    struct health_service *required[HEALTH_REQUIRED_MAX];
    size_t required_count;
};

/* A Watch that waits for a status other than the one it has sent. */
struct health_watcher {
    struct health_watcher *next;
    const char *service;
    enum weir_health_status sent;
    weir_event *changed;
};

struct health_checker {
    struct health_checker *next;
    weir_health *health;
    struct weir_health_checker options;
    pthread_t thread;
    pthread_cond_t go;
    bool started; /* the thread */
    bool running; /* a check is running */
    bool late;    /* already counted as failed */
    bool known;   /* has had a result */
    bool works;
    bool suspected; /* an operation has failed since the last check began */
    int64_t due, begun;
    unsigned row; /* consecutive results in favour of a change */
    bool said;    /* the following is a result not yet processed */
    bool result;
    char why[WEIR_HEALTH_WHY];
};

struct weir_health {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the manager has work */
    pthread_cond_t first;   /* all checkers have a result */
    struct health_service *services, **last_service;
    struct health_watcher *watchers;
    struct health_checker *checkers, **last_checker;
    void (*observer)(void *self, const char *name, bool works, const char *why);
    void *observer_self;
    pthread_t manager;
    bool managed, ending, shut;
    bool stirred; /* news for the manager */
};

/* Under the lock. NULL: unknown. */
struct health_service *health_lookup(weir_health *health, const char *name);

/* Under the lock: the service, created if unknown. NULL: no memory. */
struct health_service *health_service_of(weir_health *health, const char *name);

/* Under the lock: recompute the shown statuses, and wake the watchers. */
void health_update(weir_health *health);

/* Stops the threads. */
void health_checkers_stop(weir_health *health);

/* The handlers; self is a weir_health. */
extern const struct grpc_health_v1_Health_handlers health_handlers;
