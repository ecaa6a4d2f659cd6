/* SPDX-License-Identifier: Apache-2.0 */
/* userctl's traces: each call starts a trace, which the server continues. */
/* Threads: belongs to the main thread. */
#pragma once

#include <weir/channel.h>
#include <weir/tracing.h>

/* Trace the calls of a channel. url NULL: use OTEL_EXPORTER_OTLP_ENDPOINT if it is usable;
 * otherwise nothing is traced, and *out_tracer is NULL. */
WEIR_CHECK weir_code tracing_open(weir_channel *channel, const char *url, weir_tracer **out_tracer);

/* After the channel is freed. Exports the spans; if the collector does not accept them within a
 * second, they are dropped, and if url names it, an error is printed. */
void tracing_close(weir_tracer *tracer, const char *url);
