/* SPDX-License-Identifier: Apache-2.0 */
/* A server's registration in etcd. A fiber runs this cycle:
 *
 *   grant a lease -> put the key under it -> keep the lease alive, every third of its TTL,
 *        ^                                        |    and put the key again if it was deleted
 *        +---- backoff <---- a step failed, or the lease has expired
 *
 * until it is asked to leave; then it revokes the lease, which deletes the key. */
#include "etcd/session.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/etcd.h>
#include <weir/pool.h>

#define TTL (10 * WEIR_SECOND)
#define TTL_MIN (2 * WEIR_SECOND)
#define CALL_TIMEOUT (2 * WEIR_SECOND)
#define LEAVE_TIMEOUT (3 * WEIR_SECOND)
#define BACKOFF_FIRST (200 * WEIR_MILLISECOND)
#define BACKOFF_MAX (10 * WEIR_SECOND)

struct weir_etcd_registration {
    struct etcd_session session;
    char *key, *value;
    int64_t ttl;
    weir_etcd_observer *observer;
    void *observer_self;
    weir_event *leave;                          /* set to ask the fiber to leave */
    weir_event *left;                           /* set when the fiber is about to return */
    int64_t lease;                              /* used by the fiber; 0: none */
    bool blind;                                 /* used by the fiber: etcd denies reading the key */
    enum { NOTHING, REGISTERED, MISSING } told; /* used by the fiber: last report to the observer */
    weir_code result;                           /* of leaving; set before `left` */
};

/* Report only changes. */
static void
tell(weir_etcd_registration *it, bool registered, const char *why)
{
    const bool is_new = it->told != (registered ? REGISTERED : MISSING);

    it->told = registered ? REGISTERED : MISSING;
    if (it->observer != NULL && is_new)
        it->observer(it->observer_self, registered, why);
}

/* ---- steps; on failure the reason is in `why` ---- */

static weir_code
grant(weir_etcd_registration *it, char why[ETCD_WHY])
{
    Etcdserverpb__LeaseGrantRequest request = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
    const Etcdserverpb__LeaseGrantResponse *response;
    weir_call *call;
    weir_code code;

    WEIR_TRY(etcd_call_new(&it->session, CALL_TIMEOUT, &call, why));
    request.ttl = (it->ttl + WEIR_SECOND - 1) / WEIR_SECOND;
    code = etcdserverpb_Lease_LeaseGrant(call, &request, &response);
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    it->lease = response->id;
    weir_call_free(call);
    return WEIR_OK;
}

static ProtobufCBinaryData
bytes_of(char *text)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)text, .len = strlen(text)};
}

static weir_code
put(weir_etcd_registration *it, char why[ETCD_WHY])
{
    Etcdserverpb__PutRequest request = ETCDSERVERPB__PUT_REQUEST__INIT;
    const Etcdserverpb__PutResponse *response;
    weir_call *call;
    weir_code code;

    WEIR_TRY(etcd_call_new(&it->session, CALL_TIMEOUT, &call, why));
    request.key = bytes_of(it->key);
    request.value = bytes_of(it->value);
    request.lease = it->lease;
    code = etcdserverpb_KV_Put(call, &request, &response);
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    weir_call_free(call);
    return WEIR_OK;
}

/* One request and response on the stream. */
static weir_code
prolong_on(weir_call *call, int64_t lease, int64_t *out_ttl)
{
    struct etcdserverpb_Lease_LeaseKeepAlive_client stream;
    Etcdserverpb__LeaseKeepAliveRequest request = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
    const Etcdserverpb__LeaseKeepAliveResponse *response;

    request.id = lease;
    WEIR_TRY(etcdserverpb_Lease_LeaseKeepAlive(call, &stream));
    WEIR_TRY(etcdserverpb_Lease_LeaseKeepAlive_client_send(stream, &request));
    if (!etcdserverpb_Lease_LeaseKeepAlive_client_recv(stream, &response)) {
        weir_code code = weir_call_code(call);

        return code != WEIR_OK ? code : WEIR_UNAVAILABLE;
    }
    *out_ttl = response->ttl;
    return WEIR_OK;
}

/* NOT_FOUND: the lease has expired. Uses a new stream each time, with a deadline, to detect an
 * unresponsive etcd. */
static weir_code
prolong(weir_etcd_registration *it, char why[ETCD_WHY])
{
    int64_t ttl = 0;
    weir_call *call;
    weir_code code;

    WEIR_TRY(etcd_call_new(&it->session, CALL_TIMEOUT, &call, why));
    code = prolong_on(call, it->lease, &ttl);
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    weir_call_free(call);
    if (ttl > 0)
        return WEIR_OK;
    snprintf(why, ETCD_WHY, "the lease has run out");
    return WEIR_NOT_FOUND;
}

static weir_code
look(weir_etcd_registration *it, bool *out_missing, char why[ETCD_WHY])
{
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    const Etcdserverpb__RangeResponse *response;
    weir_call *call;
    weir_code code;

    WEIR_TRY(etcd_call_new(&it->session, CALL_TIMEOUT, &call, why));
    request.key = bytes_of(it->key);
    code = etcdserverpb_KV_Range(call, &request, &response);
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    *out_missing = response->n_kvs == 0;
    weir_call_free(call);
    return WEIR_OK;
}

/* The key may be deleted while the lease lives. A value put by another stays: it may be this
 * server's successor. */
