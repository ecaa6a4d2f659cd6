/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection as a service config has it (gRFC A50). */
#include "client/outlier.h"

#include <weir/value.h>

/* A duration above zero. */
static weir_code
read_time(
    const struct weir_value *object, const char *name, int64_t *out, struct weir_value_error *error)
{
    WEIR_TRY(weir_value_read_duration(object, name, out, error));
    if (weir_value_member(object, name) != NULL && *out == 0)
        return weir_value_refuse(object, name, error, "must be above zero");
    return WEIR_OK;
}

static weir_code
read_count(const struct weir_value *object, const char *name, int64_t most, unsigned *out,
    struct weir_value_error *error)
{
    int64_t count = 0;

    WEIR_TRY(weir_value_read_integer(object, name, 1, most, &count, error));
    *out = (unsigned)count; /* 0, which is the default, where there is none */
    return WEIR_OK;
}

/* Of 0 nothing is enforced. */
static weir_code
read_enforcing(const struct weir_value *object, unsigned *out, bool *out_ignore,
    struct weir_value_error *error)
{
    int64_t percent = 100;

    WEIR_TRY(weir_value_read_integer(object, "enforcementPercentage", 0, 100, &percent, error));
    *out = (unsigned)percent;
    *out_ignore = percent == 0;
    return WEIR_OK;
}

static weir_code
read_success(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    WEIR_TRY(read_count(object, "stdevFactor", UINT32_MAX, &options->success_stdev_factor, error));
    WEIR_TRY(
        read_count(object, "minimumHosts", UINT32_MAX, &options->success_minimum_hosts, error));
    WEIR_TRY(
        read_count(object, "requestVolume", UINT32_MAX, &options->success_request_volume, error));
    return read_enforcing(
        object, &options->success_enforcing_percent, &options->ignore_success_rate, error);
}

static weir_code
read_failures(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    WEIR_TRY(read_count(object, "threshold", 100, &options->failure_threshold, error));
    WEIR_TRY(
        read_count(object, "minimumHosts", UINT32_MAX, &options->failure_minimum_hosts, error));
    WEIR_TRY(
        read_count(object, "requestVolume", UINT32_MAX, &options->failure_request_volume, error));
    return read_enforcing(
        object, &options->failure_enforcing_percent, &options->ignore_failure_percentage, error);
}

weir_code
outlier_read(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    const struct weir_value *success = NULL, *failures = NULL;
    int64_t most = 10;

    *options = (struct weir_outlier_options){
        .ignore_success_rate = true, .ignore_failure_percentage = true};
    WEIR_TRY(read_time(object, "interval", &options->interval, error));
    WEIR_TRY(read_time(object, "baseEjectionTime", &options->ejection_time, error));
    WEIR_TRY(read_time(object, "maxEjectionTime", &options->max_ejection_time, error));
    WEIR_TRY(weir_value_read_integer(object, "maxEjectionPercent", 0, 100, &most, error));
    WEIR_TRY(weir_value_read_object(object, "successRateEjection", &success, error));
    WEIR_TRY(weir_value_read_object(object, "failurePercentageEjection", &failures, error));
    if (success != NULL)
        WEIR_TRY(read_success(success, options, error));
    if (failures != NULL)
        WEIR_TRY(read_failures(failures, options, error));
    options->max_ejection_percent = (unsigned)most;
    if (most == 0)
        options->ignore_success_rate = options->ignore_failure_percentage = true;
    return WEIR_OK;
}
