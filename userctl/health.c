/* SPDX-License-Identifier: Apache-2.0 */
/* userctl health: the status of a service by grpc.health.v1, once or whenever it changes. */
#include "userctl/calls.h"
#include <jansson.h>
#include <stdio.h>
#include <weir/health.h>

static bool
print_status(const struct args *args, enum weir_health_status status)
{
    const char *name = weir_health_status_name(status);
    json_t *json;
    bool good;

    if (!args->json)
        return puts(name) != EOF && fflush(stdout) == 0;
    json = json_pack("{s:s, s:s}", "service", args->service, "status", name);
    good = json != NULL && json_dumpf(json, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
           putchar('\n') != EOF && fflush(stdout) == 0;
    json_decref(json);
    return good;
}

/* Without --timeout, Weir's default: 5 s for a check, no limit for a watch. */
static int64_t
timeout_of(const struct args *args)
{
    return args->timeout == WEIR_NEVER ? 0 : args->timeout;
}

struct watching {
    const struct args *args;
    int status; /* the exit code; not 0: the output cannot be written */
};

static bool
show(void *arg, enum weir_health_status status)
{
    struct watching *watching = arg;

    if (!print_status(watching->args, status))
        watching->status = calls_fail_output(); /* here, while errno says why */
    return watching->status == 0;
}

static int
watch(weir_channel *channel, const struct args *args)
{
    struct watching watching = {.args = args};
    char why[WEIR_HEALTH_WHY];
    weir_code code =
        weir_health_watch(channel, args->service, timeout_of(args), show, &watching, why);

    if (watching.status != 0)
        return watching.status;
    return code == WEIR_OK ? 0 : calls_fail(args, code, why);
}

/* Any status is a valid response; the exit code tells which. */
static int
check(weir_channel *channel, const struct args *args)
{
    char why[WEIR_HEALTH_WHY];
    weir_code code = weir_health_check(channel, args->service, timeout_of(args), why);
    bool answered =
        code == WEIR_OK || (code == WEIR_UNAVAILABLE && strcmp(why, "service not serving") == 0);

    if (!answered)
        return calls_fail(args, code, why);
    if (!print_status(args, code == WEIR_OK ? WEIR_HEALTH_SERVING : WEIR_HEALTH_NOT_SERVING))
        return calls_fail_output();
    return code == WEIR_OK ? 0 : EXIT_CODE_BASE + WEIR_UNAVAILABLE;
}

int
health_run(weir_channel *channel, const struct args *args)
{
    return args->watch ? watch(channel, args) : check(channel, args);
}
