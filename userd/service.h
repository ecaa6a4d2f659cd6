/* SPDX-License-Identifier: Apache-2.0 */
/* user.UserService: the handlers. */
/* Threads: constant once set up; handlers run on the fibers of every loop at the same time. */
#pragma once

#include "user.weir.h"
#include "userd/accounts.h"
#include "userd/chat_relay.h"
#include "userd/ops.h"

struct service {
    struct store *store; /* borrowed, like the rest */
    const struct log *log;
    weir_health *health;       /* set when the database fails */
    struct accounts *accounts; /* NULL: the store keeps none */
    struct chat_hub *chat;
    struct chat_relay *relay; /* NULL: the chat is local to this process */
};

/* For user_UserService_add, with a struct service as self. */
extern const struct user_UserService_handlers service_handlers;
