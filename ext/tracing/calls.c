/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptor: determines the trace of a call, and records its span when it ends. A call that
 * is not sampled costs a few ids, in its own arena. */
#include "tracing/context.h"
#include "tracing/tracer.h"
#include <endian.h>
#include <time.h>

/* The random part of a trace id is its last seven bytes (W3C Trace Context level 2, section 2.2).
 */
#define RANDOM_BITS ((UINT64_C(1) << 56) - 1)

struct trace {
    struct weir_trace_context context;
    const weir_call *call; /* the call it belongs to: a call made in a handler inherits the value of
                              the handler's call */
    int64_t start;         /* monotonic */
    int64_t start_unix;    /* nanoseconds since 1970 */
};

static const struct weir_key trace_key = {"trace"};

const struct weir_trace_context *
weir_trace_context(const weir_call *call)
{
    const struct trace *trace = weir_call_value(call, &trace_key);

    return trace == NULL ? NULL : &trace->context;
}

/* ---- start of a call ---- */

static void
put_big_endian(uint8_t out_bytes[8], uint64_t number)
{
    uint64_t bytes = htobe64(number);

    memcpy(out_bytes, &bytes, sizeof(bytes));
}

static void
begin_trace(
    const struct weir_tracer *tracer, struct weir_trace_context *context, const uint64_t ids[3])
{
    put_big_endian(context->trace_id, ids[1]);
    put_big_endian(context->trace_id + 8, ids[2]);
    context->sampled = (ids[2] & RANDOM_BITS) >= tracer->threshold;
}

/* Append a field: several fields form one list (RFC 9110, section 5.3). Returns the new length,
 * CONTEXT_STATE_LEN + 1 for a list that is too long. */
static size_t
join_state(char text[CONTEXT_STATE_LEN], size_t len, weir_str more)
{
    size_t comma = len > 0;

    if (len > CONTEXT_STATE_LEN || more.len + comma > CONTEXT_STATE_LEN - len)
        return CONTEXT_STATE_LEN + 1;
    if (comma)
        text[len] = ',';
    if (more.len > 0)
        memcpy(text + len + comma, more.data, more.len);
    return len + comma + more.len;
}

/* Copy the state into the call's memory: a client's stream may outlive the handler that created it.
 */
static void
keep_state(weir_call *call, struct weir_trace_context *context, weir_str state)
{
    char *copy = state.len == 0 ? NULL : weir_call_keep(call, state.len);

    context->state = (weir_str){copy, copy == NULL ? 0 : state.len};
    if (copy != NULL)
        memcpy(copy, state.data, state.len);
}

/* False: no trace to continue. Two traceparent headers count as none (W3C Trace Context,
 * section 3.2.2.1: if it cannot be parsed, a new trace is started); without a valid one, tracestate
 * is ignored. */
static bool
read_headers(weir_call *call, struct weir_trace_context *context)
{
    weir_str key, value;
    char state[CONTEXT_STATE_LEN];
    size_t state_len = 0;
    unsigned parents = 0;
    bool good = false;

    if (weir_call_header(call, "traceparent").data == NULL) /* cheaper than iterating */
        return false;
    for (size_t cursor = 0; weir_call_next_header(call, &cursor, &key, &value);) {
        if (weir_str_equal(key, weir_str_of("traceparent"))) {
            parents++;
            good = weir_traceparent_parse(value, context);
        } else if (weir_str_equal(key, weir_str_of("tracestate"))) {
            state_len = join_state(state, state_len, value);
        }
    }
    if (!good || parents != 1)
        return false;
    if (context_state_valid((weir_str){state, state_len}))
        keep_state(call, context, (weir_str){state, state_len});
    return true;
}

static void
continue_trace(struct weir_trace_context *context, const struct weir_trace_context *parent)
{
    memcpy(context->trace_id, parent->trace_id, sizeof(context->trace_id));
    memcpy(context->parent_id, parent->span_id, sizeof(context->parent_id));
    context->sampled = parent->sampled;
    context->state = parent->state;
}

static int64_t
unix_nanoseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * WEIR_SECOND + now.tv_nsec;
}

