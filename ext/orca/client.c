/* SPDX-License-Identifier: Apache-2.0 */
/* The client side of ORCA: reports from trailers and streams. */
#include "orca/report.h"

static void *
allocate(void *call, size_t size)
{
    return weir_call_keep(call, size);
}

static void
keep(void *call, void *piece)
{
    (void)call;
    (void)piece;
}

weir_code
weir_orca_of_call(weir_call *call, struct weir_orca_report *out_report)
{
    weir_str bytes = weir_call_trailer(call, orca_trailer);
    ProtobufCAllocator allocator = {allocate, keep, call};
    orca_load_report *message;

    if (bytes.data == NULL)
        return WEIR_NOT_FOUND;
    message = xds__data__orca__v3__orca_load_report__unpack(
        &allocator, bytes.len, (const uint8_t *)bytes.data);
    if (message == NULL)
        return WEIR_INTERNAL;
    return orca_report_read(call, weir_call_keep, message, out_report) ? WEIR_OK
                                                                       : WEIR_RESOURCE_EXHAUSTED;
}

weir_code
weir_orca_open(weir_call *call, int64_t interval)
{
    struct xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_client stream;
    Xds__Service__Orca__V3__OrcaLoadReportRequest request =
        XDS__SERVICE__ORCA__V3__ORCA_LOAD_REPORT_REQUEST__INIT;
    Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;

    duration.seconds = interval / WEIR_SECOND;
    duration.nanos = (int32_t)(interval % WEIR_SECOND);
    request.report_interval = &duration;
    return xds_service_orca_v3_OpenRcaService_StreamCoreMetrics(call, &request, &stream);
}

bool
weir_orca_receive(weir_call *call, struct weir_orca_report *out_report)
{
    struct xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_client stream = {call};
    const orca_load_report *message;

    while (xds_service_orca_v3_OpenRcaService_StreamCoreMetrics_client_recv(stream, &message)) {
        if (orca_report_read(call, weir_call_alloc, message, out_report))
            return true;
        weir_call_cancel(call);
    }
    return false;
}
