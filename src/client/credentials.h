/* SPDX-License-Identifier: Apache-2.0 */
/* The token of an attempt's credentials. */
/* Threads: on the attempt's loop. */
#pragma once

#include "rpc/call.h"
#include <weir/credentials.h>

/* Get the token of the attempt's credentials, if it has any and no token yet. UNAUTHENTICATED: the
 * token may not be sent on this connection, or there is none; other codes come from the source of
 * the token. Suspends. */
WEIR_CHECK weir_code credentials_apply(struct weir_call *attempt);
