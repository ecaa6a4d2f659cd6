/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs as JSON (grpc doc/service_config.md; gRFC A2, A6). Of libweir-config. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/service_config.h>

WEIR_BEGIN_C

/* Read a config, of len bytes. INVALID_ARGUMENT: it is none, and the error, which may be NULL,
 * names the field: "methodConfig[2].retryPolicy.maxAttempts: must be ..."; fields that are not
 * known are left alone, and so are the options of balancers, which look at them when a channel uses
 * them. RESOURCE_EXHAUSTED: no memory. Free it with weir_service_config_free.
 *
 * A list is of choices, as a name in DNS has them (gRFC A2): the first that is for this client is
 * read, whose clientLanguage is "c"; when none is, there is nothing in the config. */
WEIR_API WEIR_CHECK weir_code weir_service_config_parse(const char *json, size_t len,
    struct weir_service_config **out_config, struct weir_value_error *error);

WEIR_API void weir_service_config_free(struct weir_service_config *config);

/* Both of them, for weir_channel_options: what resolvers bring is read. */
extern WEIR_API const struct weir_service_config_format weir_service_config_json;

WEIR_END_C
