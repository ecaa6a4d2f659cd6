/* SPDX-License-Identifier: Apache-2.0 */
/* The chat's counters in the metrics. */
/* Threads: belongs to the thread that sets userd up. */
#pragma once

#include "userd/chat_hub.h"
#include <weir/metrics.h>

/* Both are borrowed until the metrics are freed. False: no memory. */
bool chat_metrics_show(struct chat_hub *hub, weir_metrics *metrics);
