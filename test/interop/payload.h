/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies that the interoperability tests send: zeros, as many as asked for. */
/* Threads: safe from any thread. */
#pragma once

#include "grpc/testing/messages.pb-c.h"
#include <stdbool.h>

/* Bytes of the largest body; more than any case asks for. */
#define PAYLOAD_MAX (16 * 1024 * 1024)

/* A payload of so many zeros, which are static. False: fewer than none, or more than PAYLOAD_MAX.
 */
bool payload_init(Grpc__Testing__Payload *payload, int32_t size);

/* Is there a payload, with a body of just so many zeros? */
bool payload_is(const Grpc__Testing__Payload *payload, size_t size);
