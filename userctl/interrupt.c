/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and similar signals. */
#define _GNU_SOURCE /* pipe2 */
#include "userctl/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

static sigset_t
ending_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

/* End with the signal's default action. */
static void
end_program(int number)
{
    sigset_t set = ending_signals();

    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
}

static void *
wait_for_signals(void *arg)
{
    struct interrupt *interrupt = arg;
    sigset_t set = ending_signals();
    int number;

    while (sigwait(&set, &number) == 0 && !atomic_load(&interrupt->stopped)) {
        if (atomic_exchange(&interrupt->happened, true))
            end_program(number);
        close(interrupt->ends[1]);
        pthread_mutex_lock(&interrupt->lock);
        if (interrupt->call != NULL)
            weir_call_cancel(interrupt->call);
        pthread_mutex_unlock(&interrupt->lock);
    }
    return NULL;
}

void
interrupt_cancels(struct interrupt *interrupt, weir_call *call)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->call = call;
    if (call != NULL && atomic_load(&interrupt->happened))
        weir_call_cancel(call);
    pthread_mutex_unlock(&interrupt->lock);
}

int
interrupt_descriptor(const struct interrupt *interrupt)
{
    return interrupt->ends[0];
}

/* If a signal has come, the thread has closed the other end. */
static void
close_ends(const struct interrupt *interrupt)
{
    close(interrupt->ends[0]);
    if (!atomic_load(&interrupt->happened))
        close(interrupt->ends[1]);
}

bool
interrupt_start(struct interrupt *interrupt)
{
    sigset_t set = ending_signals();

    atomic_init(&interrupt->happened, false);
    atomic_init(&interrupt->stopped, false);
    interrupt->call = NULL;
    if (pipe2(interrupt->ends, O_CLOEXEC) != 0)
        return false;
    pthread_mutex_init(&interrupt->lock, NULL);
    pthread_sigmask(SIG_BLOCK, &set, &interrupt->before);
    if (pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt) == 0)
        return true;
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    pthread_mutex_destroy(&interrupt->lock);
    close_ends(interrupt);
    return false;
}

void
interrupt_stop(struct interrupt *interrupt)
{
    atomic_store(&interrupt->stopped, true);
    pthread_kill(interrupt->thread, SIGTERM);
    pthread_join(interrupt->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    pthread_mutex_destroy(&interrupt->lock);
    close_ends(interrupt);
}
