/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that writes lines. Logging only copies to a buffer; if that is full because the
 * terminal or pipe does not accept more, lines are dropped rather than blocking a loop. */
#include "logging/logging.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct log_writer {
    void (*write)(void *self, const char *lines, size_t len); /* NULL: standard error */
    void *self;
    enum weir_log_format format;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    pthread_cond_t last; /* signalled when `ended` is set */
    bool cut;            /* standard error ends in the middle of a line; used only by the thread */
    char *filling, *writing; /* `writing` is used only by the thread */
    size_t len, size;        /* len: of `filling`; size: of each */
    uint64_t dropped, told;
    bool idle, ending, ended, abandoned;
};

static uint64_t
count_lines(const char *lines, size_t len)
{
    const char *end = lines + len;
    uint64_t count = 0;

    while ((lines = memchr(lines, '\n', (size_t)(end - lines))) != NULL) {
        lines++;
        count++;
    }
    return count;
}

/* Returns how many bytes could not be written, for example because the disk is full. */
static size_t
write_bytes(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, len);

        if (written < 0 && errno == EAGAIN) /* another process made it non-blocking */
            (void)poll(&(struct pollfd){.fd = STDERR_FILENO, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            break;
        if (written > 0) {
            bytes += written;
            len -= (size_t)written;
        }
    }
    return len;
}

/* Returns how many lines were not written completely. A truncated line is ended before the next
 * one. */
static uint64_t
write_stderr(struct log_writer *writer, const char *lines, size_t len)
{
    size_t left;

    if (writer->cut && write_bytes("\n", 1) > 0)
        return count_lines(lines, len);
    left = write_bytes(lines, len);
    writer->cut = left > 0 && left < len && lines[len - left - 1] != '\n';
    return count_lines(lines + len - left, left);
}

/* Returns how many of the lines were lost, as far as known. */
static uint64_t
write_lines(struct log_writer *writer, const char *lines, size_t len)
{
    if (writer->write == NULL)
        return write_stderr(writer, lines, len);
    writer->write(writer->self, lines, len);
    return 0;
}

static void
destroy(struct log_writer *writer)
{
    pthread_cond_destroy(&writer->filled);
    pthread_cond_destroy(&writer->last);
    pthread_mutex_destroy(&writer->lock);
    free(writer->filling);
    free(writer->writing);
    free(writer);
}

/* Write how many lines were dropped. False: writing failed. */
static bool
tell_dropped(struct log_writer *writer, uint64_t count)
{
    struct weir_log_field field = weir_log_number("lines", (int64_t)count);
    struct log_line line;

    log_line_build(&line, writer->format, WEIR_LOG_WARN, "log lines were dropped", &field, 1);
    return write_lines(writer, line.data, line.len) == 0;
}

/* Under the lock, which is released meanwhile: write out the filled buffer. */
static void
write_filled(struct log_writer *writer)
{
    char *lines = writer->filling;
    size_t len = writer->len;
    uint64_t dropped = writer->dropped - writer->told, lost = 0;
    bool told;

    writer->filling = writer->writing;
    writer->writing = lines;
    writer->len = 0;
    pthread_mutex_unlock(&writer->lock);
    if (len > 0)
        lost = write_lines(writer, lines, len);
    told = lost == 0 && dropped > 0 && tell_dropped(writer, dropped);
    pthread_mutex_lock(&writer->lock);
    writer->dropped += lost;
    writer->told += told ? dropped : 0;
}

static void *
run(void *arg)
{
    struct log_writer *writer = arg;
    bool abandoned;

    pthread_mutex_lock(&writer->lock);
    while (!writer->abandoned && (!writer->ending || writer->len > 0)) {
        writer->idle = writer->len == 0;
        if (writer->idle)
            pthread_cond_wait(&writer->filled, &writer->lock);
        else
            write_filled(writer);
    }
    writer->ended = true;
    abandoned = writer->abandoned;
    pthread_cond_signal(&writer->last);
    pthread_mutex_unlock(&writer->lock);
    if (abandoned)
        destroy(writer);
    return NULL;
}

/* All signals are blocked: the application's handlers never run on this thread. */
static bool
start(struct log_writer *writer)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&writer->thread, NULL, run, writer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void
init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct log_writer *
log_writer_new(const struct weir_log_options *options)
{
    struct log_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return NULL;
    writer->write = options->write;
    writer->self = options->self;
    writer->format = options->format;
    writer->size = options->buffer;
    writer->filling = malloc(writer->size);
    writer->writing = malloc(writer->size);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->filled, NULL);
    init_monotonic(&writer->last);
    if (writer->filling == NULL || writer->writing == NULL || !start(writer)) {
        destroy(writer);
        return NULL;
    }
    return writer;
}

/* Under the lock. False: the thread has not ended by then. */
static bool
wait_for_end(struct log_writer *writer, int64_t until)
{
    struct timespec time = {until / WEIR_SECOND, (long)(until % WEIR_SECOND)};

    while (!writer->ended) {
        if (pthread_cond_timedwait(&writer->last, &writer->lock, &time) == ETIMEDOUT)
            return writer->ended;
    }
    return true;
}

void
log_writer_free(struct log_writer *writer, int64_t patience)
{
    pthread_t thread = writer->thread;
    int64_t now = weir_now();
    bool ended;

    pthread_mutex_lock(&writer->lock);
    writer->ending = true;
    pthread_cond_signal(&writer->filled);
    ended = wait_for_end(writer, patience < WEIR_NEVER - now ? now + patience : WEIR_NEVER);
    writer->abandoned = !ended;
    pthread_mutex_unlock(&writer->lock);
    if (!ended) {
        pthread_detach(thread);
        return;
    }
    pthread_join(thread, NULL);
    destroy(writer);
}

void
log_writer_put(struct log_writer *writer, const char *line, size_t len)
{
    pthread_mutex_lock(&writer->lock);
    if (len > writer->size - writer->len) {
        writer->dropped++;
    } else {
        memcpy(writer->filling + writer->len, line, len);
        writer->len += len;
        if (writer->idle)
            pthread_cond_signal(&writer->filled);
        writer->idle = false;
    }
    pthread_mutex_unlock(&writer->lock);
}

uint64_t
log_writer_dropped(struct log_writer *writer)
{
    uint64_t dropped;

    pthread_mutex_lock(&writer->lock);
    dropped = writer->dropped;
    pthread_mutex_unlock(&writer->lock);
    return dropped;
}
