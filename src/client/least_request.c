/* SPDX-License-Identifier: Apache-2.0 */
/* least_request: picks the server with the fewest calls in progress (gRFC A48), among all if there
 * are few, otherwise among choiceCount random ones (default 2), which is nearly as good. */
#include "client/balancers.h"

#include "base/random.h"
#include <weir/value.h>

#define CHOICES 2
#define CHOICES_MAX 10
#define FEW 8

struct least_request {
    uint64_t random;
    size_t choices;
};

static weir_code
configure(void *self, const struct weir_value *options, struct weir_value_error *error)
{
    struct least_request *it = self;
    int64_t choices = CHOICES;

    WEIR_TRY(weir_value_read_integer(options, "choiceCount", 2, UINT32_MAX, &choices, error));
    it->choices = (size_t)(choices > CHOICES_MAX ? CHOICES_MAX : choices);
    it->random = random_u64() | 1;
    return WEIR_OK;
}

/* A random number below `count`. Marsaglia's xorshift, to avoid a system call for each call. */
static size_t
draw(struct least_request *it, size_t count)
{
    it->random ^= it->random << 13;
    it->random ^= it->random >> 7;
    it->random ^= it->random << 17;
    return (size_t)(it->random % count);
}

static weir_subchannel *
lesser(weir_subchannel *a, weir_subchannel *b)
{
    return weir_subchannel_calls(b) < weir_subchannel_calls(a) ? b : a;
}

/* Starts at a different place each time, so that servers with equal load take turns. */
static weir_subchannel *
least_of_all(const struct weir_ready *ready, size_t from)
{
    weir_subchannel *best = ready->list[from];

    for (size_t i = 1; i < ready->count; i++)
        best = lesser(best, ready->list[(from + i) % ready->count]);
    return best;
}

static weir_subchannel *
pick(void *self, const struct weir_ready *ready, const weir_call *call)
{
    struct least_request *it = self;
    weir_subchannel *best;

    (void)call;
    if (ready->count <= FEW)
        return least_of_all(ready, draw(it, ready->count));
    best = ready->list[draw(it, ready->count)];
    for (size_t i = 1; i < it->choices; i++)
        best = lesser(best, ready->list[draw(it, ready->count)]);
    return best;
}

const struct weir_balancer_type balancer_least_request = {.name = "least_request",
    .size = sizeof(struct least_request),
    .configure = configure,
    .pick = pick};
