/* SPDX-License-Identifier: Apache-2.0 */
/* The responses of handlers: users in the call's arena, and failures. */
/* Threads: each function belongs to the fiber of its call. */
#pragma once

#include "userd/service.h"

/* What is wrong with an entry, whether it came alone or in a batch. */
#define ANSWER_TAKEN "email is already taken"
#define ANSWER_USED_UP "no ids are left"

/* A message with copies of the texts, in one allocation that lives as long as the call. NULL: no
 * memory. */
User__User *answer_user(weir_call *call, const struct user *user);

/* Where answer_visit puts the user that a store visits. */
struct answer_place {
    weir_call *call;
    User__User **field;
};

/* A store_visit with a struct answer_place. */
weir_code answer_visit(void *arg, const struct user *user);

/* Turns a result of the store into the client's status: OK stays OK; the cause of a fault only goes
 * to the log. */
weir_code answer_conclude(const struct service *service, weir_call *call, weir_code code,
    const char *what, const struct store_cause *cause);

weir_code answer_absent(weir_call *call, int32_t id);
weir_code answer_taken(weir_call *call);

/* All ids are used up. The client can do nothing about it, so it is logged as well. */
weir_code answer_used_up(const struct service *service, weir_call *call);
