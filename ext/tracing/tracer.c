/* SPDX-License-Identifier: Apache-2.0 */
/* Creation and release of tracers, ids and counters. */
#include "tracing/tracer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#define DEFAULT_QUEUE 2048
#define DEFAULT_BATCH 512
#define DEFAULT_PORT 4317
#define TARGET_SIZE 512

/* ---- addresses ---- */

/* The port in "HOST:PORT" or "[V6]:PORT", after the colon. NULL: none. */
static const char *
port_of(const char *text)
{
    const char *colon = strrchr(text, ':');

    return colon == NULL || strchr(colon, ']') != NULL ? NULL : colon + 1;
}

/* Convert "http://HOST:PORT/" or a shorter form to a channel's target. */
static weir_code
parse_endpoint(const char *text, char target[TARGET_SIZE])
{
    bool is_unix = strncmp(text, "unix:", 5) == 0;
    size_t len;
    int written;

    if (strncmp(text, "http://", 7) == 0)
        text += 7;
    len = strlen(text);
    if (!is_unix && len > 0 && text[len - 1] == '/')
        len--;
    if (len == 0 || (!is_unix && memchr(text, '/', len) != NULL))
        return WEIR_INVALID_ARGUMENT;
    written = is_unix || port_of(text) != NULL
                  ? snprintf(target, TARGET_SIZE, "%.*s", (int)len, text)
                  : snprintf(target, TARGET_SIZE, "%.*s:%d", (int)len, text, DEFAULT_PORT);
    return written < TARGET_SIZE ? WEIR_OK : WEIR_INVALID_ARGUMENT;
}

static weir_code
take_text(const char *text, const char *otherwise, char **out_copy)
{
    const char *source = text == NULL ? otherwise : text;

    if (source == NULL)
        return WEIR_OK;
    *out_copy = strdup(source);
    return *out_copy == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static weir_code
take_server_address(struct weir_tracer *tracer, const char *address)
{
    bool is_unix = address != NULL && strncmp(address, "unix:", 5) == 0;
    const char *port = address == NULL || is_unix ? NULL : port_of(address);
    char *end;

    WEIR_TRY(take_text(is_unix ? address + 5 : address, NULL, &tracer->server_host));
    if (port == NULL)
        return WEIR_OK;
    tracer->server_port = (int)strtol(port, &end, 10);
    if (*end != '\0' || tracer->server_port < 1 || tracer->server_port > UINT16_MAX)
        return WEIR_INVALID_ARGUMENT;
    tracer->server_host[port - address - 1] = '\0';
    return WEIR_OK;
}

/* ---- creation ---- */

static weir_code
set_up_export(struct weir_tracer *tracer, const struct weir_tracer_options *options)
{
    const struct weir_channel_options channel = {.user_agent = "weir-otlp"};
    char target[TARGET_SIZE];

    WEIR_TRY(parse_endpoint(options->endpoint, target));
    tracer->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (tracer->wake < 0)
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(weir_loop_new(&tracer->loop));
    WEIR_TRY(weir_channel_new(tracer->loop, target, &channel, &tracer->channel));
    tracer->exporter.queue = &tracer->queue;
    tracer->exporter.send = tracer_send;
    tracer->exporter.self = tracer;
    tracer->exporter.batch = options->batch == 0 ? DEFAULT_BATCH : options->batch;
    tracer->exporter.interval = options->interval == 0 ? 5 * WEIR_SECOND : options->interval;
    tracer->exporter.timeout =
        options->export_timeout == 0 ? 10 * WEIR_SECOND : options->export_timeout;
    WEIR_TRY(exporter_init(&tracer->exporter, weir_now()));
    return queue_init(&tracer->queue, options->queue == 0 ? DEFAULT_QUEUE : options->queue);
}

static weir_code
set_up(struct weir_tracer *tracer, const struct weir_tracer_options *options)
{
    size_t queue = options->queue;

    if (!(options->skip >= 0 && options->skip <= 1) || (queue & (queue - 1)) != 0)
        return WEIR_INVALID_ARGUMENT;
    tracer->threshold = (uint64_t)(options->skip * (double)(UINT64_C(1) << 56));
    if (getrandom(tracer->secret, sizeof(tracer->secret), 0) != (ssize_t)sizeof(tracer->secret))
        return WEIR_RESOURCE_EXHAUSTED;
    WEIR_TRY(take_text(options->service_name, "unknown_service", &tracer->service_name));
    WEIR_TRY(take_text(options->service_version, NULL, &tracer->service_version));
    WEIR_TRY(take_server_address(tracer, options->server_address));
    return options->endpoint == NULL ? WEIR_OK : set_up_export(tracer, options);
}

static void
init_waiting(struct weir_tracer *tracer)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(&tracer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tracer->stopped, &attributes);
    pthread_condattr_destroy(&attributes);
}

