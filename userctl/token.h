/* SPDX-License-Identifier: Apache-2.0 */
/* The token that every call shows. */
/* Threads: belongs to the main thread. */
#pragma once

#include "userctl/args.h"
#include <weir/credentials.h>

/* Can a header hold it? */
bool token_is_sendable(const char *token);

/* Credentials for the channel; NULL where args has no token. Borrows args. Where the token may go
 * was judged before (session_is_private). RESOURCE_EXHAUSTED: no memory. */
weir_code token_open(const struct args *args, weir_credentials **out_credentials);
