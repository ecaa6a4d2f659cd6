/* SPDX-License-Identifier: Apache-2.0 */
/* Reflection: tells generic clients what a server serves, from the descriptors that generated code
 * carries. Part of libweir-ext. */
/* Threads: set up before weir_server_run; free after the server. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

typedef struct weir_reflection weir_reflection;

/* Offer grpc.reflection.v1 and v1alpha on a server, for all its services, these two included.
 * ALREADY_EXISTS: it has one of them; *out_reflection may be in use all the same, or NULL.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_reflection_new(
    weir_server *server, weir_reflection **out_reflection);
WEIR_API void weir_reflection_free(weir_reflection *reflection);

WEIR_END_C
