/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the exporter on a thread: waits, sends, stops. */
#include "opentelemetry/proto/collector/trace/v1/trace_service.weir.h"
#include "tracing/tracer.h"
#include <poll.h>
#include <unistd.h>

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest export_request;
typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse export_response;

/* ---- one export ---- */

/* Publish the call, so that stopping can cancel it. False: already stopped. */
static bool
announce(struct weir_tracer *tracer, weir_call *call)
{
    bool cut;

    pthread_mutex_lock(&tracer->lock);
    cut = tracer->cut;
    tracer->call = cut ? NULL : call;
    pthread_mutex_unlock(&tracer->lock);
    return !cut;
}

static weir_code
export_on(
    struct weir_tracer *tracer, weir_call *call, const struct pack *pack, size_t *out_rejected)
{
    const export_response *response = NULL;
    weir_code code = WEIR_CANCELLED;

    if (announce(tracer, call)) {
        code = opentelemetry_proto_collector_trace_v1_TraceService_Export(
            call, (const export_request *)(const void *)pack_request(pack), &response);
        (void)announce(tracer, NULL);
    }
    if (code == WEIR_OK && response->partial_success != NULL &&
        response->partial_success->rejected_spans > 0)
        *out_rejected = (size_t)response->partial_success->rejected_spans;
    return code;
}

/* Without a parent or interceptors, so exports are not traced themselves. */
weir_code
tracer_send(
    void *self, const struct span *spans, size_t count, int64_t timeout, size_t *out_rejected)
{
    struct weir_tracer *tracer = self;
    struct pack *pack = pack_new(tracer, spans, count);
    weir_call *call = pack == NULL ? NULL : weir_call_new(tracer->channel, NULL);
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (call != NULL) {
        weir_call_set_timeout(call, timeout);
        code = export_on(tracer, call, pack, out_rejected);
    }
    weir_call_free(call);
    pack_free(pack);
    return code;
}

/* ---- waiting ---- */

static int
milliseconds_until(int64_t due, int64_t now)
{
    int64_t left = due <= now ? 0 : (due - now) / WEIR_MILLISECOND + 1;

    return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Until the time is due, a batch is ready, or the connection's loop has events. */
static void
wait_until(struct weir_tracer *tracer, int64_t due)
{
    struct pollfd polled[] = {{.fd = tracer->wake, .events = POLLIN},
        {.fd = weir_loop_fd(tracer->loop), .events = POLLIN}};
    int64_t now = weir_now(), timeout = weir_loop_timeout(tracer->loop);
    uint64_t count;

    if (timeout != WEIR_NEVER && now + timeout < due)
        due = now + timeout;
    (void)poll(polled, 2, milliseconds_until(due, now));
    (void)!read(tracer->wake, &count, sizeof(count));
    (void)atomic_exchange(&tracer->woken, false); /* before checking the queue */
    weir_loop_turn(tracer->loop);
}

static bool
is_stopping(struct weir_tracer *tracer)
{
    bool stopping;

    pthread_mutex_lock(&tracer->lock);
    stopping = tracer->stopping;
    pthread_mutex_unlock(&tracer->lock);
    return stopping;
}

static void
flush_until(struct weir_tracer *tracer, int64_t deadline)
{
    while (exporter_flush(&tracer->exporter, deadline - weir_now()))
        continue;
}

void
weir_tracer_run(weir_tracer *tracer)
{
    int64_t due;

    if (tracer->loop == NULL)
        return;
    pthread_mutex_lock(&tracer->lock);
    tracer->running = true;
    pthread_mutex_unlock(&tracer->lock);
    while (!is_stopping(tracer)) {
        due = exporter_step(&tracer->exporter, weir_now());
        if (!is_stopping(tracer))
            wait_until(tracer, due);
    }
    flush_until(tracer, tracer->stop_at);
    pthread_mutex_lock(&tracer->lock);
    tracer->running = false;
    pthread_cond_broadcast(&tracer->stopped);
    pthread_mutex_unlock(&tracer->lock);
}

/* ---- stopping ---- */

static void
wait_for_end(struct weir_tracer *tracer)
{
    const struct timespec until = {
        tracer->stop_at / WEIR_SECOND, (long)(tracer->stop_at % WEIR_SECOND)};
    int error = 0;

    while (tracer->running && error == 0)
        error = pthread_cond_timedwait(&tracer->stopped, &tracer->lock, &until);
    tracer->cut = true;
    if (tracer->call != NULL)
        weir_call_cancel(tracer->call);
    while (tracer->running)
        pthread_cond_wait(&tracer->stopped, &tracer->lock);
}

void
weir_tracer_stop(weir_tracer *tracer, int64_t timeout)
{
    const uint64_t one = 1;

    if (tracer->loop == NULL)
        return;
    pthread_mutex_lock(&tracer->lock);
    tracer->stop_at = weir_now() + timeout;
    tracer->stopping = true;
    (void)!write(tracer->wake, &one, sizeof(one));
    if (tracer->running)
        wait_for_end(tracer);
    pthread_mutex_unlock(&tracer->lock);
}

void
weir_tracer_flush(weir_tracer *tracer, int64_t timeout)
{
    if (tracer->loop != NULL)
        flush_until(tracer, weir_now() + timeout);
}
