/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and similar signals: the first asks the command to stop, the second ends the program. */
/* Threads: all functions belong to the main thread; a thread of its own waits for the signals. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <weir/call.h>

struct interrupt {
    pthread_mutex_t lock;
    weir_call *call; /* cancelled by the first signal; may be NULL; guarded by the lock */
    atomic_bool happened;
    atomic_bool stopped;
    int ends[2]; /* of a pipe, whose write end is closed by the first signal */
    pthread_t thread;
    sigset_t before; /* the signal mask */
};

/* False: no thread or no descriptor. */
bool interrupt_start(struct interrupt *interrupt);
void interrupt_stop(struct interrupt *interrupt);

/* Becomes readable with the first signal. */
int interrupt_descriptor(const struct interrupt *interrupt);

/* The first signal cancels this call; at once if it was received already. Borrowed until the next
 * call or NULL is set, or until the end. */
void interrupt_cancels(struct interrupt *interrupt, weir_call *call);
