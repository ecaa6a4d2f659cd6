/* SPDX-License-Identifier: Apache-2.0 */
/* The configs that a name in DNS has, of which each client takes one (gRFC A2). */
/* Threads: pure functions, but for chance. */
#pragma once

#include <weir/value.h>

/* Who chooses. */
struct choices_client {
    const char *language, *hostname;
    int64_t percentile; /* from 1 to 100 */
};

/* This program, by chance. */
struct choices_client choices_own_client(char hostname[256]);

/* The serviceConfig of the first one that is for this client; NULL: none is. INVALID_ARGUMENT, with
 * the error: the list is none of these. */
WEIR_CHECK weir_code choices_take(const struct weir_value *list,
    const struct choices_client *client, const struct weir_value **out_config,
    struct weir_value_error *error);
