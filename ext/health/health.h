/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of health: the table of statuses, who watches it, the checkers that feed it. */
/* Threads: everything is under the lock, but what is constant once the checkers have started. */
#pragma once

#include <pthread.h>
#include <weir/health.h>
#include <weir/pool.h>

#define HEALTH_REQUIRED_MAX 8

struct health_service {
    struct health_service *next;
    char *name;
    enum weir_health_status own;   /* what was set */
    enum weir_health_status shown; /* what that, and what it requires, come to */
    bool optional;
    struct health_service *required[HEALTH_REQUIRED_MAX];
    size_t required_count;
};

/* A Watch that waits for another status than it has sent. */
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
    bool running; /* a check */
    bool late;    /* it has been counted as failed already */
    bool known;   /* there was a result */
    bool works;
    bool suspected; /* an operation has failed since the last check began */
    int64_t due, begun;
    unsigned row; /* results in a row that speak for a change */
    bool said;    /* what follows is a result that nobody has looked at */
    bool result;
    char why[WEIR_HEALTH_WHY];
};

struct weir_health {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something for the manager to do */
    pthread_cond_t first;   /* all checkers are known */
    struct health_service *services, **last_service;
    struct health_watcher *watchers;
    struct health_checker *checkers, **last_checker;
    void (*observer)(void *self, const char *name, bool works, const char *why);
    void *observer_self;
    pthread_t manager;
    bool managed, ending, shut;
    bool stirred; /* something has come that the manager has not looked at */
};

/* Under the lock: NULL: unknown. */
struct health_service *health_lookup(weir_health *health, const char *name);

/* Under the lock: the service, made when it is unknown. NULL: no memory. */
struct health_service *health_service_of(weir_health *health, const char *name);

/* Under the lock: work out what is shown, and wake who watches. */
void health_update(weir_health *health);

/* Ends the threads. */
void health_checkers_stop(weir_health *health);

/* The handlers; self is a weir_health. */
extern const struct grpc_health_v1_Health_handlers health_handlers;
