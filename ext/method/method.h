/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of methods: "/package.Service/Method", or "/package.Service/" for all of a service. */
/* Threads: any. */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Whether the pattern, of `len` bytes, stands for the method. An empty one stands for none. */
static inline bool
method_matches(const char *method, const char *pattern, size_t len)
{
    return len > 0 && strncmp(method, pattern, len) == 0 &&
           (pattern[len - 1] == '/') == (method[len] != '\0');
}

/* Whether it belongs to grpc.health.v1.Health. A server that refuses calls is not dead, and has to
 * be able to say so. */
static inline bool
method_is_health(const char *method)
{
    static const char health[] = "/grpc.health.v1.Health/";

    return method_matches(method, health, sizeof(health) - 1);
}
