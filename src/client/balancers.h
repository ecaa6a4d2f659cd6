/* SPDX-License-Identifier: Apache-2.0 */
/* The policies that Weir brings along. */
/* Threads: constants. */
#pragma once

#include <weir/balancer.h>

extern const struct weir_balancer_type balancer_pick_first;
extern const struct weir_balancer_type balancer_round_robin;
extern const struct weir_balancer_type balancer_least_request;
extern const struct weir_balancer_type balancer_weighted_round_robin;

/* Of the self of pick_first: are addresses to be put in an order by chance? */
bool pick_first_shuffles(const void *self);
