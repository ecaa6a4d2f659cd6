/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads borrow one stretch of zeros, so that a body of any size costs nothing. */
#include "payload.h"

#include <string.h>

/* Never written to; protobuf-c's bytes cannot be constant. */
static uint8_t zeros[PAYLOAD_MAX];

bool
payload_init(Grpc__Testing__Payload *payload, int32_t size)
{
    if (size < 0 || size > PAYLOAD_MAX)
        return false;
    grpc__testing__payload__init(payload);
    payload->body = (ProtobufCBinaryData){.len = (size_t)size, .data = zeros};
    return true;
}

bool
payload_is(const Grpc__Testing__Payload *payload, size_t size)
{
    if (payload == NULL || payload->type != GRPC__TESTING__PAYLOAD_TYPE__COMPRESSABLE)
        return false;
    return payload->body.len == size && size <= PAYLOAD_MAX &&
           (size == 0 || memcmp(payload->body.data, zeros, size) == 0);
}
