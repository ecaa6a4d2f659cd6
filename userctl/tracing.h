/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's traces: a trace begins with each call, and goes on in the server. */
/* Threads: belongs to the main thread. */
#pragma once

#include <weir/channel.h>
#include <weir/tracing.h>

/* Trace the calls of a channel. url NULL: that of OTEL_EXPORTER_OTLP_ENDPOINT, if it is one that we
 * can use; else nothing is traced, and *out_tracer is NULL. */
WEIR_CHECK weir_code tracing_open(weir_channel *channel, const char *url, weir_tracer **out_tracer);

/* After the channel is freed. Sends the spans; a collector that does not take them within a second
 * does not get them, which is told if it is the one of url. */
void tracing_close(weir_tracer *tracer, const char *url);