/* NULL: no memory; the call proceeds untraced. */
static struct trace *
begin(struct weir_tracer *tracer, weir_call *call, const struct trace *around)
{
    struct trace *trace = weir_call_keep(call, sizeof(*trace));
    struct weir_trace_context came;
    uint64_t ids[3];

    if (trace == NULL)
        return NULL;
    trace->call = call;
    tracer_ids(tracer, call, ids);
    put_big_endian(trace->context.span_id, ids[0]);
    if (around != NULL) {
        continue_trace(&trace->context, &around->context);
        keep_state(call, &trace->context, around->context.state);
    } else if (weir_call_is_server(call) && read_headers(call, &came)) {
        continue_trace(&trace->context, &came);
    } else {
        begin_trace(tracer, &trace->context, ids);
    }
    if (trace->context.sampled) {
        trace->start = weir_now();
        trace->start_unix = unix_nanoseconds();
    }
    return weir_call_set_value(call, &trace_key, trace) == WEIR_OK ? trace : NULL;
}

static void
send_headers(weir_call *call, const struct weir_trace_context *context)
{
    char text[WEIR_TRACEPARENT_TEXT];

    weir_traceparent_format(context, text);
    (void)!weir_call_add_header(call, "traceparent", weir_str_of(text));
    if (context->state.data != NULL)
        (void)!weir_call_add_header(call, "tracestate", context->state);
}

/* ---- end of a call ---- */

/* Truncates to the size, and replaces unprintable bytes: a method's name may be any bytes sent by a
 * peer. */
static void
copy_name(char *out, size_t size, const char *text)
{
    size_t len = 0;

    for (; text[len] != '\0' && len + 1 < size; len++)
        out[len] = text[len] >= 0x20 && text[len] < 0x7f ? text[len] : '?';
    out[len] = '\0';
}

/* Truncates to the size at a character boundary, as valid UTF-8: collectors reject a whole batch
 * for one invalid string, and a server's status message may quote a peer. */
static void
copy_text(char *out, size_t size, const char *text)
{
    size_t len = 0, step;
    uint32_t code_point;

    for (; *text != '\0'; text += step, len += step) {
        bool good = (step = weir_utf8_decode(text, strnlen(text, 4), &code_point)) != 0;

        if (!good)
            step = 1;
        if (len + step >= size)
            break;
        memcpy(out + len, good ? text : "?", step);
    }
    out[len] = '\0';
}

/* A tracestate consists of complete list-members, or is omitted. */
static void
copy_state(char *out, size_t size, weir_str state)
{
    size_t len = state.len < size ? state.len : 0;

    if (len > 0)
        memcpy(out, state.data, len);
    out[len] = '\0';
}

static void
record(struct weir_tracer *tracer, const struct trace *trace, weir_call *call, weir_code code)
{
    const struct weir_trace_context *context = &trace->context;
    const char *method = weir_call_method(call);
    struct span span = {.start = trace->start_unix,
        .end = trace->start_unix + (weir_now() - trace->start),
        .code = code,
        .server = weir_call_is_server(call)};

    memcpy(span.trace_id, context->trace_id, sizeof(span.trace_id));
    memcpy(span.span_id, context->span_id, sizeof(span.span_id));
    memcpy(span.parent_id, context->parent_id, sizeof(span.parent_id));
    copy_name(span.method, sizeof(span.method), method + (method[0] == '/'));
    copy_text(span.message, sizeof(span.message), weir_call_message(call));
    copy_name(span.peer, sizeof(span.peer), weir_call_peer(call));
    copy_state(span.state, sizeof(span.state), context->state);
    tracer_push(tracer, &span);
}

weir_code
weir_tracer_intercept(void *self, weir_call *call, weir_next *next)
{
    struct weir_tracer *tracer = self;
    const struct trace *around = weir_call_value(call, &trace_key), *trace;
    weir_code code, end;

    if (around != NULL && around->call == call) /* another attempt of a call that has a span */
        return weir_proceed(next, call);
    trace = begin(tracer, call, around);
    if (trace == NULL)
        return weir_proceed(next, call);
    if (!weir_call_is_server(call))
        send_headers(call, &trace->context);
    code = weir_proceed(next, call);
    if (!trace->context.sampled)
        return code;
    end = weir_call_code(call); /* the actual status if the call was ended early */
    record(tracer, trace, call, end == WEIR_OK ? code : end);
    return code;
}
