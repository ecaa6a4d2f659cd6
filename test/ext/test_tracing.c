/* SPDX-License-Identifier: Apache-2.0 */
/* Who is sampled; batches and drops on a clock of the test's own;
 * and the spans of real calls, as a collector of ours gets them. */
#include "opentelemetry/proto/collector/trace/v1/trace_service.weir.h"
#include "service.h"
#include "tracing/context.h"
#include "tracing/exporter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define GOOD "00-" TRACE "-" SPAN "-01"

/* ---- queue ---- */

static struct span
span_of(int64_t number)
{
    return (struct span){.start = number};
}

static void
the_queue_is_bounded_and_in_order(void **state)
{
    struct queue queue;
    struct span span;

    (void)state;
    assert_int_equal(queue_init(&queue, 4), WEIR_OK);
    assert_false(queue_take(&queue, &span));
    for (int64_t round = 0; round < 10; round++) {
        for (int64_t i = 0; i < 4; i++) {
            span = span_of(round * 4 + i);
            assert_true(queue_push(&queue, &span));
        }
        assert_false(queue_push(&queue, &span));
        assert_int_equal(queue_count(&queue), 4);
        for (int64_t i = 0; i < 4; i++) {
            assert_true(queue_take(&queue, &span));
            assert_int_equal(span.start, round * 4 + i);
        }
        assert_false(queue_take(&queue, &span));
    }
    queue_fini(&queue);
}

struct pusher {
    struct queue *queue;
    int64_t first;
    unsigned pushed;
    atomic_bool over;
};

#define PUSHES 20000

static void *
push_many(void *arg)
{
    struct pusher *pusher = arg;

    for (int64_t i = 0; i < PUSHES; i++) {
        struct span span = span_of(pusher->first + i);

        pusher->pushed += queue_push(pusher->queue, &span);
    }
    pusher->over = true;
    return NULL;
}

/* Each span comes out once and whole, and those of a thread in its order. */
static void
threads_push_while_one_takes(void **state)
{
    struct queue queue;
    struct pusher pushers[3];
    pthread_t threads[3];
    int64_t last[3] = {-1, -1, -1};
    unsigned taken = 0, pushed = 0;
    struct span span;

    (void)state;
    assert_int_equal(queue_init(&queue, 64), WEIR_OK);
    for (size_t i = 0; i < 3; i++) {
        pushers[i] = (struct pusher){.queue = &queue, .first = (int64_t)i * PUSHES};
        assert_int_equal(pthread_create(&threads[i], NULL, push_many, &pushers[i]), 0);
    }
    while (!pushers[0].over || !pushers[1].over || !pushers[2].over || queue_count(&queue) > 0) {
        while (queue_take(&queue, &span)) {
            size_t whose = (size_t)(span.start / PUSHES);

            assert_true(whose < 3 && span.start > last[whose]);
            last[whose] = span.start;
            taken++;
        }
    }
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        pushed += pushers[i].pushed;
    }
    assert_int_equal(taken, pushed);
    queue_fini(&queue);
}

/* ---- batches ---- */

struct sink {
    weir_code code;
    size_t rejects, sends, spans;
};

static weir_code
take_spans(
    void *self, const struct span *spans, size_t count, int64_t timeout, size_t *out_rejected)
{
    struct sink *sink = self;

    assert_true(timeout > 0);
    sink->sends++;
    for (size_t i = 0; i < count && sink->code == WEIR_OK; i++)
        assert_int_equal(spans[i].start, sink->spans + i);
    if (sink->code != WEIR_OK)
        return sink->code;
    sink->spans += count;
    *out_rejected = sink->rejects;
    return WEIR_OK;
}

struct batching {
    struct queue queue;
    struct sink sink;
    struct exporter exporter;
    int64_t pushed;
};

static void
batching_init(struct batching *batching)
{
    memset(batching, 0, sizeof(*batching));
    assert_int_equal(queue_init(&batching->queue, 64), WEIR_OK);
    batching->exporter = (struct exporter){.queue = &batching->queue,
        .send = take_spans,
        .self = &batching->sink,
        .batch = 16,
        .interval = 5 * WEIR_SECOND,
        .timeout = WEIR_SECOND};
    assert_int_equal(exporter_init(&batching->exporter, 0), WEIR_OK);
}

