/* SPDX-License-Identifier: Apache-2.0 */
/* What a run has found: of one thread, or of all once they have ended. */
/* Threads: its thread's own; only `done` is read by any. */
#pragma once

#include "base/counter.h"
#include "weir-bench/histogram.h"
#include <weir/status.h>

#define TALLY_CODES 17
#define TALLY_TEXT 160

struct tally {
    _Atomic uint64_t done;               /* calls that have ended, also those that do not count */
    uint64_t codes[TALLY_CODES];         /* of calls that count, how they ended */
    char texts[TALLY_CODES][TALLY_TEXT]; /* what the first said of each code */
    uint64_t in_time;                    /* of these, that ended within the time */
    uint64_t unfinished;                 /* calls that were given up at the end */
    uint64_t reconnects;
    uint64_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received; /* of HTTP/2, before TLS */
    int64_t time;                        /* nanoseconds that were measured */
    struct histogram latency;
};

/* A call has ended. text: what the server says of it, "" when nothing. */
void tally_code(struct tally *tally, weir_code code, const char *text);

/* The calls of both; the time is the longer one. */
void tally_merge(struct tally *into, const struct tally *from);

/* Calls that count, and those of them that did not end in OK. */
uint64_t tally_calls(const struct tally *tally);
uint64_t tally_failures(const struct tally *tally);
