/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.health.v1.Health. A Watch keeps only the status it has sent last: a slow watcher misses
 * intermediate statuses, and delays nobody. */
#include "grpc/health/v1/health.weir.h"
#include "health/health.h"

/* gRFC A90. */
#define LIST_MAX 100

static weir_code
check(void *self, weir_call *call, const Grpc__Health__V1__HealthCheckRequest *request,
    Grpc__Health__V1__HealthCheckResponse *out_response)
{
    enum weir_health_status status = weir_health_status(self, request->service);

    if (status == WEIR_HEALTH_SERVICE_UNKNOWN)
        return weir_fail(call, WEIR_NOT_FOUND, "unknown service");
    out_response->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return WEIR_OK;
}

/* ---- Watch ---- */

/* Get the status. If it was sent already, the watcher is added to those to be woken. */
static enum weir_health_status
look(weir_health *health, struct health_watcher *watcher)
{
    const struct health_service *service;
    enum weir_health_status status;

    pthread_mutex_lock(&health->lock);
    service = health_lookup(health, watcher->service);
    status = service == NULL ? WEIR_HEALTH_SERVICE_UNKNOWN : service->shown;
    if (status == watcher->sent) {
        watcher->next = health->watchers;
        health->watchers = watcher;
    }
    pthread_mutex_unlock(&health->lock);
    return status;
}

static void
leave(weir_health *health, const struct health_watcher *watcher)
{
    pthread_mutex_lock(&health->lock);
    for (struct health_watcher **at = &health->watchers; *at != NULL; at = &(*at)->next) {
        if (*at == watcher) {
            *at = watcher->next;
            break;
        }
    }
    pthread_mutex_unlock(&health->lock);
}

static weir_code
send_status(struct grpc_health_v1_Health_Watch_server peer, struct health_watcher *watcher,
    enum weir_health_status status)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    watcher->sent = status;
    return grpc_health_v1_Health_Watch_send(peer, &response);
}

/* Send the current status; if it was sent already, wait for another one, or for a drain: otherwise
 * a Watch would use up the drain's whole grace period. */
static weir_code
tell_next(weir_health *health, struct grpc_health_v1_Health_Watch_server peer,
    struct health_watcher *watcher)
{
    bool draining = weir_call_draining(peer.call);
    enum weir_health_status status;
    weir_code code;

    weir_event_clear(watcher->changed); /* before the look-up */
    status = look(health, watcher);
    if (status != watcher->sent)
        return send_status(peer, watcher, status);
    code = draining ? weir_fail(peer.call, WEIR_UNAVAILABLE,
                          "the server closes this connection; call again")
                    : weir_event_wait(watcher->changed, peer.call);
    leave(health, watcher);
    return code;
}

static weir_code
watch(void *self, const Grpc__Health__V1__HealthCheckRequest *request,
    struct grpc_health_v1_Health_Watch_server peer)
{
    struct health_watcher watcher = {.service = request->service,
        .sent = (enum weir_health_status) - 1,
        .changed = weir_event_new()};
    weir_code code;

    if (watcher.changed == NULL)
        return weir_fail(peer.call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    code = weir_call_on_drain(peer.call, watcher.changed);
    while (code == WEIR_OK)
        code = tell_next(self, peer, &watcher);
    weir_event_unref(watcher.changed);
    return code;
}

/* ---- List ---- */

typedef Grpc__Health__V1__HealthListResponse__StatusesEntry list_entry;

struct list {
    weir_call *call;
    list_entry **entries;
    size_t count;
    weir_code code;
};

static bool
add_entry(void *arg, const char *service, enum weir_health_status status)
{
    struct list *list = arg;
    list_entry *entry;
    Grpc__Health__V1__HealthCheckResponse *value;

    if (list->count == LIST_MAX) {
        list->code = weir_fail(list->call, WEIR_RESOURCE_EXHAUSTED, "more than 100 services");
        return false;
    }
    entry = weir_call_alloc(list->call, sizeof(*entry));
    value = weir_call_alloc(list->call, sizeof(*value));
    if (entry == NULL || value == NULL) {
        list->code = WEIR_RESOURCE_EXHAUSTED;
        return false;
    }
    grpc__health__v1__health_list_response__statuses_entry__init(entry);
    grpc__health__v1__health_check_response__init(value);
    entry->key = weir_call_dup(list->call, weir_str_of(service));
    entry->value = value;
    value->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    list->entries[list->count++] = entry;
    return true;
}

static weir_code
list_all(void *self, weir_call *call, const Grpc__Health__V1__HealthListRequest *request,
    Grpc__Health__V1__HealthListResponse *out_response)
{
    struct list list = {.call = call, .code = WEIR_OK};

    (void)request;
    list.entries = weir_call_alloc(call, LIST_MAX * sizeof(list_entry *));
    if (list.entries == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    weir_health_each(self, add_entry, &list);
    out_response->statuses = list.entries;
    out_response->n_statuses = list.count;
    return list.code;
}

const struct grpc_health_v1_Health_handlers health_handlers = {
    .Check = check,
    .Watch = watch,
    .List = list_all,
};
