/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them. */
#include "usercommon/duration.h"

#include "usercommon/quantity.h"
#include <stddef.h>
#include <weir/base.h>

bool
duration_parse(const char *text, int64_t *out_nanoseconds)
{
    static const struct quantity_unit units[] = {
        {"ms", WEIR_MILLISECOND},
        {"s", WEIR_SECOND},
        {"m", 60 * WEIR_SECOND},
        {"h", 3600 * WEIR_SECOND},
        {NULL, 0},
    };

    return quantity_parse(text, units, out_nanoseconds);
}
