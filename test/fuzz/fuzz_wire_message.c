/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reading of messages, beside protobuf-c's.
 *
 *   input:  type (1 byte) | message */
#include "fuzz.h"
#include "kinds.pb-c.h"
#include "likeness.h"
#include "required.pb-c.h"

/* protobuf-c recurses without a bound. */
#define LONGEST 4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &kinds__all__descriptor, &required__some__descriptor, &required__many__descriptor};

    if (size < 1 || size > LONGEST)
        return 0;
    FUZZ_CHECK(likeness_unpacks(types[data[0] % 3], data + 1, size - 1));
    return 0;
}
