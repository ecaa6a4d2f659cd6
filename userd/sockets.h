/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that userd is started with: by systemd (sd_listen_fds(3)), or by the userd that it
 * replaces. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include <weir/server.h>

#define SOCKETS_ADDRESS 128

struct sockets {
    char addresses[FLAG_LIST_MAX][SOCKETS_ADDRESS];
    bool activated; /* there are some, and they are systemd's to keep */
};

/* Give them to the server. With `listen` their addresses are put there, in place of what it has.
 * False: a message was printed. */
bool sockets_inherit(struct sockets *sockets, weir_server *server, struct flag_list *listen);
