/* SPDX-License-Identifier: Apache-2.0 */
/* The flag for the collector that traces are sent to. */
#include "usercommon/otlp.h"

#include <weir/tracing.h>

/* Valid if weir_tracer_new accepts it. */
bool
otlp_read(const struct flag *flag, const char *text, void *field)
{
    const struct weir_tracer_options options = {.endpoint = text};
    weir_tracer *tracer;

    if (weir_tracer_new(&options, &tracer) != WEIR_OK)
        return false;
    weir_tracer_free(tracer);
    return flag_text(flag, text, field);
}
