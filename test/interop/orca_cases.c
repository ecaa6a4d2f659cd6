/* SPDX-License-Identifier: Apache-2.0 */
/* The cases about load reports: with a call, and on a stream apart from calls. */
#include "client.h"
#include "payload.h"

#include <math.h>
#include <weir/orca.h>

/* How often reports are asked for, and for how long for one of them. */
#define INTERVAL (100 * WEIR_MILLISECOND)
#define PATIENCE (10 * WEIR_SECOND)

struct load {
    double cpu, memory, cost, share;
};

static const struct load load_of_call = {0.8210, 0.5847, 3456.32, 0.30499};
static const struct load loads_of_server[] = {
    {0.8210, 0.5847, 0, 0.30499},
    {0.29309, 0.2, 0, 0.2039},
};

/* A report to ask for, with its maps; no cost: an empty map. */
struct wish {
    Grpc__Testing__TestOrcaReport report;
    Grpc__Testing__TestOrcaReport__RequestCostEntry cost, *costs[1];
    Grpc__Testing__TestOrcaReport__UtilizationEntry share, *shares[1];
};

static void
wish_init(struct wish *wish, const struct load *load)
{
    grpc__testing__test_orca_report__init(&wish->report);
    grpc__testing__test_orca_report__request_cost_entry__init(&wish->cost);
    grpc__testing__test_orca_report__utilization_entry__init(&wish->share);
    wish->cost.key = "cost";
    wish->cost.value = load->cost;
    wish->share.key = "util";
    wish->share.value = load->share;
    wish->costs[0] = &wish->cost;
    wish->shares[0] = &wish->share;
    wish->report.cpu_utilization = load->cpu;
    wish->report.memory_utilization = load->memory;
    wish->report.request_cost = wish->costs;
    wish->report.n_request_cost = load->cost > 0 ? 1 : 0;
    wish->report.utilization = wish->shares;
    wish->report.n_utilization = 1;
}

static bool
metric_is(const struct weir_orca_metric *metrics, size_t count, const char *name, double value)
{
    if (value == 0)
        return count == 0;
    return count == 1 && strcmp(metrics[0].name, name) == 0 &&
           fabs(metrics[0].value - value) < 1e-9;
}

static bool
report_is(const struct weir_orca_report *report, const struct load *load)
{
    return fabs(report->cpu_utilization - load->cpu) < 1e-9 &&
           fabs(report->memory_utilization - load->memory) < 1e-9 &&
           metric_is(report->request_cost, report->request_cost_count, "cost", load->cost) &&
           metric_is(report->utilization, report->utilization_count, "util", load->share);
}

/* ---- orca_per_rpc ---- */

static bool
orca_per_rpc(struct interop *interop, weir_call *call)
{
    Grpc__Testing__SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
    const Grpc__Testing__SimpleResponse *response = NULL;
    struct weir_orca_report report;
    struct wish wish;
    weir_code code;

    wish_init(&wish, &load_of_call);
    request.orca_per_query_report = &wish.report;
    code = grpc_testing_TestService_UnaryCall(call, &request, &response);
    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    if (weir_orca_of_call(call, &report) != WEIR_OK)
        return interop_fail(interop, "the call has no load report");
    return report_is(&report, &load_of_call) ||
           interop_fail(interop, "the load report is another than was asked for");
}

/* ---- orca_oob ---- */

/* Have the server report a load from now on; its answer says that it does. */
static bool
tell(struct interop *interop, struct grpc_testing_TestService_FullDuplexCall_client stream,
    const struct load *load)
{
    Grpc__Testing__StreamingOutputCallRequest request =
        GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
    const Grpc__Testing__StreamingOutputCallResponse *response = NULL;
    Grpc__Testing__ResponseParameters size = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
    Grpc__Testing__ResponseParameters *sizes[] = {&size};
    struct wish wish;
    weir_code code;

    wish_init(&wish, load);
    size.size = 1;
    request.orca_oob_report = &wish.report;
    request.response_parameters = sizes;
    request.n_response_parameters = 1;
    code = grpc_testing_TestService_FullDuplexCall_client_send(stream, &request);
    if (!interop_expect(interop, stream.call, code, WEIR_OK))
        return false;
    return grpc_testing_TestService_FullDuplexCall_client_recv(stream, &response) ||
           interop_fail(interop, "no response: %s", weir_call_message(stream.call));
}

/* Reports that were on their way come first. */
static bool
await_load(struct interop *interop, weir_call *reports, const struct load *load)
{
    int64_t until = weir_now() + PATIENCE;
    struct weir_orca_report report;

    while (weir_orca_receive(reports, &report)) {
        if (report_is(&report, load))
            return true;
        if (weir_now() > until)
            return interop_fail(interop, "no report of the load that was asked for");
    }
    return interop_fail(interop, "the reports ended: %s", weir_call_message(reports));
}

static bool
tell_and_await(struct interop *interop, weir_call *call, weir_call *reports)
{
    struct grpc_testing_TestService_FullDuplexCall_client stream = {NULL};
    weir_code code = grpc_testing_TestService_FullDuplexCall(call, &stream);

    if (!interop_expect(interop, call, code, WEIR_OK))
        return false;
    for (size_t i = 0; i < sizeof(loads_of_server) / sizeof(loads_of_server[0]); i++) {
        if (!tell(interop, stream, &loads_of_server[i]) ||
            !await_load(interop, reports, &loads_of_server[i]))
            return false;
    }
    code = grpc_testing_TestService_FullDuplexCall_client_finish(stream);
    return interop_expect(interop, call, code, WEIR_OK);
}

static bool
orca_oob(struct interop *interop, weir_call *call)
{
    weir_call *reports;
    weir_code code = interop_call_new(interop, interop->channel, &reports);
    bool passed;

    if (code != WEIR_OK)
        return interop_fail(interop, "out of memory");
    code = weir_orca_open(reports, INTERVAL);
    passed =
        interop_expect(interop, reports, code, WEIR_OK) && tell_and_await(interop, call, reports);
    weir_call_free(reports);
    return passed;
}

const struct interop_case interop_orca_cases[] = {
    {"orca_per_rpc", .calls = {orca_per_rpc}},
    {"orca_oob", .calls = {orca_oob}},
    {.name = NULL},
};
