/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, and the interceptor that logs calls. */
#include "logging/logging.h"

#include <stdlib.h>
#include <weir/tracing.h>

#define BUFFER_DEFAULT ((size_t)256 * 1024)
#define PATIENCE_DEFAULT (2 * WEIR_SECOND)

weir_code
weir_log_new(const struct weir_log_options *options, weir_log **out_log)
{
    weir_log *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    if (options != NULL)
        log->options = *options;
    if (log->options.buffer == 0)
        log->options.buffer = BUFFER_DEFAULT;
    if (log->options.patience == 0)
        log->options.patience = PATIENCE_DEFAULT;
    log->writer = log_writer_new(&log->options);
    if (log->writer == NULL) {
        free(log);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    *out_log = log;
    return WEIR_OK;
}

void
weir_log_free(weir_log *log)
{
    if (log == NULL)
        return;
    log_writer_free(log->writer, log->options.patience);
    free(log);
}

uint64_t
weir_log_dropped(weir_log *log)
{
    return log_writer_dropped(log->writer);
}

void
weir_log_write(weir_log *log, enum weir_log_level level, const char *message,
    const struct weir_log_field *fields, size_t count)
{
    struct log_line line;

    if (log == NULL || level < log->options.level)
        return;
    log_line_build(&line, log->options.format, level, message, fields, count);
    log_writer_put(log->writer, line.data, line.len);
}

/* ---- calls ---- */

static enum weir_log_level
level_of(weir_code code)
{
    switch (code) {
    case WEIR_UNAVAILABLE:
    case WEIR_DEADLINE_EXCEEDED:
    case WEIR_RESOURCE_EXHAUSTED:
        return WEIR_LOG_WARN;
    case WEIR_UNKNOWN:
    case WEIR_INTERNAL:
    case WEIR_DATA_LOSS:
        return WEIR_LOG_ERROR;
    default:
        return WEIR_LOG_INFO;
    }
}

static void
log_start(weir_log *log, weir_call *call)
{
    if (log->options.level <= WEIR_LOG_INFO)
        weir_log_line(log, WEIR_LOG_INFO, "call started",
            weir_log_text("method", weir_call_method(call)),
            weir_log_text("peer", weir_call_peer(call)));
}

/* The ids of a call's trace, as text. */
struct trace_texts {
    char trace[WEIR_TRACE_ID_TEXT], span[WEIR_SPAN_ID_TEXT];
};

static size_t
add_trace(weir_call *call, struct trace_texts *texts, struct weir_log_field *fields)
{
    const struct weir_trace_context *context = weir_trace_context(call);

    if (context == NULL)
        return 0;
    weir_trace_id_text(context, texts->trace);
    weir_span_id_text(context, texts->span);
    fields[0] = weir_log_text("trace_id", texts->trace);
    fields[1] = weir_log_text("span_id", texts->span);
    return 2;
}

static void
log_end(weir_log *log, weir_call *call, weir_code code, int64_t begun)
{
    enum weir_log_level level = level_of(code);
    struct weir_log_field fields[7 + WEIR_LOG_CALL_FIELDS];
    struct trace_texts texts;
    size_t count = 0;

    if (level < log->options.level)
        return;
    fields[count++] = weir_log_text("method", weir_call_method(call));
    fields[count++] = weir_log_text("peer", weir_call_peer(call));
    fields[count++] = weir_log_text("code", weir_code_name(code));
    fields[count++] = weir_log_number("duration_us", (weir_now() - begun) / WEIR_MICROSECOND);
    if (code != WEIR_OK)
        fields[count++] = weir_log_text("error", weir_call_message(call));
    count += add_trace(call, &texts, fields + count);
    if (log->options.call_fields != NULL)
        count += log->options.call_fields(log->options.call_fields_self, call, fields + count);
    weir_log_write(log, level, "call ended", fields, count);
}

weir_code
weir_log_intercept(void *self, weir_call *call, weir_next *next)
{
    weir_log *log = self;
    int64_t begun = weir_call_is_server(call) ? weir_call_arrived(call) : weir_now();
    weir_code code, end;

    log_start(log, call);
    code = weir_proceed(next, call);
    end = weir_call_code(call); /* the actual status if the call was ended early */
    log_end(log, call, end == WEIR_OK ? code : end, begun);
    return code;
}
