/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of memory as people write them. */
#include "usercommon/size.h"

#include "usercommon/quantity.h"
#include <stddef.h>

bool
size_parse(const char *text, uint64_t *out_bytes)
{
    static const struct quantity_unit units[] = {
        {"KiB", INT64_C(1) << 10}, {"MiB", INT64_C(1) << 20}, {"GiB", INT64_C(1) << 30}, {NULL, 0}};
    int64_t bytes;

    if (!quantity_parse(text, units, &bytes))
        return false;
    *out_bytes = (uint64_t)bytes;
    return true;
}
