/* SPDX-License-Identifier: Apache-2.0 */
/* The token that is sent with every call. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"
#include <weir/credentials.h>

/* Is it a valid header value? */
bool token_is_sendable(const char *token);

/* Credentials for the channel; NULL if args has no token. Borrows args. Whether the token may be
 * sent was checked before (session_is_private). RESOURCE_EXHAUSTED: no memory. */
weir_code token_open(const struct args *args, weir_credentials **out_credentials);
