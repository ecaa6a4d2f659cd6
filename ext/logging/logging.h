/* SPDX-License-Identifier: Apache-2.0 */
/* Internals of a log: lines are built on the stack, then buffered for the writer's thread. */
/* Threads: a line belongs to its builder; a writer is shared, its fields guarded by its lock. */
#pragma once

#include <pthread.h>
#include <weir/logging.h>

#define LOG_LINE_MAX 4096

struct log_line {
    char data[LOG_LINE_MAX];
    size_t len;
    bool full; /* truncated */
};

void log_line_build(struct log_line *line, enum weir_log_format format, enum weir_log_level level,
    const char *message, const struct weir_log_field *fields, size_t count);

/* Has two buffers: one is filled while the other is written. */
struct log_writer;

/* Start the writer's thread. NULL: no memory or no thread. */
struct log_writer *log_writer_new(const struct weir_log_options *options);

/* Write out the buffered lines, for at most `patience` nanoseconds; a thread blocked longer is
 * abandoned. */
void log_writer_free(struct log_writer *writer, int64_t patience);

void log_writer_put(struct log_writer *writer, const char *line, size_t len);
uint64_t log_writer_dropped(struct log_writer *writer);

struct weir_log {
    struct weir_log_options options;
    struct log_writer *writer;
};
