/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and its like end a long work well: the first is a wish, the second ends the program. */
/* Threads: all functions belong to the main thread; a thread of its own waits for the signals. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <weir/call.h>

struct interrupt {
    pthread_mutex_t lock;
    weir_call *call; /* cancelled by the first signal; may be NULL; under the lock */
    atomic_bool happened;
    atomic_bool stopped;
    int ends[2]; /* of a pipe, whose writing end is closed by the first signal */
    pthread_t thread;
    sigset_t before; /* the signal mask */
};

/* False: there is no thread, or no descriptor. */
bool interrupt_start(struct interrupt *interrupt);
void interrupt_stop(struct interrupt *interrupt);

/* Readable once the first signal has come. */
int interrupt_descriptor(const struct interrupt *interrupt);

/* The first signal cancels this call, at once if it has come already. Borrowed until another one
 * takes its place, or NULL, or until the end. */
void interrupt_cancels(struct interrupt *interrupt, weir_call *call);
