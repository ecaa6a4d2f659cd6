/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's watchdog is notified while every event loop is responsive. */
/* Threads: ticks come from one thread. */
#pragma once

#include <stdatomic.h>
#include <weir/server.h>

struct watchdog {
    weir_server *server; /* borrowed */
    int64_t interval;    /* between ticks; 0: there is no watchdog */
    atomic_uint waiting; /* loops that have not responded to the last tick */
};

/* Set up from WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)). */
void watchdog_init(struct watchdog *watchdog, weir_server *server);

/* Call at every interval: notify systemd if each loop has responded to the last tick, and start the
 * next one. */
void watchdog_tick(struct watchdog *watchdog);
