/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: text for a terminal, JSON for machines; time, level, message, fields. */
/* Threads: a log is constant once set up; lines may be written from any thread and do not mix. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    int fd; /* borrowed */
    enum log_format format;
    enum log_level level; /* lines below it are dropped */
};

struct log_field {
    const char *key;
    const char *text; /* any bytes; NULL: the value is the number */
    int64_t number;
};

static inline struct log_field
log_text(const char *key, const char *text)
{
    return (struct log_field){key, text == NULL ? "" : text, 0};
}

static inline struct log_field
log_number(const char *key, int64_t number)
{
    return (struct log_field){key, NULL, number};
}

/* One line. Long values are cut, fields for which no room is left are dropped. */
void log_write(const struct log *log, enum log_level level, const char *message,
    const struct log_field *fields, size_t count);

/* log_line(log, LOG_WARN, "cut short", log_text("why", why), log_number("calls", calls)) */
#define log_line(log, level, message, ...)                                        \
    log_write((log), (level), (message), (const struct log_field[]){__VA_ARGS__}, \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
