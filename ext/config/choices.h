/* SPDX-License-Identifier: Apache-2.0 */
/* The service configs of a name in DNS, one of which each client chooses (gRFC A2). */
/* Threads: pure functions, except for random numbers. */
#pragma once

#include <weir/value.h>

/* The properties of a client that the choice depends on. */
struct choices_client {
    const char *language, *hostname;
    int64_t percentile; /* from 1 to 100 */
};

/* Those of this program; the percentile is random. */
struct choices_client choices_own_client(char hostname[256]);

/* The serviceConfig of the first choice that matches the client; NULL: none matches.
 * INVALID_ARGUMENT, with the error: the list is invalid. */
WEIR_CHECK weir_code choices_take(const struct weir_value *list,
    const struct choices_client *client, const struct weir_value **out_config,
    struct weir_value_error *error);
