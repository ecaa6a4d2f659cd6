/* SPDX-License-Identifier: Apache-2.0 */
/* The health of a connected server as it reports it through grpc.health.v1 (gRFC A17). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

enum health {
    HEALTH_GOOD,    /* serving, or not watched */
    HEALTH_UNKNOWN, /* not reported yet */
    HEALTH_BAD
};
