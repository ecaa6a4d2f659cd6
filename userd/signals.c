/* SPDX-License-Identifier: Apache-2.0 */
/* SIGTERM, SIGINT and SIGHUP. A thread waits for them, so that what they cause runs as ordinary
 * code. */
#include "userd/signals.h"

#include <signal.h>

static sigset_t
awaited_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* SIGPIPE and SIGXFSZ are errors of a write, reported where it is made. */
void
signals_block(void)
{
    sigset_t set = awaited_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static void
end_server(struct signals *signals, int number, unsigned count)
{
    const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";

    ops_drain(signals->ops);
    if (count == 1)
        log_line(signals->log, LOG_INFO, "draining; a second signal ends at once",
            log_text("signal", name), log_number("grace_ms", signals->grace / WEIR_MILLISECOND));
    else
        log_line(signals->log, LOG_WARN, "ending at once", log_text("signal", name));
    if (signals->draining != NULL)
        signals->draining(signals->arg);
    weir_server_drain(signals->server, count == 1 ? signals->grace : 0);
}

/* How it went is logged by the observer in tls.c. */
static void
reload(const struct signals *signals)
{
    if (signals->tls == NULL || weir_tls_reload(signals->tls) != WEIR_OK)
        log_line(signals->log, LOG_INFO, "nothing was changed", log_text("signal", "SIGHUP"));
}

static void *
wait_for_signals(void *arg)
{
    struct signals *signals = arg;
    sigset_t set = awaited_signals();
    int number;

    for (unsigned count = 0;;) {
        if (sigwait(&set, &number) != 0 || atomic_load(&signals->stopped))
            return NULL;
        if (number == SIGHUP)
            reload(signals);
        else
            end_server(signals, number, ++count);
    }
}

bool
signals_start(struct signals *signals)
{
    atomic_init(&signals->stopped, false);
    return pthread_create(&signals->thread, NULL, wait_for_signals, signals) == 0;
}

void
signals_stop(struct signals *signals)
{
    atomic_store(&signals->stopped, true);
    pthread_kill(signals->thread, SIGTERM);
    pthread_join(signals->thread, NULL);
}
