/* SPDX-License-Identifier: Apache-2.0 */
/* round_robin: picks the servers in turn. */
#include "client/balancers.h"

#include "base/random.h"

struct round_robin {
    uint32_t next;
};

/* Starts at a random server, so that clients that start together do not all use the same one. */
static weir_code
configure(void *self, const struct weir_value *options, struct weir_value_error *error)
{
    (void)options;
    (void)error;
    ((struct round_robin *)self)->next = (uint32_t)random_u64();
    return WEIR_OK;
}

static weir_subchannel *
pick(void *self, const struct weir_ready *ready, const weir_call *call)
{
    (void)call;
    return ready->list[((struct round_robin *)self)->next++ % ready->count];
}

const struct weir_balancer_type balancer_round_robin = {.name = "round_robin",
    .size = sizeof(struct round_robin),
    .configure = configure,
    .pick = pick};
