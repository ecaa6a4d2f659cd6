/* SPDX-License-Identifier: Apache-2.0 */
/* The table of statuses. Each change recomputes the status of every service, a handful of
 * comparisons, and wakes the watchers whose status has changed. */
#include "health/health.h"

#include "grpc/health/v1/health.weir.h"
#include <assert.h>
#include <stdlib.h>

const char *
weir_health_status_name(enum weir_health_status status)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};

    return (unsigned)status < 4 ? names[status] : "UNKNOWN";
}

struct health_service *
health_lookup(weir_health *health, const char *name)
{
    for (struct health_service *one = health->services; one != NULL; one = one->next) {
        if (strcmp(one->name, name) == 0)
            return one;
    }
    return NULL;
}

struct health_service *
health_service_of(weir_health *health, const char *name)
{
    struct health_service *service = health_lookup(health, name);

    if (service != NULL)
        return service;
    service = calloc(1, sizeof(*service));
    if (service == NULL || (service->name = strdup(name)) == NULL) {
        free(service);
        return NULL;
    }
    service->own = service->shown = WEIR_HEALTH_SERVING;
    *health->last_service = service;
    health->last_service = &service->next;
    return service;
}

/* The status of a service: no better than those it requires. */
static enum weir_health_status
judge(const weir_health *health, const struct health_service *service)
{
    if (health->shut)
        return WEIR_HEALTH_NOT_SERVING;
    for (size_t i = 0; i < service->required_count; i++) {
        if (service->own == WEIR_HEALTH_SERVING && service->required[i]->own != WEIR_HEALTH_SERVING)
            return WEIR_HEALTH_NOT_SERVING;
    }
    return service->own;
}

static bool
matters(const struct health_service *service)
{
    return !service->optional && service->name[0] != '\0';
}

static void
judge_all(weir_health *health)
{
    struct health_service *whole = health->services; /* "" is the first one */
    bool all = true;

    assert(whole != NULL);
    for (struct health_service *one = whole; one != NULL; one = one->next) {
        one->shown = judge(health, one);
        all &= !matters(one) || one->shown == WEIR_HEALTH_SERVING;
    }
    if (whole->shown == WEIR_HEALTH_SERVING && !all)
        whole->shown = WEIR_HEALTH_NOT_SERVING;
}

static enum weir_health_status
shown(weir_health *health, const char *name)
{
    const struct health_service *service = health_lookup(health, name);

    return service == NULL ? WEIR_HEALTH_SERVICE_UNKNOWN : service->shown;
}

void
health_update(weir_health *health)
{
    judge_all(health);
    for (struct health_watcher *one = health->watchers; one != NULL; one = one->next) {
        if (shown(health, one->service) != one->sent)
            weir_event_set(one->changed);
    }
}

/* ---- life cycle ---- */

weir_code
weir_health_new(weir_health **out_health)
{
    weir_health *health = calloc(1, sizeof(*health));
    pthread_condattr_t attributes;

    if (health == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_init(&health->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&health->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&health->first, NULL);
    health->last_service = &health->services;
    health->last_checker = &health->checkers;
    if (health_service_of(health, "") == NULL) {
        weir_health_free(health);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_health = health;
    return WEIR_OK;
}

void
weir_health_free(weir_health *health)
{
    if (health == NULL)
        return;
    health_checkers_stop(health);
    for (struct health_service *one = health->services, *next; one != NULL; one = next) {
        next = one->next;
        free(one->name);
        free(one);
    }
    for (struct health_checker *one = health->checkers, *next; one != NULL; one = next) {
        next = one->next;
        pthread_cond_destroy(&one->go);
        free(one);
    }
    pthread_cond_destroy(&health->changed);
    pthread_cond_destroy(&health->first);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

/* ---- public ---- */

weir_code
weir_health_set(weir_health *health, const char *service, enum weir_health_status status)
{
    struct health_service *found;

    pthread_mutex_lock(&health->lock);
    found = health_service_of(health, service);
    if (found != NULL) {
        found->own = status;
        health_update(health);
    }
    pthread_mutex_unlock(&health->lock);
    return found == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

void
weir_health_set_all(weir_health *health, enum weir_health_status status)
{
    pthread_mutex_lock(&health->lock);
    for (struct health_service *one = health->services; one != NULL; one = one->next)
        one->own = status;
    health_update(health);
    pthread_mutex_unlock(&health->lock);
}

void
weir_health_shutdown(weir_health *health)
{
    pthread_mutex_lock(&health->lock);
    health->shut = true;
    health_update(health);
    pthread_mutex_unlock(&health->lock);
}

enum weir_health_status
weir_health_status(weir_health *health, const char *service)
{
    enum weir_health_status status;

    pthread_mutex_lock(&health->lock);
    status = shown(health, service);
    pthread_mutex_unlock(&health->lock);
    return status;
}

void
weir_health_each(weir_health *health,
    bool (*visit)(void *arg, const char *service, enum weir_health_status status), void *arg)
{
    bool more = true;

    pthread_mutex_lock(&health->lock);
    for (struct health_service *one = health->services; more && one != NULL; one = one->next)
        more = visit(arg, one->name, one->shown);
    pthread_mutex_unlock(&health->lock);
}

weir_code
weir_health_require(weir_health *health, const char *service, const char *required)
{
    struct health_service *who, *what;
    bool done = false;

    pthread_mutex_lock(&health->lock);
    who = health_service_of(health, service);
    what = health_service_of(health, required);
    if (who != NULL && what != NULL && who->required_count < HEALTH_REQUIRED_MAX) {
        who->required[who->required_count++] = what;
        done = true;
        health_update(health);
    }
    pthread_mutex_unlock(&health->lock);
    return done ? WEIR_OK : WEIR_RESOURCE_EXHAUSTED;
}

weir_code
weir_health_offer(weir_health *health, weir_server *server)
{
    return grpc_health_v1_Health_add(server, &health_handlers, health);
}
