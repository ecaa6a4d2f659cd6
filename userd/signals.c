/* SPDX-License-Identifier: Apache-2.0 */
/* Signals. A thread waits for them, so that what they cause runs as ordinary code. */
#include "userd/signals.h"

#include "userd/notify.h"
#include <signal.h>

static sigset_t
awaited_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGCHLD);
    return set;
}

/* SIGPIPE and SIGXFSZ are errors of a write, reported where it is made. A parent that ignores
 * SIGCHLD has us do so, too, and then nobody tells that a successor has ended. */
void
signals_block(void)
{
    sigset_t set = awaited_signals();

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
}

static void
end_server(struct signals *signals, int number)
{
    const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";

    /* With a successor the service goes on, and whoever asks this process must not hear otherwise.
     */
    if (signals->handover.successor == 0)
        ops_drain(signals->ops);
    if (++signals->ends == 1) {
        log_line(signals->log, LOG_INFO, "draining; a second signal ends at once",
            log_text("signal", name), log_number("grace_ms", signals->grace / WEIR_MILLISECOND));
        if (signals->handover.successor != 0)
            weir_server_share_sockets(signals->server);
        else
            notify_send("STOPPING=1");
    } else {
        log_line(signals->log, LOG_WARN, "ending at once", log_text("signal", name));
    }
    if (signals->draining != NULL)
        signals->draining(signals->arg);
    weir_server_drain(signals->server, signals->ends == 1 ? signals->grace : 0);
}

/* How it went is logged by the observer in tls.c. */
static void
reload(const struct signals *signals)
{
    if (signals->tls == NULL || weir_tls_reload(signals->tls) != WEIR_OK)
        log_line(signals->log, LOG_INFO, "nothing was changed", log_text("signal", "SIGHUP"));
}

static void
handle(struct signals *signals, int number)
{
    if (number == SIGHUP)
        reload(signals);
    else if (number == SIGCHLD)
        handover_reap(&signals->handover);
    else if (number != SIGUSR2)
        end_server(signals, number);
    else if (signals->ends == 0)
        handover_start(&signals->handover);
}

/* -1: the watchdog's time has come. */
static int
wait_for_one(const sigset_t *set, const struct watchdog *watchdog)
{
    const struct timespec interval = {
        watchdog->interval / WEIR_SECOND, (long)(watchdog->interval % WEIR_SECOND)};

    return watchdog->interval == 0 ? sigwaitinfo(set, NULL) : sigtimedwait(set, NULL, &interval);
}

static void *
wait_for_signals(void *arg)
{
    struct signals *signals = arg;
    sigset_t set = awaited_signals();

    while (!atomic_load(&signals->stopped)) {
        int number = wait_for_one(&set, &signals->watchdog);

        if (atomic_load(&signals->stopped))
            break;
        if (number > 0)
            handle(signals, number);
        if (signals->watchdog.interval > 0)
            watchdog_tick(&signals->watchdog);
    }
    return NULL;
}

bool
signals_start(struct signals *signals)
{
    signals->handover.server = signals->server;
    signals->handover.log = signals->log;
    watchdog_init(&signals->watchdog, signals->server);
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
