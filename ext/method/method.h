/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of methods: "/package.Service/Method", or "/package.Service/" for all of a service. */
/* Threads: any. */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Does the pattern of `len` bytes match the method? An empty one matches none. */
static inline bool
method_matches(const char *method, const char *pattern, size_t len)
{
    return len > 0 && strncmp(method, pattern, len) == 0 &&
           (pattern[len - 1] == '/') == (method[len] != '\0');
}

/* Is it a method of grpc.health.v1.Health? A server that rejects calls is still alive, and must be
 * able to report that. */
static inline bool
method_is_health(const char *method)
{
    static const char health[] = "/grpc.health.v1.Health/";

    return method_matches(method, health, sizeof(health) - 1);
}
