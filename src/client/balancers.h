/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in load balancing policies. */
/* Threads: constants. */
#pragma once

#include <weir/balancer.h>

extern const struct weir_balancer_type balancer_pick_first;
extern const struct weir_balancer_type balancer_round_robin;
extern const struct weir_balancer_type balancer_least_request;
extern const struct weir_balancer_type balancer_weighted_round_robin;

/* Given the `self` of a pick_first policy: are addresses to be shuffled? */
bool pick_first_shuffles(const void *self);
