/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets that userd inherits: from systemd (sd_listen_fds(3)), or from the userd that it
 * replaces. */
/* Threads: belongs to the thread that starts the program. */
#pragma once

#include "usercommon/flags.h"
#include <weir/server.h>

#define SOCKETS_ADDRESS 128

struct sockets {
    char addresses[FLAG_LIST_MAX][SOCKETS_ADDRESS];
    bool activated; /* they were inherited from systemd, which keeps them */
};

/* Give them to the server. If there are any, their addresses replace those in `listen`. False: a
 * message was printed. */
bool sockets_inherit(struct sockets *sockets, weir_server *server, struct flag_list *listen);
