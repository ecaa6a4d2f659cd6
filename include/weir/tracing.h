/* SPDX-License-Identifier: Apache-2.0 */
/* Distributed tracing: propagates W3C trace contexts and exports spans over OTLP/gRPC. Part of
 * libweir-ext. */
/* Threads: create and free a tracer on one thread; everything else is safe from any thread. */
#pragma once

#include <weir/channel.h>
#include <weir/interceptor.h>

WEIR_BEGIN_C

/* ---- trace context of a call ---- */

struct weir_trace_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];   /* of the call's span */
    uint8_t parent_id[8]; /* of its parent span; all zero: none */
    bool sampled;         /* the spans of this trace are recorded */
    weir_str state;       /* tracestate as received, to be propagated; data is NULL if absent */
};

/* The call's trace context; NULL: no tracer is in use. Before a client's call starts, it is the
 * parent's context. Lives as long as the call. */
WEIR_API const struct weir_trace_context *weir_trace_context(const weir_call *call);

/* Sizes of buffers for the texts below, including the NUL. */
#define WEIR_TRACE_ID_TEXT 33
#define WEIR_SPAN_ID_TEXT 17
#define WEIR_TRACEPARENT_TEXT 56

/* Format an id in lower-case hexadecimal. */
WEIR_API void weir_trace_id_text(
    const struct weir_trace_context *context, char out_text[WEIR_TRACE_ID_TEXT]);
WEIR_API void weir_span_id_text(
    const struct weir_trace_context *context, char out_text[WEIR_SPAN_ID_TEXT]);

/* Parse or format a traceparent header (W3C Trace Context, section 3.2). Parsing sets trace_id,
 * sampled, and span_id to its parent-id; the rest is zero. False: malformed or an invalid version.
 */
WEIR_API WEIR_CHECK bool weir_traceparent_parse(
    weir_str text, struct weir_trace_context *out_context);
WEIR_API void weir_traceparent_format(
    const struct weir_trace_context *context, char out_text[WEIR_TRACEPARENT_TEXT]);

/* ---- tracer: samples, records and exports spans ---- */

typedef struct weir_tracer weir_tracer;

/* Zero selects each field's default, which is given last. Strings are copied. */
struct weir_tracer_options {
    /* The collector: "http://HOST[:PORT]", "HOST[:PORT]" or "unix:PATH", port 4317 unless given.
     * NULL: contexts are propagated, but nothing is exported. */
    const char *endpoint;
    const char *service_name;    /* default "unknown_service" */
    const char *service_version; /* default none */
    const char *server_address;  /* "HOST:PORT" of this server, for its spans; default none */
    double skip;            /* fraction of new traces that are not sampled, 0 to 1; default 0 */
    size_t queue;           /* spans waiting for export, a power of two; default 2048 */
    size_t batch;           /* spans per export; default 512 */
    int64_t interval;       /* nanoseconds between exports; default 5 s */
    int64_t export_timeout; /* nanoseconds, of one export; default 10 s */
};

/* Create a tracer. INVALID_ARGUMENT: an option is malformed or out of range. RESOURCE_EXHAUSTED: no
 * memory, or no file descriptor. */
WEIR_API WEIR_CHECK weir_code weir_tracer_new(
    const struct weir_tracer_options *options, weir_tracer **out_tracer);

/* The channel to the collector, for monitoring. Owned by the tracer. NULL: nothing is exported. */
WEIR_API weir_channel *weir_tracer_channel(weir_tracer *tracer);

/* After every traced call has ended and weir_tracer_run has returned. */
WEIR_API void weir_tracer_free(weir_tracer *tracer);

/* The interceptor, for servers and channels; self is the tracer. A server's call continues the
 * trace of its traceparent header, a client's call that of its parent; otherwise a new trace
 * begins. On a channel add it before retries: a call is one span, whatever attempts it takes.
 * Suspends. */
WEIR_API weir_interceptor weir_tracer_intercept;

/* Export spans on the calling thread until weir_tracer_stop. */
WEIR_API void weir_tracer_run(weir_tracer *tracer);

/* Make weir_tracer_run export the waiting spans and return, and block until it has. After `timeout`
 * nanoseconds the export is cancelled and the rest is dropped. Not from the thread of
 * weir_tracer_run. */
WEIR_API void weir_tracer_stop(weir_tracer *tracer, int64_t timeout);

/* Export the waiting spans on the calling thread, for programs without weir_tracer_run. After
 * `timeout` nanoseconds the rest is dropped. */
WEIR_API void weir_tracer_flush(weir_tracer *tracer, int64_t timeout);

/* Totals. */
struct weir_tracer_counters {
    uint64_t exported;     /* spans accepted by the collector */
    uint64_t dropped_full; /* spans dropped because the queue was full */
    uint64_t dropped_sent; /* spans the collector rejected or did not accept in time */
};

WEIR_API void weir_tracer_count(
    const weir_tracer *tracer, struct weir_tracer_counters *out_counters);

WEIR_END_C