static weir_code
mend(weir_etcd_registration *it, char why[ETCD_WHY])
{
    bool missing = false;
    weir_code code = it->blind ? WEIR_OK : look(it, &missing, why);

    if (code == WEIR_PERMISSION_DENIED) {
        it->blind = true;
        return WEIR_OK;
    }
    return code == WEIR_OK && missing ? put(it, why) : code;
}

static weir_code
revoke(weir_etcd_registration *it, char why[ETCD_WHY])
{
    Etcdserverpb__LeaseRevokeRequest request = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;
    const Etcdserverpb__LeaseRevokeResponse *response;
    weir_call *call;
    weir_code code;

    WEIR_TRY(etcd_call_new(&it->session, LEAVE_TIMEOUT, &call, why));
    request.id = it->lease;
    code = etcdserverpb_Lease_LeaseRevoke(call, &request, &response);
    if (code != WEIR_OK)
        return etcd_call_failed(&it->session, call, code, why);
    weir_call_free(call);
    return WEIR_OK;
}

typedef weir_code registration_step(weir_etcd_registration *it, char why[ETCD_WHY]);

/* If a step fails because the token has expired, it is repeated once with a new one. */
static weir_code
make(weir_etcd_registration *it, registration_step *step, char why[ETCD_WHY])
{
    bool had_token = it->session.token != NULL;
    weir_code code = step(it, why);

    return code != WEIR_OK && had_token && it->session.token == NULL ? step(it, why) : code;
}

/* ---- the fiber ---- */

/* False: asked to leave. */
static bool
pause_for(weir_etcd_registration *it, int64_t duration)
{
    return weir_event_wait_until(it->leave, NULL, weir_now() + duration) != WEIR_OK;
}

/* Runs until a step fails, or until asked to leave, which is OK. */
static weir_code
stay(weir_etcd_registration *it, char why[ETCD_WHY])
{
    if (it->lease == 0)
        WEIR_TRY(make(it, grant, why));
    if (!pause_for(it, 0))
        return WEIR_OK;
    WEIR_TRY(make(it, put, why));
    tell(it, true, "");
    it->blind = false;
    while (pause_for(it, it->ttl / 3)) {
        WEIR_TRY(make(it, prolong, why));
        WEIR_TRY(make(it, mend, why));
    }
    return WEIR_OK;
}

static void
leave(weir_etcd_registration *it)
{
    char why[ETCD_WHY];

    it->result = it->lease == 0 ? WEIR_OK : make(it, revoke, why);
    if (it->result == WEIR_NOT_FOUND) /* it has expired meanwhile */
        it->result = WEIR_OK;
    if (it->result != WEIR_OK)
        it->result = WEIR_UNAVAILABLE;
}

static void
keep(void *arg)
{
    weir_etcd_registration *it = arg;
    weir_event *left = weir_event_ref(it->left);
    int64_t backoff = BACKOFF_FIRST;
    weir_code code;
    char why[ETCD_WHY];

    while ((code = stay(it, why)) != WEIR_OK) {
        if (it->told == REGISTERED)
            backoff = BACKOFF_FIRST;
        tell(it, false, why);
        if (code == WEIR_NOT_FOUND) /* after an outage etcd may still have the lease */
            it->lease = 0;
        if (!pause_for(it, backoff))
            break;
        backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
    }
    leave(it);
    weir_event_set(left); /* `it` may be freed from here on */
    weir_event_unref(left);
}

/* ---- life cycle ---- */

static char *
value_of(const struct weir_etcd_registration_options *options)
{
    json_t *value = json_pack("{s:s, s:I}", "addr", options->address, "weight",
        (json_int_t)(options->weight == 0 ? 1 : options->weight));
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);

    json_decref(value);
    return text;
}

static char *
key_of(const struct weir_etcd_registration_options *options)
{
    size_t size = strlen(options->service) + strlen(options->address) + 2;
    char *key = malloc(size);

    if (key != NULL)
        snprintf(key, size, "%s/%s", options->service, options->address);
    return key;
}

static void
release(weir_etcd_registration *it)
{
    weir_event_unref(it->leave);
    weir_event_unref(it->left);
    etcd_session_fini(&it->session);
    free(it->key);
    free(it->value);
    free(it);
}

weir_code
weir_etcd_register(weir_loop *loop, weir_channel *channel,
    const struct weir_etcd_registration_options *options, weir_etcd_registration **out_registration)
{
    weir_etcd_registration *it = calloc(1, sizeof(*it));

    if (it == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    it->ttl = options->ttl == 0 ? TTL : options->ttl < TTL_MIN ? TTL_MIN : options->ttl;
    it->observer = options->observer;
    it->observer_self = options->observer_self;
    it->leave = weir_event_new();
    it->left = weir_event_new();
    it->key = key_of(options);
    it->value = value_of(options);
    if (!etcd_session_init(&it->session, channel, options->user, options->password) ||
        it->leave == NULL || it->left == NULL || it->key == NULL || it->value == NULL ||
        weir_loop_spawn(loop, keep, it) != WEIR_OK) {
        release(it);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_registration = it;
    return WEIR_OK;
}

weir_code
weir_etcd_leave(weir_etcd_registration *it)
{
    weir_event_set(it->leave);
    WEIR_TRY(weir_event_wait(it->left, NULL));
    return it->result;
}

void
weir_etcd_registration_free(weir_etcd_registration *it)
{
    if (it == NULL)
        return;
    (void)!weir_etcd_leave(it); /* otherwise the lease expires */
    release(it);
}
