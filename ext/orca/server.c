/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of ORCA: sends the latest load report on streams and in trailers. */
#include "orca/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <weir/pool.h>

#define MIN_INTERVAL (30 * WEIR_SECOND)

struct weir_orca {
    int64_t min_interval;
    pthread_mutex_t lock;
    struct orca_copy *told; /* guarded by the lock; NULL: none yet */
};

weir_code
weir_orca_new(const struct weir_orca_options *options, weir_orca **out_orca)
{
    struct weir_orca *orca = calloc(1, sizeof(*orca));

    if (orca == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    orca->min_interval =
        options != NULL && options->min_interval > 0 ? options->min_interval : MIN_INTERVAL;
    pthread_mutex_init(&orca->lock, NULL);
    *out_orca = orca;
    return WEIR_OK;
}

void
weir_orca_free(weir_orca *orca)
{
    if (orca == NULL)
        return;
    pthread_mutex_destroy(&orca->lock);
    free(orca->told);
    free(orca);
}

weir_code
weir_orca_tell(weir_orca *orca, const struct weir_orca_report *report)
{
    struct orca_copy *copy = orca_copy_new(report), *before;

    if (copy == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_lock(&orca->lock);
    before = orca->told;
    orca->told = copy;
    pthread_mutex_unlock(&orca->lock);
    free(before);
    return WEIR_OK;
}

/* The report, completed from the latest one, as a message to be freed with free. NULL: no memory.
 */
static struct orca_message *
message_of(weir_orca *orca, const struct weir_orca_report *report)
{
    struct weir_orca_report whole = *report;
    struct orca_message *message;

    if (orca == NULL)
        return orca_message_new(&whole);
    pthread_mutex_lock(&orca->lock);
    if (orca->told != NULL)
        orca_report_complete(&whole, &orca->told->report);
    message = orca_message_new(&whole);
    pthread_mutex_unlock(&orca->lock);
    return message;
}

/* ---- in trailers ---- */

static weir_code
add_trailer(weir_call *call, const Xds__Data__Orca__V3__OrcaLoadReport *report)
{
    size_t len = xds__data__orca__v3__orca_load_report__get_packed_size(report);
    uint8_t *bytes = malloc(len + 1);
    weir_code code;

    if (bytes == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    xds__data__orca__v3__orca_load_report__pack(report, bytes);
    code = weir_call_add_trailer(call, orca_trailer, (weir_str){(const char *)bytes, len});
    free(bytes);
    return code;
}

weir_code
weir_orca_report_call(weir_call *call, weir_orca *orca, const struct weir_orca_report *report)
{
    static const struct weir_orca_report nothing;
    struct orca_message *message = message_of(orca, report != NULL ? report : &nothing);
    weir_code code;

    if (message == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = add_trailer(call, &message->report);
    free(message);
    return code;
}

/* ---- on streams ---- */

/* Nanoseconds; the server's minimum if the duration is absent, invalid or too short. */
static int64_t
interval_of(const weir_orca *orca, const Google__Protobuf__Duration *wish)
{
    const int64_t most = INT64_C(365) * 24 * 3600;
    int64_t interval;

    if (wish == NULL || wish->seconds < 0 || wish->nanos < 0)
        return orca->min_interval;
    interval = (wish->seconds < most ? wish->seconds : most) * WEIR_SECOND + wish->nanos;
    return interval < orca->min_interval ? orca->min_interval : interval;
}

static weir_code
send_told(weir_orca *orca, struct xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_server peer)
{
    static const struct weir_orca_report nothing;
    struct orca_message *message = message_of(orca, &nothing);
    weir_code code;

    if (message == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_send(peer, &message->report);
    free(message);
    return code;
}

/* Wait; ended early by a drain of the connection or the end of the call. */
static weir_code
wait_for(int64_t interval, weir_call *call, weir_event *drain)
{
    int64_t now = weir_now(), until = interval < WEIR_NEVER - now ? now + interval : WEIR_NEVER;
    weir_code code = weir_event_wait_until(drain, call, until);

    if (code == WEIR_OK)
        return weir_fail(call, WEIR_UNAVAILABLE, "the server closes this connection; call again");
    return code == WEIR_DEADLINE_EXCEEDED ? weir_call_code(call) : code;
}

static weir_code
stream_core_metrics(void *self, const Xds__Service__Orca__V3__OrcaLoadReportRequest *request,
    struct xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_server peer)
{
    weir_orca *orca = self;
    int64_t interval = interval_of(orca, request->report_interval);
    weir_event *drain = weir_event_new();
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (drain != NULL)
        code = weir_call_on_drain(peer.call, drain);
    while (code == WEIR_OK) {
        code = send_told(orca, peer);
        if (code == WEIR_OK)
            code = wait_for(interval, peer.call, drain);
    }
    weir_event_unref(drain);
    return code;
}

static const struct xds_service_orca_v3_OpenRcaService_handlers handlers = {
    .StreamCoreMetrics = stream_core_metrics,
};

weir_code
weir_orca_add(weir_server *server, weir_orca *orca)
{
    return xds_service_orca_v3_OpenRcaService_add(server, &handlers, orca);
}
