/* SPDX-License-Identifier: Apache-2.0 */
/* Status details: protobuf messages that describe an error, such as those of
 * google/rpc/error_details.proto, which is installed with Weir (WeirGenerate.cmake explains how to
 * compile it).
 *
 * They are sent as a google.rpc.Status in the trailer grpc-status-details-bin. A call's code is
 * always that of grpc-status; the code in the google.rpc.Status is ignored. */
/* Threads: a call belongs to the fiber or thread that runs it. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <weir/call.h>

WEIR_BEGIN_C

/* Server: append a detail to the call's status; dropped if the call ends with OK. Copies it.
 * FAILED_PRECONDITION: a client's call, or the status has been sent. RESOURCE_EXHAUSTED: no
 * memory. */
WEIR_API WEIR_CHECK weir_code weir_call_add_detail(weir_call *call, const ProtobufCMessage *detail);

/* Client, after the call has ended: its first detail of a type. Lives as long as the call. False:
 * there is none, it does not parse, or no memory. */
WEIR_API WEIR_CHECK bool weir_call_detail(
    weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_detail);

/* Client, after the call has ended: iterate over all details. Start with *cursor = 0; false at the
 * end. The type's name, "google.rpc.ErrorInfo", and the serialized bytes live as long as the
 * call. */
WEIR_API bool weir_call_next_detail(
    weir_call *call, size_t *cursor, weir_str *out_type, weir_str *out_bytes);

WEIR_END_C
