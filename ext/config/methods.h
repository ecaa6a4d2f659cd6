/* SPDX-License-Identifier: Apache-2.0 */
/* methodConfig of a service config. */
/* Threads: pure functions. */
#pragma once

#include "config/tree.h"
#include <weir/service_config.h>

/* Parse root's methodConfig into the tree's memory. Errors as in weir_service_config_parse. */
WEIR_CHECK weir_code methods_read(struct tree *tree, const struct weir_value *root,
    struct weir_service_config *config, struct weir_value_error *error);
