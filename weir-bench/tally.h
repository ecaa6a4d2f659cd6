/* SPDX-License-Identifier: Apache-2.0 */
/* The results of a run: those of one thread, or of all after they have ended. */
/* Threads: belongs to one thread; only `done` may be read from others. */
#pragma once

#include "base/counter.h"
#include "weir-bench/histogram.h"
#include <weir/status.h>

#define TALLY_CODES 17
#define TALLY_TEXT 160

struct tally {
    _Atomic uint64_t done;               /* calls that ended, including those that are not
                                            measured */
    uint64_t codes[TALLY_CODES];         /* measured calls by status */
    char texts[TALLY_CODES][TALLY_TEXT]; /* the first message with each status */
    uint64_t in_time;                    /* of these, those that ended within the time */
    uint64_t unfinished;                 /* calls that were abandoned at the end */
    uint64_t reconnects;
    uint64_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received; /* of HTTP/2, before TLS */
    int64_t time;                        /* nanoseconds of measuring */
    struct histogram latency;
};

/* Count a call that ended. text: the server's message, "" if none. */
void tally_code(struct tally *tally, weir_code code, const char *text);

/* Add the counts; the time is the longer of the two. */
void tally_merge(struct tally *into, const struct tally *from);

/* Measured calls, and those of them that did not end with OK. */
uint64_t tally_calls(const struct tally *tally);
uint64_t tally_failures(const struct tally *tally);
