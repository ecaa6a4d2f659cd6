/* SPDX-License-Identifier: Apache-2.0 */
/* Restart without downtime. Between fork and exec only async-signal-safe functions are called,
 * because another thread may hold a lock; so all texts are prepared before the fork. */

#define _GNU_SOURCE /* execvpe, environ */
#include "userd/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_DESCRIPTOR 3
#define PREDECESSOR "USERD_PREDECESSOR"
#define OWN_VARIABLES 4
#define ADDRESSES_SIZE 2048

/* The environment and sockets of the successor. */
struct start {
    int sockets[HANDOVER_SOCKETS_MAX];
    int count;
    char **environment;
    char pid[32]; /* LISTEN_PID=, written by the child */
    char fds[32], predecessor[48], listen[ADDRESSES_SIZE];
};

/* Variables that describe this process and must not be inherited. */
static bool
is_replaced(const char *variable)
{
    static const char *const names[] = {"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
        "WATCHDOG_PID=", "USERD_LISTEN=", "USERD_PREDECESSOR="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* False: no memory. */
static bool
make_environment(struct start *start)
{
    size_t count = 0, used = 0;

    while (environ[count] != NULL)
        count++;
    start->environment = calloc(count + OWN_VARIABLES + 1, sizeof(char *));
    if (start->environment == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_replaced(environ[i]))
            start->environment[used++] = environ[i];
    }
    start->environment[used++] = start->pid;
    start->environment[used++] = start->fds;
    start->environment[used++] = start->predecessor;
    start->environment[used++] = start->listen;
    return true;
}

/* If the command line has no addresses, pass those on which the server listens. */
static void
write_addresses(const weir_server *server, char text[ADDRESSES_SIZE])
{
    size_t len = (size_t)snprintf(text, ADDRESSES_SIZE, "USERD_LISTEN=");
    const char *address;

    for (size_t i = 0; (address = weir_server_address(server, i)) != NULL; i++) {
        if (len + strlen(address) + 2 < ADDRESSES_SIZE)
            len += (size_t)snprintf(
                text + len, ADDRESSES_SIZE - len, "%s%s", i == 0 ? "" : ",", address);
    }
}

static bool
prepare(const struct handover *handover, struct start *start)
{
    int fd;

    while (start->count < HANDOVER_SOCKETS_MAX &&
           (fd = weir_server_socket(handover->server, (size_t)start->count)) >= 0)
        start->sockets[start->count++] = fd;
    snprintf(start->fds, sizeof(start->fds), "LISTEN_FDS=%d", start->count);
    snprintf(start->predecessor, sizeof(start->predecessor), PREDECESSOR "=%ld", (long)getpid());
    snprintf(start->pid, sizeof(start->pid), "LISTEN_PID=");
    write_addresses(handover->server, start->listen);
    return make_environment(start);
}

/* ---- in the child ---- */

static void
append_number(char *text, unsigned long number)
{
    char digits[24];
    size_t len = 0, at = strlen(text);

    do
        digits[len++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (len > 0)
        text[at++] = digits[--len];
    text[at] = '\0';
}

/* Move the sockets to descriptors 3 and up; first to numbers above all of these, so that none is
 * overwritten. */
static bool
place_sockets(struct start *start)
{
    for (int i = 0; i < start->count; i++) {
        start->sockets[i] =
            fcntl(start->sockets[i], F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR + start->count);
        if (start->sockets[i] < 0)
            return false;
    }
    for (int i = 0; i < start->count; i++) {
        if (dup2(start->sockets[i], FIRST_DESCRIPTOR + i) < 0)
            return false;
    }
    return true;
}

static _Noreturn void
become_successor(const struct handover *handover, struct start *start)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    append_number(start->pid, (unsigned long)getpid());
    if (place_sockets(start))
        execvpe(handover->argv[0], handover->argv, start->environment);
    _exit(127);
}

/* ---- in the parent ---- */

void
handover_start(struct handover *handover)
{
    struct start *start;

    if (handover->successor != 0) {
        log_line(handover->log, LOG_WARN, "a successor is starting already",
            log_number("pid", handover->successor));
        return;
    }
    start = calloc(1, sizeof(*start));
    handover->successor = start != NULL && prepare(handover, start) ? fork() : -1;
    if (handover->successor == 0)
        become_successor(handover, start);
    if (start != NULL)
        free(start->environment);
    free(start);
    if (handover->successor < 0) {
        log_line(
            handover->log, LOG_ERROR, "cannot start a successor", log_text("why", strerror(errno)));
        handover->successor = 0;
        return;
    }
    log_line(
        handover->log, LOG_INFO, "starting a successor", log_number("pid", handover->successor));
}

void
handover_reap(struct handover *handover)
{
    int status;

    if (handover->successor == 0 ||
        waitpid(handover->successor, &status, WNOHANG) != handover->successor)
        return;
    log_line(handover->log, LOG_ERROR, "the successor has ended; this process stays",
        log_number("pid", handover->successor),
        log_number("exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
    handover->successor = 0;
}

/* ---- in the successor ---- */

/* Only the parent process counts as the predecessor, because the variable may be left over from any
 * other process. */
bool
handover_has_predecessor(void)
{
    const char *text = getenv(PREDECESSOR);
    char parent[24];

    snprintf(parent, sizeof(parent), "%ld", (long)getppid());
    return text != NULL && strcmp(text, parent) == 0;
}

void
handover_complete(const struct log *log)
{
    pid_t predecessor = getppid();

    if (!handover_has_predecessor() || predecessor <= 1)
        return;
    log_line(log, LOG_INFO, "taking over", log_number("predecessor", predecessor));
    (void)kill(predecessor, SIGTERM);
}
