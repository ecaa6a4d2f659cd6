/* SPDX-License-Identifier: Apache-2.0 */
/* A balancer of one's own, "fastest": the next call goes to the server that has answered fastest
 * lately; now and then another one gets a call, which shows what it can do now. */
#include "fastest.h"

/* What is remembered of each server. It begins as zeros: unknown counts as fastest. */
struct server {
    double average; /* nanoseconds a call */
};

/* What is remembered of the whole channel. */
struct fastest {
    unsigned calls;
};

static double
average(const weir_subchannel *subchannel)
{
    return ((const struct server *)weir_subchannel_data(subchannel))->average;
}

static weir_subchannel *
pick(void *self, const struct weir_ready *ready, const weir_call *call)
{
    struct fastest *it = self;
    weir_subchannel *best = ready->list[0];

    (void)call;
    if (++it->calls % 20 == 0)
        return ready->list[it->calls / 20 % ready->count];
    for (size_t i = 1; i < ready->count; i++) {
        if (average(ready->list[i]) < average(best))
            best = ready->list[i];
    }
    return best;
}

static void
done(void *self, weir_subchannel *subchannel, const struct weir_outcome *outcome)
{
    struct server *server = weir_subchannel_data(subchannel);
    /* Failing fast is nothing to be preferred for. */
    int64_t duration = outcome->code == WEIR_OK ? outcome->duration : WEIR_SECOND;

    (void)self;
    server->average =
        server->average == 0 ? (double)duration : 0.8 * server->average + 0.2 * (double)duration;
}

const struct weir_balancer_type fastest = {.name = "fastest",
    .size = sizeof(struct fastest),
    .subchannel_size = sizeof(struct server),
    .pick = pick,
    .done = done};
