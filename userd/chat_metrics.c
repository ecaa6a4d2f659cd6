/* SPDX-License-Identifier: Apache-2.0 */
/* The chat's counters in the metrics. */
#include "userd/chat_metrics.h"

static void
collect(void *self, weir_scrape *scrape)
{
    const struct chat_stats stats = chat_hub_stats(self);
    const struct weir_label stream = {"limit", "stream"}, all = {"limit", "all"};

    weir_scrape_name(scrape, "userd_chat_streams", "gauge", "Chats that are open.");
    weir_scrape_value(scrape, NULL, 0, (double)stats.seats);
    weir_scrape_name(scrape, "userd_chat_participants", "gauge", "Names that take part.");
    weir_scrape_value(scrape, NULL, 0, (double)stats.participants);
    weir_scrape_name(scrape, "userd_chat_messages_delivered_total", "counter",
        "Messages that were put into a stream of their addressee.");
    weir_scrape_value(scrape, NULL, 0, (double)stats.delivered);
    weir_scrape_name(scrape, "userd_chat_messages_dropped_total", "counter",
        "Messages that were lost since their addressee is slow, by what was full: what the stream"
        " may hold, or what all streams may.");
    weir_scrape_value(scrape, &stream, 1, (double)(stats.dropped - stats.crowded));
    weir_scrape_value(scrape, &all, 1, (double)stats.crowded);
    weir_scrape_name(scrape, "userd_chat_names_forgotten_total", "counter",
        "Names that streams lost to newer ones, since each may have only so many.");
    weir_scrape_value(scrape, NULL, 0, (double)stats.forgotten);
}

bool
chat_metrics_show(struct chat_hub *hub, weir_metrics *metrics)
{
    return weir_metrics_collect(metrics, collect, hub) == WEIR_OK;
}