static void
batching_fini(struct batching *batching)
{
    exporter_fini(&batching->exporter);
    queue_fini(&batching->queue);
}

static size_t
push(struct batching *batching, size_t count)
{
    size_t taken = 0;

    for (size_t i = 0; i < count; i++) {
        struct span span = span_of(batching->pushed);

        if (queue_push(&batching->queue, &span)) {
            batching->pushed++;
            taken++;
        }
    }
    return taken;
}

static void
spans_go_when_time_is_over_or_a_batch_is_full(void **state)
{
    struct batching batching;
    struct exporter *exporter = &batching.exporter;

    (void)state;
    batching_init(&batching);
    push(&batching, 15);
    assert_int_equal(exporter_step(exporter, 0), 5 * WEIR_SECOND);
    assert_int_equal(exporter_step(exporter, 5 * WEIR_SECOND - 1), 5 * WEIR_SECOND);
    assert_int_equal(batching.sink.sends, 0);
    assert_int_equal(exporter_step(exporter, 5 * WEIR_SECOND), 10 * WEIR_SECOND);
    assert_int_equal(batching.sink.spans, 15);
    push(&batching, 16);
    assert_int_equal(exporter_step(exporter, 6 * WEIR_SECOND), 11 * WEIR_SECOND);
    assert_int_equal(batching.sink.spans, 31);
    push(&batching, 40); /* two batches at once, the rest later */
    assert_int_equal(exporter_step(exporter, 7 * WEIR_SECOND), 7 * WEIR_SECOND);
    assert_int_equal(exporter_step(exporter, 7 * WEIR_SECOND), 12 * WEIR_SECOND);
    assert_int_equal(batching.sink.spans, 63);
    assert_int_equal(exporter_step(exporter, 12 * WEIR_SECOND), 17 * WEIR_SECOND);
    assert_int_equal(batching.sink.spans, 71);
    assert_int_equal(batching.sink.sends, 5);
    assert_int_equal(exporter_step(exporter, 17 * WEIR_SECOND), 22 * WEIR_SECOND);
    assert_int_equal(batching.sink.sends, 5); /* nothing is not sent */
    assert_int_equal(exporter->exported, 71);
    assert_int_equal(exporter->dropped, 0);
    batching_fini(&batching);
}

static void
what_may_pass_is_sent_again(void **state)
{
    static const weir_code codes[] = {WEIR_UNAVAILABLE, WEIR_DEADLINE_EXCEEDED, WEIR_CANCELLED,
        WEIR_ABORTED, WEIR_OUT_OF_RANGE, WEIR_DATA_LOSS, WEIR_UNAVAILABLE};
    static const int64_t waits[] = {1, 2, 4, 8, 16, 30, 30};
    struct batching batching;
    int64_t now = 0;

    (void)state;
    batching_init(&batching);
    push(&batching, 16);
    for (size_t i = 0; i < COUNT(codes); i++) {
        batching.sink.code = codes[i];
        assert_int_equal(exporter_step(&batching.exporter, now), now + waits[i] * WEIR_SECOND);
        push(&batching, 16); /* a full batch behind it does not hurry it */
        assert_int_equal(exporter_step(&batching.exporter, now + 1), now + waits[i] * WEIR_SECOND);
        assert_int_equal(batching.sink.sends, i + 1);
        now += waits[i] * WEIR_SECOND;
    }
    assert_int_equal(push(&batching, 1), 0); /* the queue is full: those are lost */
    batching.sink.code = WEIR_OK;
    while (exporter_step(&batching.exporter, now) == now)
        continue;
    assert_int_equal(batching.sink.spans, 16 + 64);
    assert_int_equal(batching.exporter.dropped, 0);
    batching_fini(&batching);
}

