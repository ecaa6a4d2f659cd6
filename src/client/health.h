/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a connected server may be given calls: its own word, from grpc.health.v1 (gRFC A17). */
/* Threads: everything belongs to the loop's thread. */
#pragma once

enum health {
    HEALTH_GOOD,    /* it serves, or nobody asks */
    HEALTH_UNKNOWN, /* it has not said yet */
    HEALTH_BAD
};
