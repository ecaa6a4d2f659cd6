/* SPDX-License-Identifier: Apache-2.0 */
/* Outlier detection options of a service config (gRFC A50), in which 0 means 0. */
#include "client/outlier.h"

#include <weir/value.h>

static weir_code
read_count(const struct weir_value *object, const char *name, int64_t most, unsigned *out,
    struct weir_value_error *error)
{
    int64_t count = *out;

    WEIR_TRY(weir_value_read_integer(object, name, 0, most, &count, error));
    *out = (unsigned)count;
    return WEIR_OK;
}

static weir_code
read_success(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    WEIR_TRY(read_count(object, "stdevFactor", UINT32_MAX, &options->success_stdev_factor, error));
    WEIR_TRY(read_count(
        object, "enforcementPercentage", 100, &options->success_enforcing_percent, error));
    WEIR_TRY(
        read_count(object, "minimumHosts", UINT32_MAX, &options->success_minimum_hosts, error));
    return read_count(object, "requestVolume", UINT32_MAX, &options->success_request_volume, error);
}

static weir_code
read_failures(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    WEIR_TRY(read_count(object, "threshold", 100, &options->failure_threshold, error));
    WEIR_TRY(read_count(
        object, "enforcementPercentage", 100, &options->failure_enforcing_percent, error));
    WEIR_TRY(
        read_count(object, "minimumHosts", UINT32_MAX, &options->failure_minimum_hosts, error));
    return read_count(object, "requestVolume", UINT32_MAX, &options->failure_request_volume, error);
}

weir_code
outlier_read(const struct weir_value *object, struct weir_outlier_options *options,
    struct weir_value_error *error)
{
    const struct weir_value *success = NULL, *failures = NULL;

    *options = (struct weir_outlier_options){.interval = 0};
    outlier_fill(options);
    WEIR_TRY(weir_value_read_duration(object, "interval", &options->interval, error));
    WEIR_TRY(weir_value_read_duration(object, "baseEjectionTime", &options->ejection_time, error));
    WEIR_TRY(
        weir_value_read_duration(object, "maxEjectionTime", &options->max_ejection_time, error));
    WEIR_TRY(read_count(object, "maxEjectionPercent", 100, &options->max_ejection_percent, error));
    WEIR_TRY(weir_value_read_object(object, "successRateEjection", &success, error));
    WEIR_TRY(weir_value_read_object(object, "failurePercentageEjection", &failures, error));
    options->ignore_success_rate = success == NULL;
    options->ignore_failure_percentage = failures == NULL;
    if (success != NULL)
        WEIR_TRY(read_success(success, options, error));
    return failures == NULL ? WEIR_OK : read_failures(failures, options, error);
}
