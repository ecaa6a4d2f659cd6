/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks by clients. */
#include "grpc/health/v1/health.weir.h"
#include <stdio.h>
#include <weir/health.h>

#define TIMEOUT_DEFAULT (5 * WEIR_SECOND)

/* *out_serves is set if there is a response. */
static weir_code
ask(weir_call *call, const char *service, int64_t timeout, bool *out_serves)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    const Grpc__Health__V1__HealthCheckResponse *response;

    request.service = (char *)(uintptr_t)service;
    weir_call_set_timeout(call, timeout == 0 ? TIMEOUT_DEFAULT : timeout);
    WEIR_TRY(grpc_health_v1_Health_Check(call, &request, &response));
    *out_serves =
        response->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    return WEIR_OK;
}

/* Copies the message and frees the call. */
static weir_code
end(weir_call *call, weir_code code, char out_why[WEIR_HEALTH_WHY])
{
    if (out_why != NULL)
        snprintf(out_why, WEIR_HEALTH_WHY, "%s", call == NULL ? "" : weir_call_message(call));
    weir_call_free(call);
    return code;
}

weir_code
weir_health_check(
    weir_channel *channel, const char *service, int64_t timeout, char out_why[WEIR_HEALTH_WHY])
{
    weir_call *call = weir_call_new(channel, NULL);
    bool serves = false;
    weir_code code = call == NULL ? WEIR_RESOURCE_EXHAUSTED : ask(call, service, timeout, &serves);

    code = end(call, code, out_why);
    if (code != WEIR_OK || serves)
        return code;
    if (out_why != NULL)
        snprintf(out_why, WEIR_HEALTH_WHY, "service not serving");
    return WEIR_UNAVAILABLE;
}

static weir_code
follow(weir_call *call, const char *service,
    bool (*changed)(void *arg, enum weir_health_status status), void *arg)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    const Grpc__Health__V1__HealthCheckResponse *response;
    struct grpc_health_v1_Health_Watch_client stream;

    request.service = (char *)(uintptr_t)service;
    WEIR_TRY(grpc_health_v1_Health_Watch(call, &request, &stream));
    while (grpc_health_v1_Health_Watch_client_recv(stream, &response)) {
        if (!changed(arg, (enum weir_health_status)response->status))
            return WEIR_OK;
    }
    return grpc_health_v1_Health_Watch_client_finish(stream);
}

weir_code
weir_health_watch(weir_channel *channel, const char *service, int64_t timeout,
    bool (*changed)(void *arg, enum weir_health_status status), void *arg,
    char out_why[WEIR_HEALTH_WHY])
{
    weir_call *call = weir_call_new(channel, NULL);

    if (call == NULL)
        return end(call, WEIR_RESOURCE_EXHAUSTED, out_why);
    if (timeout > 0)
        weir_call_set_timeout(call, timeout);
    return end(call, follow(call, service, changed, arg), out_why);
}