weir_code
weir_tracer_new(const struct weir_tracer_options *options, weir_tracer **out_tracer)
{
    struct weir_tracer *tracer = aligned_alloc(_Alignof(struct weir_tracer), sizeof(*tracer));
    weir_code code;

    if (tracer == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    memset(tracer, 0, sizeof(*tracer));
    tracer->wake = -1;
    init_waiting(tracer);
    code = set_up(tracer, options);
    if (code != WEIR_OK) {
        weir_tracer_free(tracer);
        return code;
    }
    *out_tracer = tracer;
    return WEIR_OK;
}

weir_channel *
weir_tracer_channel(weir_tracer *tracer)
{
    return tracer->channel;
}

void
weir_tracer_free(weir_tracer *tracer)
{
    if (tracer == NULL)
        return;
    weir_channel_free(tracer->channel);
    weir_loop_free(tracer->loop);
    if (tracer->wake >= 0)
        close(tracer->wake);
    exporter_fini(&tracer->exporter);
    queue_fini(&tracer->queue);
    pthread_cond_destroy(&tracer->stopped);
    pthread_mutex_destroy(&tracer->lock);
    free(tracer->service_name);
    free(tracer->service_version);
    free(tracer->server_host);
    free(tracer);
}

/* ---- during calls ---- */

/* A mixing permutation (the finalizer of MurmurHash3). */
static uint64_t
scramble(uint64_t number)
{
    number = (number ^ (number >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    number = (number ^ (number >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return number ^ (number >> 33);
}

/* Each number is a permutation of a unique count, so none is repeated; 0, which is not a valid id,
 * is replaced by 1. */
void
tracer_ids(struct weir_tracer *tracer, const weir_call *call, uint64_t out_ids[3])
{
    uintptr_t place = ((uintptr_t)call >> 12 ^ (uintptr_t)call >> 20) % TRACER_STRIPES;
    uint64_t count =
        atomic_fetch_add_explicit(&tracer->stripes[place].count, 1, memory_order_relaxed);

    count = count * TRACER_STRIPES + place;
    for (unsigned i = 0; i < 3; i++) {
        out_ids[i] = scramble(tracer->secret[i] + count);
        out_ids[i] += out_ids[i] == 0;
    }
}

void
tracer_push(struct weir_tracer *tracer, const struct span *span)
{
    const uint64_t one = 1;

    if (tracer->loop == NULL)
        return;
    if (!queue_push(&tracer->queue, span))
        atomic_fetch_add_explicit(&tracer->dropped_full, 1, memory_order_relaxed);
    else if (queue_count(&tracer->queue) >= tracer->exporter.batch &&
             !atomic_exchange(&tracer->woken, true))
        (void)!write(tracer->wake, &one, sizeof(one));
}

void
weir_tracer_count(const weir_tracer *tracer, struct weir_tracer_counters *out_counters)
{
    *out_counters = (struct weir_tracer_counters){
        .exported = atomic_load(&tracer->exporter.exported),
        .dropped_full = atomic_load(&tracer->dropped_full),
        .dropped_sent = atomic_load(&tracer->exporter.dropped),
    };
}
