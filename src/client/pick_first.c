/* SPDX-License-Identifier: Apache-2.0 */
/* pick_first: one connection, to the first address that answers, has all calls. */
#include "client/balancers.h"

const struct weir_balancer_type balancer_pick_first = {.name = "pick_first", .together = true};
