/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, text for a terminal or JSON for machines, and an interceptor that logs calls. */
/* Threads: lines may be written from any thread and do not mix. A log has one thread of its own,
 * which alone waits for where the lines go. */
#pragma once

#include <weir/interceptor.h>

WEIR_BEGIN_C

typedef struct weir_log weir_log;

enum weir_log_level { WEIR_LOG_DEBUG = -1, WEIR_LOG_INFO, WEIR_LOG_WARN, WEIR_LOG_ERROR };
enum weir_log_format { WEIR_LOG_TEXT, WEIR_LOG_JSON };

/* A value of a line: a text (any bytes: what is not UTF-8 or would drive a terminal is escaped), or
 * with text NULL the number. */
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

#define WEIR_LOG_CALL_FIELDS 8

/* Zero is the default of every field. */
struct weir_log_options {
    enum weir_log_format format; /* text */
    enum weir_log_level level;   /* lines below it are dropped; WEIR_LOG_INFO */
    size_t buffer;               /* bytes of lines that wait to be written; 256 KiB */
    int64_t patience;            /* how long weir_log_free waits for a slow end; 2 s */
    /* Takes whole lines, on the log's own thread, and may block; NULL: standard error. */
    void (*write)(void *self, const char *lines, size_t len);
    void *self;
    /* Adds to the last line of a call, behind what it says anyway (weir_log_intercept): fills up to
     * WEIR_LOG_CALL_FIELDS fields whose texts live until the call has ended, and returns how many.
     * May be NULL. */
    size_t (*call_fields)(void *self, weir_call *call, struct weir_log_field *fields);
    void *call_fields_self;
};

/* Starts the thread. options may be NULL. RESOURCE_EXHAUSTED: no memory or no thread. */
WEIR_API WEIR_CHECK weir_code weir_log_new(
    const struct weir_log_options *options, weir_log **out_log);

/* Writes what waits and ends the thread. One that is stuck in options.write beyond options.patience
 * is left behind with that call: self must outlive it. */
WEIR_API void weir_log_free(weir_log *log);

/* One line: time, level, message, fields. Long values are cut, fields for which no room is left are
 * dropped. Never blocks: while the buffer is full lines are lost, and counted; a line says so when
 * there is room again. Does nothing with a log that is NULL. */
WEIR_API void weir_log_write(weir_log *log, enum weir_log_level level, const char *message,
    const struct weir_log_field *fields, size_t count);

/* weir_log_line(log, WEIR_LOG_WARN, "cut short", weir_log_number("calls", calls)) */
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

/* Lines that were lost so far. */
WEIR_API uint64_t weir_log_dropped(weir_log *log);

/* Log the start and the end of each call, with trace_id and span_id where a tracer is at work, of a
 * server or of a channel; self is the weir_log: method, peer, then code, duration_us, and the
 * status's text when it is not OK. Ends are of level INFO; WARN when the call found no help
 * (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED), ERROR when a program failed (UNKNOWN,
 * INTERNAL, DATA_LOSS). Neither metadata nor messages are logged. */
WEIR_API weir_interceptor weir_log_intercept;

WEIR_END_C
