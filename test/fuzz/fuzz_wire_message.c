/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reading of messages, and the writing of what was read, beside protobuf-c's.
 *
 *   input:  type (1 byte) | message */
#include "fuzz.h"
#include "kinds.h"
#include "likeness.h"

/* protobuf-c recurses without a bound. */
#define LONGEST 4096

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > LONGEST)
        return 0;
    FUZZ_CHECK(likeness_unpacks(kinds_types[data[0] % KINDS_TYPES], data + 1, size - 1));
    return 0;
}
