/* SPDX-License-Identifier: Apache-2.0 */
/* Distributed tracing: W3C trace contexts in and out, spans exported over OTLP/gRPC. Part of
 * libweir-ext. */
/* Threads: set a tracer up and free it on one thread; calls of any thread may be traced at the same
 * time. */
#pragma once

#include <weir/channel.h>
#include <weir/interceptor.h>

WEIR_BEGIN_C

/* ---- the trace that a call belongs to ---- */

struct weir_trace_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];   /* of the call's own span */
    uint8_t parent_id[8]; /* of the span that caused it; all zero: none */
    bool sampled;         /* the spans of this trace are recorded */
    weir_str state;       /* tracestate as it came, for the next one; data is NULL when absent */
};

/* What a tracer left on the call; NULL when there was none. In a call that was not begun yet it is
 * the one of the call inside whose handler it is made. Lives as long as the call. */
WEIR_API const struct weir_trace_context *weir_trace_context(const weir_call *call);

/* Room for the texts below, NUL included. */
#define WEIR_TRACE_ID_TEXT 33
#define WEIR_SPAN_ID_TEXT 17
#define WEIR_TRACEPARENT_TEXT 56

/* Lower-case hexadecimal, as logs and collectors write them. */
WEIR_API void weir_trace_id_text(
    const struct weir_trace_context *context, char out_text[WEIR_TRACE_ID_TEXT]);
WEIR_API void weir_span_id_text(
    const struct weir_trace_context *context, char out_text[WEIR_SPAN_ID_TEXT]);

/* A traceparent header (W3C Trace Context, section 3.2): trace_id, sampled, and its parent-id as
 * span_id; the rest zero. False: it is none, or of a version that does not exist. */
WEIR_API WEIR_CHECK bool weir_traceparent_parse(
    weir_str text, struct weir_trace_context *out_context);
WEIR_API void weir_traceparent_format(
    const struct weir_trace_context *context, char out_text[WEIR_TRACEPARENT_TEXT]);

/* ---- tracer: decides what is recorded, and sends it away ---- */

typedef struct weir_tracer weir_tracer;

/* Zero is the default of every field; texts are copied. */
struct weir_tracer_options {
    /* The collector: "http://HOST[:PORT]", "HOST[:PORT]" or "unix:PATH"; port 4317. NULL: contexts
     * are passed on, nothing is exported. */
    const char *endpoint;
    const char *service_name;    /* "unknown_service" */
    const char *service_version; /* none */
    const char *server_address;  /* "HOST:PORT" where a server is reached, for its spans; none */
    double skip;            /* share of the traces that begin here and are not recorded, 0 to 1 */
    size_t queue;           /* spans that wait for export, a power of two; 2048 */
    size_t batch;           /* spans in one export; 512 */
    int64_t interval;       /* nanoseconds that a span waits at most before it is sent; 5 s */
    int64_t export_timeout; /* of one export; 10 s */
};

/* INVALID_ARGUMENT: an option is none. RESOURCE_EXHAUSTED: no memory, or no file descriptor. */
WEIR_API WEIR_CHECK weir_code weir_tracer_new(
    const struct weir_tracer_options *options, weir_tracer **out_tracer);

/* The channel to the collector, for who looks at it; the tracer's. NULL: it exports nothing. */
WEIR_API weir_channel *weir_tracer_channel(weir_tracer *tracer);

/* After every traced call has ended and weir_tracer_run has returned. */
WEIR_API void weir_tracer_free(weir_tracer *tracer);

/* An interceptor for servers and for channels; self is the tracer. A server's call continues the
 * trace of its traceparent header, a client's that of the call inside whose handler it is made;
 * else a new one begins. On a channel it stands outside of retries: a call is one span. */
WEIR_API weir_interceptor weir_tracer_intercept;

/* Export until weir_tracer_stop, on the thread that the caller gives for it. */
WEIR_API void weir_tracer_run(weir_tracer *tracer);

/* Make weir_tracer_run send what waits and return, and wait for that. After timeout nanoseconds an
 * export under way is cut, and what is left is dropped. From another thread than that of run. */
WEIR_API void weir_tracer_stop(weir_tracer *tracer, int64_t timeout);

/* Send what waits, on this thread, for programs that do not run the tracer; after timeout
 * nanoseconds what is left is dropped. */
WEIR_API void weir_tracer_flush(weir_tracer *tracer, int64_t timeout);

struct weir_tracer_counters {
    uint64_t exported;     /* spans that the collector took */
    uint64_t dropped_full; /* spans that found the queue full */
    uint64_t dropped_sent; /* spans that the collector refused, or did not take in time */
};

WEIR_API void weir_tracer_count(
    const weir_tracer *tracer, struct weir_tracer_counters *out_counters);

WEIR_END_C
