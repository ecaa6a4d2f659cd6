/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's watchdog. */
#include "userd/watchdog.h"

#include "userd/notify.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A positive whole number in the environment; 0: none. */
static int64_t
number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long long value;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return 0;
    errno = 0;
    value = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? value : 0;
}

/* Twice per timeout, as systemd recommends. */
void
watchdog_init(struct watchdog *watchdog, weir_server *server)
{
    int64_t pid = number_of("WATCHDOG_PID"), limit = number_of("WATCHDOG_USEC");
    bool ours = pid == 0 || pid == getpid();

    watchdog->server = server;
    watchdog->interval = 0;
    if (ours && limit > 0 && limit <= INT64_MAX / WEIR_MICROSECOND)
        watchdog->interval = limit * WEIR_MICROSECOND / 2;
    atomic_init(&watchdog->waiting, 0);
}

static void
answer(void *arg)
{
    struct watchdog *watchdog = arg;

    atomic_fetch_sub(&watchdog->waiting, 1);
}

void
watchdog_tick(struct watchdog *watchdog)
{
    weir_loop *loop;

    if (atomic_load(&watchdog->waiting) > 0)
        return;
    notify_send("WATCHDOG=1");
    for (unsigned i = 0; (loop = weir_server_loop(watchdog->server, i)) != NULL; i++) {
        atomic_fetch_add(&watchdog->waiting, 1);
        if (weir_loop_spawn(loop, answer, watchdog) != WEIR_OK)
            atomic_fetch_sub(&watchdog->waiting, 1);
    }
}
