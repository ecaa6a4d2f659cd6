/* SPDX-License-Identifier: Apache-2.0 */
/* Details of a status: messages that say more about an error, as in google/rpc/error_details.proto,
 * which is installed with Weir; WeirGenerate.cmake tells how to compile it.
 *
 * They travel in the trailer grpc-status-details-bin, as a google.rpc.Status. The code of a call is
 * that of grpc-status, whatever the one in there says. */
/* Threads: a call belongs to the fiber or thread that runs it. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* Server: add a detail to the status that this call will end with, unless that is OK. Copies it.
 * Several keep their order. FAILED_PRECONDITION: a client's call, or the status is out.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_call_add_detail(weir_call *call, const ProtobufCMessage *detail);

/* Client, when the call has ended: its first detail of this type, which lives as long as the call.
 * False: there is none, or it does not parse, or no memory. */
WEIR_API WEIR_CHECK bool weir_call_detail(
    weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_detail);

/* Client: walk all of them. Start with *cursor = 0; false at the end. The name of each one's type,
 * "google.rpc.ErrorInfo", and its bytes live as long as the call. */
WEIR_API bool weir_call_next_detail(
    weir_call *call, size_t *cursor, weir_str *out_type, weir_str *out_bytes);

WEIR_END_C
