/* SPDX-License-Identifier: Apache-2.0 */
/* Load reports as the interoperability tests ask for them. */
#include "server_orca.h"

/* The public tests have their client ask for a report a second. */
#define MIN_INTERVAL (20 * WEIR_MILLISECOND)
#define POLL (10 * WEIR_MILLISECOND)

weir_code
orca_init(struct orca_server *server)
{
    const struct weir_orca_options options = {.min_interval = MIN_INTERVAL};

    *server = (struct orca_server){.orca = NULL};
    return weir_orca_new(&options, &server->orca);
}

void
orca_fini(struct orca_server *server)
{
    weir_orca_free(server->orca);
}

static weir_code
read_report(weir_call *call, const Grpc__Testing__TestOrcaReport *report,
    struct weir_orca_report *out_report)
{
    size_t costs = report->n_request_cost, shares = report->n_utilization;
    struct weir_orca_metric *metrics =
        weir_call_alloc(call, (costs + shares + 1) * sizeof(*metrics));

    if (metrics == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < costs; i++)
        metrics[i] =
            (struct weir_orca_metric){report->request_cost[i]->key, report->request_cost[i]->value};
    for (size_t i = 0; i < shares; i++)
        metrics[costs + i] =
            (struct weir_orca_metric){report->utilization[i]->key, report->utilization[i]->value};
    *out_report = (struct weir_orca_report){
        .cpu_utilization = report->cpu_utilization,
        .memory_utilization = report->memory_utilization,
        .request_cost = metrics,
        .request_cost_count = costs,
        .utilization = metrics + costs,
        .utilization_count = shares,
    };
    return WEIR_OK;
}

weir_code
orca_report_call(
    struct orca_server *server, weir_call *call, const Grpc__Testing__TestOrcaReport *report)
{
    struct weir_orca_report it;

    WEIR_TRY(read_report(call, report, &it));
    return weir_orca_report_call(call, server->orca, &it);
}

weir_code
orca_tell(struct orca_server *server, weir_call *call, const Grpc__Testing__TestOrcaReport *report,
    bool *holds)
{
    struct weir_orca_report it;

    WEIR_TRY(read_report(call, report, &it));
    while (!*holds && atomic_exchange(&server->held, true))
        WEIR_TRY(weir_call_sleep(call, POLL));
    *holds = true;
    return weir_orca_tell(server->orca, &it);
}

void
orca_release(struct orca_server *server)
{
    atomic_store(&server->held, false);
}
