/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and its like end a long work well: the first is a wish, the second ends the program. */
/* Threads: start and stop belong to the main thread; a thread of its own waits for the signals. */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <weir/pool.h>

struct interrupt {
    weir_event *event; /* set by the first signal; its own reference, may be NULL */
    atomic_bool happened;
    atomic_bool stopped;
    pthread_t thread;
    sigset_t before; /* the signal mask */
};

/* event may be NULL. False: there is no thread. */
bool interrupt_start(struct interrupt *interrupt, weir_event *event);
void interrupt_stop(struct interrupt *interrupt);
