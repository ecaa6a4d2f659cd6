/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's traces. */
#include "userctl/tracing.h"

#include "usercommon/complain.h"
#include <stdlib.h>

#define FLUSH_TIME WEIR_SECOND

static weir_code
open_url(const char *url, weir_tracer **out_tracer)
{
    const struct weir_tracer_options options = {
        .endpoint = url, .service_name = "userctl", .service_version = weir_version()};

    return weir_tracer_new(&options, out_tracer);
}

/* The variable is shared by all programs of the user, so a value that we cannot use is no error. */
static weir_code
open_shared(weir_tracer **out_tracer)
{
    const char *url = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    weir_code code = url == NULL ? WEIR_INVALID_ARGUMENT : open_url(url, out_tracer);

    return code == WEIR_INVALID_ARGUMENT ? WEIR_OK : code;
}

weir_code
tracing_open(weir_channel *channel, const char *url, weir_tracer **out_tracer)
{
    weir_tracer *tracer = NULL;
    weir_code code = url == NULL ? open_shared(&tracer) : open_url(url, &tracer);

    if (code == WEIR_OK && tracer != NULL)
        code = weir_channel_wrap(channel, weir_tracer_intercept, tracer);
    if (code != WEIR_OK) {
        weir_tracer_free(tracer);
        return code;
    }
    *out_tracer = tracer;
    return WEIR_OK;
}

static void
flush(weir_tracer *tracer, const char *url)
{
    struct weir_tracer_counters counters;

    weir_tracer_flush(tracer, FLUSH_TIME);
    weir_tracer_count(tracer, &counters);
    if (url != NULL && counters.dropped_full + counters.dropped_sent > 0)
        complain("userctl", "the collector of --otlp did not take the trace");
}

void
tracing_close(weir_tracer *tracer, const char *url)
{
    if (tracer != NULL)
        flush(tracer, url);
    weir_tracer_free(tracer);
}
