/* SPDX-License-Identifier: Apache-2.0 */
/* Signals. A thread waits for them, so that what they cause runs as ordinary code. */
#include "userd/signals.h"

#include "usercommon/complain.h"
#include "userd/notify.h"
#include <signal.h>
#include <unistd.h>

static sigset_t
ending_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static sigset_t
awaited_signals(void)
{
    sigset_t set = ending_signals();

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

static const char *
name_of(int number)
{
    return number == SIGINT ? "SIGINT" : "SIGTERM";
}

/* Nobody is served yet, and the main thread may wait for a database that never answers. */
static _Noreturn void
end_start(int number)
{
    complain("userd", "ended by %s before it served", name_of(number));
    _exit(0);
}

static void
end_server(struct signals *signals, int number)
{
    const char *name = name_of(number);

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

/* -1: the watchdog's time has come. 0: wake has called. */
static int
wait_for_one(const sigset_t *set, const struct watchdog *watchdog)
{
    const struct timespec interval = {
        watchdog->interval / WEIR_SECOND, (long)(watchdog->interval % WEIR_SECOND)};
    siginfo_t info;
    int number =
        watchdog->interval == 0 ? sigwaitinfo(set, &info) : sigtimedwait(set, &info, &interval);

    return number > 0 && info.si_pid == getpid() ? 0 : number;
}

/* What is not awaited before it serves is pending until then. */
static void *
wait_for_signals(void *arg)
{
    struct signals *signals = arg;
    const sigset_t ending = ending_signals(), awaited = awaited_signals();

    while (!atomic_load(&signals->stopped)) {
        int number =
            wait_for_one(atomic_load(&signals->serving) ? &awaited : &ending, &signals->watchdog);
        bool serving = atomic_load(&signals->serving);

        if (atomic_load(&signals->stopped))
            break;
        if (number > 0 && !serving)
            end_start(number);
        if (number > 0)
            handle(signals, number);
        if (number != 0 && serving && signals->watchdog.interval > 0)
            watchdog_tick(&signals->watchdog);
    }
    return NULL;
}

static void
wake(struct signals *signals)
{
    pthread_kill(signals->thread, SIGTERM);
}

bool
signals_start(struct signals *signals)
{
    signals->handover.server = signals->server;
    signals->handover.log = signals->log;
    watchdog_init(&signals->watchdog, signals->server);
    atomic_init(&signals->serving, false);
    atomic_init(&signals->stopped, false);
    signals->started = pthread_create(&signals->thread, NULL, wait_for_signals, signals) == 0;
    return signals->started;
}

void
signals_serve(struct signals *signals)
{
    atomic_store(&signals->serving, true);
    wake(signals);
}

void
signals_stop(struct signals *signals)
{
    if (!signals->started)
        return;
    atomic_store(&signals->stopped, true);
    wake(signals);
    pthread_join(signals->thread, NULL);
    signals->started = false;
}
