/* SPDX-License-Identifier: Apache-2.0 */
/* The log of connections that failed. */
#include "userd/connections.h"

#include <weir/base.h>

#define LINES_A_SECOND 10

/* The first thread to see a new second begins its count. */
static bool
may_speak(struct connections *connections)
{
    int64_t now = weir_now() / WEIR_SECOND, seen = atomic_load(&connections->second);

    if (now != seen && atomic_compare_exchange_strong(&connections->second, &seen, now))
        atomic_store(&connections->lines, 0);
    return atomic_fetch_add(&connections->lines, 1) < LINES_A_SECOND;
}

void
connections_log_failure(void *self, const char *peer, const char *why)
{
    struct connections *connections = self;
    int64_t silent;

    if (!may_speak(connections)) {
        atomic_fetch_add(&connections->kept_silent, 1);
        return;
    }
    silent = atomic_exchange(&connections->kept_silent, 0);
    log_write(connections->log, LOG_INFO, "connection failed",
        (struct log_field[]){
            log_text("peer", peer), log_text("why", why), log_number("not_logged", silent)},
        silent > 0 ? 3 : 2);
}
