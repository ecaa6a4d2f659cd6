/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's watchdog: it hears from us while every event loop turns. */
/* Threads: ticks come from one thread. */
#pragma once

#include <stdatomic.h>
#include <weir/server.h>

struct watchdog {
    weir_server *server; /* borrowed */
    int64_t interval;    /* between ticks; 0: nobody watches */
    atomic_uint waiting; /* loops that have not answered the last tick */
};

/* As WATCHDOG_USEC and WATCHDOG_PID say (sd_watchdog_enabled(3)). */
void watchdog_init(struct watchdog *watchdog, weir_server *server);

/* Every interval: tell systemd when each loop has answered the last tick, and ask them again. */
void watchdog_tick(struct watchdog *watchdog);
