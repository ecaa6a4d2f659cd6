/* SPDX-License-Identifier: Apache-2.0 */
/* Server reflection (grpc doc/server-reflection.md), from the descriptors in generated code. Part
 * of libweir-ext. */
/* Threads: set up before weir_server_run; free after the server. */
#pragma once

#include <weir/server.h>

WEIR_BEGIN_C

typedef struct weir_reflection weir_reflection;

/* Offer grpc.reflection.v1 and v1alpha on a server, describing all its services, these included.
 * Borrows the server. ALREADY_EXISTS: the server has one of them; *out_reflection is NULL, or must
 * be freed after the server all the same. FAILED_PRECONDITION: the server runs already.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_reflection_new(
    weir_server *server, weir_reflection **out_reflection);

/* After the server is freed. */
WEIR_API void weir_reflection_free(weir_reflection *reflection);

WEIR_END_C