static void
what_will_not_pass_is_dropped(void **state)
{
    struct batching batching;

    (void)state;
    batching_init(&batching);
    batching.sink.code = WEIR_INVALID_ARGUMENT;
    push(&batching, 16);
    assert_int_equal(exporter_step(&batching.exporter, 0), 5 * WEIR_SECOND);
    assert_int_equal(batching.exporter.dropped, 16);
    batching.sink = (struct sink){.rejects = 3, .spans = 16};
    push(&batching, 16);
    assert_int_equal(exporter_step(&batching.exporter, 0), 5 * WEIR_SECOND);
    assert_int_equal(batching.exporter.dropped, 19);
    assert_int_equal(batching.exporter.exported, 13);
    batching_fini(&batching);
}

static void
flushing_sends_all_or_drops_the_rest(void **state)
{
    struct batching batching;

    (void)state;
    batching_init(&batching);
    push(&batching, 40);
    while (exporter_flush(&batching.exporter, WEIR_SECOND))
        continue;
    assert_int_equal(batching.exporter.exported, 40);
    push(&batching, 40);
    batching.sink.code = WEIR_UNAVAILABLE;
    assert_false(exporter_flush(&batching.exporter, WEIR_SECOND));
    assert_int_equal(batching.sink.sends, 4);
    assert_int_equal(batching.exporter.dropped, 40);
    push(&batching, 5);
    assert_false(exporter_flush(&batching.exporter, 0)); /* no time is left */
    assert_int_equal(batching.sink.sends, 4);
    assert_int_equal(batching.exporter.dropped, 45);
    batching_fini(&batching);
}

/* ---- calls ---- */

static weir_tracer *tracer;
static struct weir_trace_context seen; /* by the handler's innermost interceptor */
static char seen_state[600];

static weir_code
trace(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_tracer_intercept(tracer, call, next);
}

static weir_code
see(void *self, weir_call *call, weir_next *next)
{
    const struct weir_trace_context *context = weir_trace_context(call);

    (void)self;
    assert_non_null(context);
    seen = *context;
    snprintf(seen_state, sizeof(seen_state), "%.*s", (int)context->state.len,
        context->state.data == NULL ? "" : context->state.data);
    return weir_proceed(next, call);
}

struct pair {
    struct running running;
    weir_loop *loop;
    weir_channel *channel;
};

