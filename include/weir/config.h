/* SPDX-License-Identifier: Apache-2.0 */
/* Service configs in JSON (grpc doc/service_config.md; gRFC A2, A6). Part of libweir-config. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/service_config.h>

WEIR_BEGIN_C

/* Parse a config of len bytes. Free it with weir_service_config_free. Unknown fields are ignored;
 * the options of load balancing policies are checked only when a channel uses the config.
 * INVALID_ARGUMENT: it is not valid; error, which may be NULL, names the field:
 * "methodConfig[2].retryPolicy.maxAttempts: must be ...". RESOURCE_EXHAUSTED: no memory.
 *
 * A JSON array is a list of choices as in DNS (gRFC A2): the first one that matches this client,
 * whose clientLanguage is "c", is used; if none matches, the config is empty. */
WEIR_API WEIR_CHECK weir_code weir_service_config_parse(const char *json, size_t len,
    struct weir_service_config **out_config, struct weir_value_error *error);

/* Free a config made by weir_service_config_parse. */
WEIR_API void weir_service_config_free(struct weir_service_config *config);

/* Both functions, for weir_channel_options.service_config_format. */
extern WEIR_API const struct weir_service_config_format weir_service_config_json;

WEIR_END_C
