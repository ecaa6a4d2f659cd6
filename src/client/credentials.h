/* SPDX-License-Identifier: Apache-2.0 */
/* An attempt's token. */
/* Threads: on the attempt's loop. */
#pragma once

#include "rpc/call.h"
#include <weir/credentials.h>

/* Get the token of the attempt's credentials, if it has any and no token yet. UNAUTHENTICATED: it
 * may not be sent, or there is none; else what the source says. Suspends. */
WEIR_CHECK weir_code credentials_apply(struct weir_call *attempt);
