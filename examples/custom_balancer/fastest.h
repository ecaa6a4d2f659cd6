/* SPDX-License-Identifier: Apache-2.0 */
/* The balancer of this example. */
#pragma once

#include <weir/balancer.h>

extern const struct weir_balancer_type fastest;
