/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first: all calls use one connection, to the first address that answers. The addresses are
 * tried in the resolver's order, or shuffled, which spreads clients over the servers (gRFC A62). */
#include "client/balancers.h"

#include <weir/value.h>

struct pick_first {
    bool shuffle;
};

static weir_code
configure(void *self, const struct weir_value *options, struct weir_value_error *error)
{
    struct pick_first *it = self;

    return weir_value_read_bool(options, "shuffleAddressList", &it->shuffle, error);
}

bool
pick_first_shuffles(const void *self)
{
    return ((const struct pick_first *)self)->shuffle;
}

const struct weir_balancer_type balancer_pick_first = {.name = "pick_first",
    .size = sizeof(struct pick_first),
    .together = true,
    .configure = configure};
