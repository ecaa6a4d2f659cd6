/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets in Redis, so that a rate is shared by all userd. */
/* Threads: safe from any. */
#pragma once

#include "userd/redis.h"
#include <weir/ratelimit.h>

/* self is a struct redis. A code other than OK: Redis is away, or the call has ended. */
extern const struct weir_ratelimit_backend rate_shared_backend;
