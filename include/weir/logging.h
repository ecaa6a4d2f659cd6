/* SPDX-License-Identifier: Apache-2.0 */
/* Logging, as text or JSON, and an interceptor that logs calls. Part of libweir-ext. */
/* Threads: lines may be written from any thread. A log has a thread of its own, which alone waits
 * for the output. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

typedef struct weir_log weir_log;

enum weir_log_level { WEIR_LOG_DEBUG = -1, WEIR_LOG_INFO, WEIR_LOG_WARN, WEIR_LOG_ERROR };
enum weir_log_format { WEIR_LOG_TEXT, WEIR_LOG_JSON };

/* A field of a line: a string, or, if text is NULL, a number. Invalid UTF-8 and control characters
 * are escaped. */
struct weir_log_field {
    const char *key;
    const char *text;
    int64_t number;
};

static inline struct weir_log_field
weir_log_text(const char *key, const char *text)
{
    struct weir_log_field field = {key, text == NULL ? "" : text, 0};
    return field;
}

static inline struct weir_log_field
weir_log_number(const char *key, int64_t number)
{
    struct weir_log_field field = {key, NULL, number};
    return field;
}

/* The most fields that weir_log_options.call_fields may add. */
#define WEIR_LOG_CALL_FIELDS 8

/* Zero selects each field's default, which is given last. */
struct weir_log_options {
    enum weir_log_format format; /* default text */
    enum weir_log_level level;   /* lowest level that is logged; default WEIR_LOG_INFO */
    size_t buffer;               /* bytes of lines waiting to be written; default 256 KiB */
    int64_t patience;            /* nanoseconds weir_log_free waits for `write`; default 2 s */
    /* Writes whole lines. Runs on the log's thread; may block. Default: to standard error. */
    void (*write)(void *self, const char *lines, size_t len);
    void *self; /* borrowed */
    /* Adds fields to the line about a call's end (weir_log_intercept): stores up to
     * WEIR_LOG_CALL_FIELDS, whose strings live until the call has ended, and returns their number.
     * Default none. */
    size_t (*call_fields)(void *self, weir_call *call, struct weir_log_field *fields);
    void *call_fields_self; /* borrowed */
};

/* Create a log and start its thread. options may be NULL. RESOURCE_EXHAUSTED: no memory or no
 * thread. */
WEIR_API WEIR_CHECK weir_code weir_log_new(
    const struct weir_log_options *options, weir_log **out_log);

/* Write pending lines, end the thread and free the log. A thread that is blocked in options.write
 * beyond options.patience is abandoned; self must outlive it. */
WEIR_API void weir_log_free(weir_log *log);

/* Log a line: time, level, message, fields. Long values are truncated; fields that do not fit are
 * omitted. Never blocks: while the buffer is full lines are dropped and counted, which a later line
 * reports. log may be NULL: does nothing. */
WEIR_API void weir_log_write(weir_log *log, enum weir_log_level level, const char *message,
    const struct weir_log_field *fields, size_t count);

/* weir_log_write with fields as arguments: weir_log_line(log, WEIR_LOG_WARN, "cut short",
 * weir_log_number("calls", calls)). */
#ifdef __cplusplus
extern "C++" {
template <class... Fields>
void
weir_log_line(weir_log *log, enum weir_log_level level, const char *message, Fields... fields)
{
    const struct weir_log_field list[sizeof...(fields) + 1] = {fields...};

    weir_log_write(log, level, message, list, sizeof...(fields));
}
}
#else
#define weir_log_line(log, level, message, ...)                                             \
    weir_log_write((log), (level), (message), (const struct weir_log_field[]){__VA_ARGS__}, \
        sizeof((const struct weir_log_field[]){__VA_ARGS__}) / sizeof(struct weir_log_field))
#endif

/* The number of lines dropped so far. */
WEIR_API uint64_t weir_log_dropped(weir_log *log);

/* The interceptor, for servers and channels; self is the weir_log. Logs the start of each call with
 * method and peer, and its end with code, duration_us and, unless OK, the status message; both with
 * trace_id and span_id if a tracer is in use. Ends have level INFO; WARN for UNAVAILABLE,
 * DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED; ERROR for UNKNOWN, INTERNAL and DATA_LOSS. Metadata and
 * messages are not logged. Suspends. */
WEIR_API weir_interceptor weir_log_intercept;

WEIR_END_C
