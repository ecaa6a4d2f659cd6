/* SPDX-License-Identifier: Apache-2.0 */
/* userd's log: Weir's log under shorter names. */
/* Threads: lines may be written from any thread and do not mix. */
#pragma once

#include <weir/logging.h>

#define LOG_DEBUG WEIR_LOG_DEBUG
#define LOG_INFO WEIR_LOG_INFO
#define LOG_WARN WEIR_LOG_WARN
#define LOG_ERROR WEIR_LOG_ERROR

struct log {
    weir_log *lines; /* NULL: nothing is logged */
};

#define log_field weir_log_field
#define log_text weir_log_text
#define log_number weir_log_number

static inline void
log_write(const struct log *log, enum weir_log_level level, const char *message,
    const struct weir_log_field *fields, size_t count)
{
    weir_log_write(log->lines, level, message, fields, count);
}

/* log_line(log, LOG_WARN, "cut short", log_text("why", why), log_number("calls", calls)) */
#define log_line(log, level, message, ...) \
    weir_log_line((log)->lines, (level), (message), __VA_ARGS__)
