/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd wants to hear (sd_notify(3)), without its library. */
/* Threads: any. */
#pragma once

/* Send a state, "READY=1", to where NOTIFY_SOCKET says; without that nothing happens. */
void notify_send(const char *state);
