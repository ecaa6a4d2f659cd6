/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications for systemd (sd_notify(3)), without its library. */
/* Threads: any. */
#pragma once

/* Send a state such as "READY=1" to the socket NOTIFY_SOCKET; without that variable, do nothing. */
void notify_send(const char *state);
