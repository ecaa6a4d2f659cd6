/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C and its like. */
#include "userctl/interrupt.h"

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

/* As if nobody waited for it. */
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
        if (interrupt->event != NULL)
            weir_event_set(interrupt->event);
    }
    return NULL;
}

bool
interrupt_start(struct interrupt *interrupt, weir_event *event)
{
    sigset_t set = ending_signals();

    atomic_init(&interrupt->happened, false);
    atomic_init(&interrupt->stopped, false);
    interrupt->event = event == NULL ? NULL : weir_event_ref(event);
    pthread_sigmask(SIG_BLOCK, &set, &interrupt->before);
    if (pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt) == 0)
        return true;
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    weir_event_unref(interrupt->event);
    return false;
}

void
interrupt_stop(struct interrupt *interrupt)
{
    atomic_store(&interrupt->stopped, true);
    pthread_kill(interrupt->thread, SIGTERM);
    pthread_join(interrupt->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    weir_event_unref(interrupt->event);
}