static void
pair_start(struct pair *pair, const struct weir_tracer_options *options)
{
    static weir_interceptor *const chain[] = {trace, see, NULL};

    assert_int_equal(weir_tracer_new(options, &tracer), WEIR_OK);
    running_start_with(&pair->running, "127.0.0.1:0", NULL, chain);
    assert_int_equal(weir_loop_new(&pair->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(pair->loop, pair->running.address, NULL, &pair->channel), WEIR_OK);
}

static void
pair_stop(struct pair *pair)
{
    weir_channel_free(pair->channel);
    weir_loop_free(pair->loop);
    running_stop(&pair->running, 10 * WEIR_SECOND);
    weir_tracer_free(tracer);
}

static weir_code
call_with(struct pair *pair, const char *text, const char *const *headers)
{
    weir_call *call = weir_call_new(pair->channel, NULL);
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;
    weir_code code;

    for (; headers != NULL && headers[0] != NULL; headers += 2)
        assert_int_equal(weir_call_add_header(call, headers[0], weir_str_of(headers[1])), WEIR_OK);
    request.text = (char *)text;
    code = rpctest_Test_Unary(call, &request, &response);
    weir_call_free(call);
    return code;
}

static void
a_call_continues_the_trace_that_comes(void **state)
{
    const struct weir_tracer_options options = {.skip = 1};
    char id[WEIR_TRACE_ID_TEXT];
    struct weir_trace_context parent;
    struct pair pair;

    (void)state;
    pair_start(&pair, &options);
    assert_true(weir_traceparent_parse(weir_str_of(GOOD), &parent));
    call_with(&pair, "x",
        (const char *[]){"traceparent", GOOD, "tracestate", "a=b", "tracestate", "c=d", NULL});
    weir_trace_id_text(&seen, id);
    assert_string_equal(id, TRACE);
    assert_memory_equal(seen.parent_id, parent.span_id, 8);
    assert_memory_not_equal(seen.span_id, parent.span_id, 8);
    assert_true(seen.sampled); /* the parent decides */
    assert_string_equal(seen_state, "a=b,c=d");
    call_with(&pair, "x",
        (const char *[]){"traceparent", "00-" TRACE "-" SPAN "-00", "tracestate", "a=", NULL});
    assert_false(seen.sampled);
    assert_string_equal(seen_state, "");
    pair_stop(&pair);
}

static void
a_bad_or_doubled_parent_begins_a_new_trace(void **state)
{
    const struct weir_tracer_options options = {.skip = 1};
    static const char *const headers[][5] = {{NULL}, {"traceparent", "00-nonsense", NULL},
        {"tracestate", "a=b", NULL}, {"traceparent", GOOD, "traceparent", GOOD, NULL}};
    struct pair pair;

    (void)state;
    pair_start(&pair, &options);
    for (size_t i = 0; i < COUNT(headers); i++) {
        char id[WEIR_TRACE_ID_TEXT];

        call_with(&pair, "x", headers[i]);
        weir_trace_id_text(&seen, id);
        assert_string_not_equal(id, TRACE);
        assert_true(context_is_zero(seen.parent_id, 8));
        assert_false(context_is_zero(seen.trace_id, 16) || context_is_zero(seen.span_id, 8));
        assert_false(seen.sampled);
        assert_string_equal(seen_state, "");
    }
    pair_stop(&pair);
}

static void
a_share_of_new_traces_is_sampled(void **state)
{
    static const struct {
        double skip;
        unsigned least, most;
    } shares[] = {{0, 400, 400}, {1, 0, 0}, {0.75, 50, 160}};

    (void)state;
    for (size_t i = 0; i < COUNT(shares); i++) {
        const struct weir_tracer_options options = {.skip = shares[i].skip};
        unsigned sampled = 0;
        struct pair pair;

        pair_start(&pair, &options);
        for (unsigned n = 0; n < 400; n++) {
            call_with(&pair, "x", NULL);
            sampled += seen.sampled;
        }
        assert_in_range(sampled, shares[i].least, shares[i].most);
        pair_stop(&pair);
    }
}

/* ---- a collector ---- */

typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest export_request;
typedef Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse export_response;
typedef Opentelemetry__Proto__Trace__V1__Span otlp_span;

#define KEPT 64

struct collector {
    weir_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    size_t count;
    char lines[KEPT][512]; /* of a span each */
    uint8_t span_ids[KEPT][8], parents[KEPT][8], trace_ids[KEPT][16];
    atomic_bool hang;
};

static struct collector collector = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Sorted by nothing: in the order of the attributes as sent. */
static void
describe(const otlp_span *span, char line[512])
{
    size_t len = (size_t)snprintf(line, 512, "%s kind=%d status=%d:%s", span->name, span->kind,
        span->status == NULL ? 0 : span->status->code,
        span->status == NULL ? "" : span->status->message);

    for (size_t i = 0; i < span->n_attributes; i++) {
        const Opentelemetry__Proto__Common__V1__AnyValue *value = span->attributes[i]->value;

        if (strstr(span->attributes[i]->key, "peer.port") != NULL)
            continue;
        if (value->value_case == OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE)
            len += (size_t)snprintf(
                line + len, 512 - len, " %s=%s", span->attributes[i]->key, value->string_value);
        else
            len += (size_t)snprintf(
                line + len, 512 - len, " %s=%d", span->attributes[i]->key, (int)value->int_value);
    }
}

static void
keep(struct collector *of, const otlp_span *span)
{
    assert_int_equal(span->trace_id.len, 16);
    assert_int_equal(span->span_id.len, 8);
    assert_true(span->end_time_unix_nano >= span->start_time_unix_nano);
    assert_true(span->start_time_unix_nano / 1000000000 + 1000 >= (uint64_t)weir_unix_seconds());
    if (of->count < KEPT) {
        describe(span, of->lines[of->count]);
        memcpy(of->trace_ids[of->count], span->trace_id.data, 16);
        memcpy(of->span_ids[of->count], span->span_id.data, 8);
        memset(of->parents[of->count], 0, 8);
        if (span->parent_span_id.len == 8)
            memcpy(of->parents[of->count], span->parent_span_id.data, 8);
    }
    of->count++;
}

static weir_code export(
    void *self, weir_call *call, const export_request *request, export_response *response)
{
    struct collector *of = self;

    (void)response;
    if (of->hang)
        return weir_call_sleep(call, 1000 * WEIR_SECOND);
    pthread_mutex_lock(&of->lock);
    for (size_t i = 0; i < request->n_resource_spans; i++) {
        for (size_t j = 0; j < request->resource_spans[i]->n_scope_spans; j++) {
            for (size_t k = 0; k < request->resource_spans[i]->scope_spans[j]->n_spans; k++)
                keep(of, request->resource_spans[i]->scope_spans[j]->spans[k]);
        }
    }
    pthread_mutex_unlock(&of->lock);
    return WEIR_OK;
}

static void *
run_collector(void *arg)
{
    (void)!weir_server_run(arg);
    return NULL;
}

static void
collector_start(void)
{
    static const struct opentelemetry_proto_collector_trace_v1_TraceService_handlers handlers = {
        .Export = export};

    collector.count = 0;
    collector.hang = false;
    assert_int_equal(weir_server_new(NULL, &collector.server), WEIR_OK);
    assert_int_equal(opentelemetry_proto_collector_trace_v1_TraceService_add(
                         collector.server, &handlers, &collector),
        WEIR_OK);
    assert_int_equal(weir_server_listen(collector.server, "127.0.0.1:0"), WEIR_OK);
    assert_int_equal(pthread_create(&collector.thread, NULL, run_collector, collector.server), 0);
}

static void
collector_stop(void)
{
    weir_server_drain(collector.server, 0);
    pthread_join(collector.thread, NULL);
    weir_server_free(collector.server);
}

static const char *
collector_url(void)
{
    static char url[80];

    snprintf(url, sizeof(url), "http://%s/", weir_server_address(collector.server, 0));
    return url;
}

static void
spans_tell_of_calls(void **state)
{
    const struct weir_tracer_options options = {
        .endpoint = (collector_start(), collector_url()), .server_address = "example.org:50051"};
    struct weir_tracer_counters counters;
    struct pair pair;

    (void)state;
    pair_start(&pair, &options);
    assert_int_equal(call_with(&pair, "x", (const char *[]){"traceparent", GOOD, NULL}), WEIR_OK);
    assert_int_equal(call_with(&pair, "fail:5", NULL), WEIR_NOT_FOUND);
    assert_int_equal(call_with(&pair, "fail:13", NULL), WEIR_INTERNAL);
    weir_channel_free(pair.channel);
    pair.channel = NULL;
    weir_tracer_flush(tracer, 100 * WEIR_SECOND);
    assert_int_equal(collector.count, 3);
    assert_string_equal(collector.lines[0],
        "rpctest.Test/Unary kind=2 status=0: rpc.system=grpc rpc.service=rpctest.Test"
        " rpc.method=Unary rpc.grpc.status_code=0 server.address=example.org server.port=50051"
        " network.peer.address=127.0.0.1");
    assert_non_null(strstr(collector.lines[1], "kind=2 status=0: rpc"));
    assert_non_null(strstr(collector.lines[1], "rpc.grpc.status_code=5"));
    assert_non_null(strstr(collector.lines[2], "kind=2 status=2:as asked: %, \n and \xC3\xBC rpc"));
    weir_tracer_count(tracer, &counters);
    assert_int_equal(counters.exported, 3);
    assert_int_equal(counters.dropped_full + counters.dropped_sent, 0);
    pair_stop(&pair);
    collector_stop();
}

static void *
run_tracer(void *arg)
{
    weir_tracer_run(arg);
    return NULL;
}

static void
a_tracer_runs_until_it_is_stopped(void **state)
{
    const struct weir_tracer_options options = {
        .endpoint = (collector_start(), collector_url()), .batch = 8, .queue = 1024};
    struct weir_tracer_counters counters;
    pthread_t thread;
    struct pair pair;

    (void)state;
    pair_start(&pair, &options);
    assert_int_equal(pthread_create(&thread, NULL, run_tracer, tracer), 0);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(call_with(&pair, "x", NULL), WEIR_OK);
    do { /* full batches go without waiting for five seconds */
        weir_tracer_count(tracer, &counters);
        usleep(1000);
    } while (counters.exported < 8);
    weir_channel_free(pair.channel);
    pair.channel = NULL;
    weir_tracer_stop(tracer, 100 * WEIR_SECOND);
    pthread_join(thread, NULL);
    weir_tracer_count(tracer, &counters);
    assert_int_equal(counters.exported + counters.dropped_full, 50);
    assert_int_equal(collector.count, counters.exported);
    pair_stop(&pair);
    collector_stop();
}

/* Calls go on, spans are dropped and counted, and stopping is bounded. */
static void
stop_against(const char *endpoint)
{
    const struct weir_tracer_options options = {
        .endpoint = endpoint, .batch = 4, .queue = 16, .interval = WEIR_MILLISECOND};
    struct weir_tracer_counters counters;
    pthread_t thread;
    struct pair pair;

    pair_start(&pair, &options);
    assert_int_equal(pthread_create(&thread, NULL, run_tracer, tracer), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(call_with(&pair, "x", NULL), WEIR_OK);
    weir_tracer_stop(tracer, 200 * WEIR_MILLISECOND);
    pthread_join(thread, NULL);
    weir_tracer_count(tracer, &counters);
    assert_int_equal(counters.exported, 0);
    assert_true(counters.dropped_full >= 100 - 16 - 4 - 1);
    assert_true(counters.dropped_sent > 0);
    pair_stop(&pair);
}

static void
a_dead_collector_stops_nobody(void **state)
{
    (void)state;
    stop_against("http://127.0.0.1:1");
    collector_start();
    collector.hang = true;
    stop_against(collector_url());
    collector_stop();
}

static void
bad_options_are_refused(void **state)
{
    static const struct weir_tracer_options bad[] = {
        {.skip = -0.1},
        {.skip = 1.1},
        {.skip = (double)__builtin_nanf("")},
        {.queue = 1000},
        {.endpoint = ""},
        {.endpoint = "https://127.0.0.1:4317"},
        {.endpoint = "http://"},
        {.endpoint = "http://127.0.0.1:4317/v1/traces"},
        {.endpoint = "http://127.0.0.1:x"},
        {.endpoint = "http://127.0.0.1:70000"},
        {.server_address = "127.0.0.1:0"},
        {.server_address = "127.0.0.1:http"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        weir_tracer *none = NULL;

        assert_int_equal(weir_tracer_new(&bad[i], &none), WEIR_INVALID_ARGUMENT);
        assert_null(none);
    }
    weir_tracer_free(NULL);
}

static void
good_endpoints_are_taken(void **state)
{
    static const char *const good[] = {"http://127.0.0.1:4317", "127.0.0.1", "http://[::1]",
        "http://[::1]:4317/", "localhost:4317", "http://localhost/", "unix:/tmp/collector.sock"};

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct weir_tracer_options options = {
            .endpoint = good[i], .server_address = "[::1]:50051"};

        assert_int_equal(weir_tracer_new(&options, &tracer), WEIR_OK);
        weir_tracer_flush(tracer, 0);
        weir_tracer_free(tracer);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_is_bounded_and_in_order),
        cmocka_unit_test(threads_push_while_one_takes),
        cmocka_unit_test(spans_go_when_time_is_over_or_a_batch_is_full),
        cmocka_unit_test(what_may_pass_is_sent_again),
        cmocka_unit_test(what_will_not_pass_is_dropped),
        cmocka_unit_test(flushing_sends_all_or_drops_the_rest),
        cmocka_unit_test(a_call_continues_the_trace_that_comes),
        cmocka_unit_test(a_bad_or_doubled_parent_begins_a_new_trace),
        cmocka_unit_test(a_share_of_new_traces_is_sampled),
        cmocka_unit_test(spans_tell_of_calls),
        cmocka_unit_test(a_tracer_runs_until_it_is_stopped),
        cmocka_unit_test(a_dead_collector_stops_nobody),
        cmocka_unit_test(good_endpoints_are_taken),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
