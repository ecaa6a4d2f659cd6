// SPDX-License-Identifier: Apache-2.0
// Whether the last message of a call came compressed: gRPC's C++ library shows it to classes of
// these names, its own interoperability tests'.
#pragma once

#include <grpcpp/grpcpp.h>

// Exported by libgrpc, declared by none of its headers.
uint32_t grpc_call_test_only_get_message_flags(grpc_call *call);

namespace grpc::testing
{

// GRPC_WRITE_INTERNAL_TEST_ONLY_WAS_COMPRESSED of libgrpc's own.
constexpr uint32_t kCompressed = 0x40000000u;

class InteropServerContextInspector
{
  public:
    static bool
    WasCompressed(const ServerContext &context)
    {
        return (grpc_call_test_only_get_message_flags(context.call_.call) & kCompressed) != 0;
    }
};

class InteropClientContextInspector
{
  public:
    static bool
    WasCompressed(const ClientContext &context)
    {
        return (grpc_call_test_only_get_message_flags(context.call_) & kCompressed) != 0;
    }
};

} // namespace grpc::testing
