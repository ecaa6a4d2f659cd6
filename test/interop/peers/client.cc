// SPDX-License-Identifier: Apache-2.0
// The interoperability cases on gRPC's C++ library: interop-cpp-client ADDRESS reads a case's name
// a line, and answers "ok" or what went wrong.
#include "grpc/testing/test.grpc.pb.h"
#include "inspect.h"
#include <chrono>
#include <cstdio>
#include <grpcpp/grpcpp.h>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;
using namespace grpc::testing;

using Stub = TestService::Stub;
using Channel = std::shared_ptr<grpc::Channel>;

constexpr int kCases = 4;
constexpr int kRequestSizes[kCases] = {27182, 8, 1828, 45904};
constexpr int kResponseSizes[kCases] = {31415, 9, 2653, 58979};
constexpr char kInitial[] = "x-grpc-test-echo-initial";
constexpr char kTrailing[] = "x-grpc-test-echo-trailing-bin";
constexpr char kPlain[] = "test status message";
constexpr char kSpecial[] =
    "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n";

void
Expect(bool condition, const std::string &what)
{
    if (!condition)
        throw std::runtime_error(what);
}

void
ExpectStatus(const Status &status, StatusCode code)
{
    Expect(status.error_code() == code, "status " + std::to_string(status.error_code()) + ", not " +
                                            std::to_string(code) + ": " + status.error_message());
}

// Channels with the same arguments would share a connection.
Channel
Connect(const std::string &address)
{
    grpc::ChannelArguments arguments;

    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// So that nothing hangs for ever.
void
Limit(ClientContext *context)
{
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
}

std::string
Zeros(int size)
{
    return std::string(static_cast<size_t>(size), '\0');
}

template <typename Response>
void
ExpectZeros(const Response &response, int size)
{
    Expect(response.payload().body() == Zeros(size),
        "the response is not " + std::to_string(size) + " zeros");
}

SimpleRequest
LargeRequest()
{
    SimpleRequest request;

    request.set_response_size(314159);
    request.mutable_payload()->set_body(Zeros(271828));
    return request;
}

StreamingOutputCallRequest
StreamRequest(int request_size, int response_size)
{
    StreamingOutputCallRequest request;

    request.add_response_parameters()->set_size(response_size);
    request.mutable_payload()->set_body(Zeros(request_size));
    return request;
}

void
EmptyUnary(Stub *stub)
{
    ClientContext context;
    Empty response;

    Limit(&context);
    ExpectStatus(stub->EmptyCall(&context, Empty(), &response), StatusCode::OK);
}

void
LargeUnary(Stub *stub)
{
    ClientContext context;
    SimpleResponse response;

    Limit(&context);
    ExpectStatus(stub->UnaryCall(&context, LargeRequest(), &response), StatusCode::OK);
    ExpectZeros(response, 314159);
}

void
ClientStreaming(Stub *stub)
{
    ClientContext context;
    StreamingInputCallResponse response;

    Limit(&context);
    auto writer = stub->StreamingInputCall(&context, &response);
    for (int size : kRequestSizes) {
        StreamingInputCallRequest request;
        request.mutable_payload()->set_body(Zeros(size));
        Expect(writer->Write(request), "a write failed");
    }
    Expect(writer->WritesDone(), "the half-close failed");
    ExpectStatus(writer->Finish(), StatusCode::OK);
    Expect(response.aggregated_payload_size() == 74922, "a wrong sum");
}

void
ServerStreaming(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallRequest request;
    StreamingOutputCallResponse response;

    Limit(&context);
    for (int size : kResponseSizes)
        request.add_response_parameters()->set_size(size);
    auto reader = stub->StreamingOutputCall(&context, request);
    for (int size : kResponseSizes) {
        Expect(reader->Read(&response), "a response did not come");
        ExpectZeros(response, size);
    }
    Expect(!reader->Read(&response), "a response too many");
    ExpectStatus(reader->Finish(), StatusCode::OK);
}

void
PingPong(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallResponse response;

    Limit(&context);
    auto stream = stub->FullDuplexCall(&context);
    for (int i = 0; i < kCases; i++) {
        Expect(stream->Write(StreamRequest(kRequestSizes[i], kResponseSizes[i])), "a write failed");
        Expect(stream->Read(&response), "a response did not come");
        ExpectZeros(response, kResponseSizes[i]);
    }
    Expect(stream->WritesDone(), "the half-close failed");
    Expect(!stream->Read(&response), "a response too many");
    ExpectStatus(stream->Finish(), StatusCode::OK);
}

void
EmptyStream(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallResponse response;

    Limit(&context);
    auto stream = stub->FullDuplexCall(&context);
    Expect(stream->WritesDone(), "the half-close failed");
    Expect(!stream->Read(&response), "a response too many");
    ExpectStatus(stream->Finish(), StatusCode::OK);
}

void
AddMetadata(ClientContext *context)
{
    context->AddMetadata(kInitial, "test_initial_metadata_value");
    context->AddMetadata(kTrailing, "\xab\xab\xab");
}

void
ExpectMetadata(const ClientContext &context)
{
    const auto &initial = context.GetServerInitialMetadata();
    const auto &trailing = context.GetServerTrailingMetadata();
    auto first = initial.find(kInitial);
    auto last = trailing.find(kTrailing);

    Expect(first != initial.end() && first->second == "test_initial_metadata_value",
        "the header did not come back");
    Expect(
        last != trailing.end() && last->second == "\xab\xab\xab", "the trailer did not come back");
}

void
UnaryMetadata(Stub *stub)
{
    ClientContext context;
    SimpleResponse response;

    Limit(&context);
    AddMetadata(&context);
    ExpectStatus(stub->UnaryCall(&context, LargeRequest(), &response), StatusCode::OK);
    ExpectMetadata(context);
}

void
StreamMetadata(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallResponse response;

    Limit(&context);
    AddMetadata(&context);
    auto stream = stub->FullDuplexCall(&context);
    Expect(stream->Write(StreamRequest(271828, 314159)), "a write failed");
    Expect(stream->WritesDone(), "the half-close failed");
    Expect(stream->Read(&response), "a response did not come");
    ExpectZeros(response, 314159);
    Expect(!stream->Read(&response), "a response too many");
    ExpectStatus(stream->Finish(), StatusCode::OK);
    ExpectMetadata(context);
}

void
CustomMetadata(Stub *stub)
{
    UnaryMetadata(stub);
    StreamMetadata(stub);
}

void
ExpectText(const Status &status, const char *text)
{
    ExpectStatus(status, StatusCode::UNKNOWN);
    Expect(status.error_message() == text, "the message came as " + status.error_message());
}

void
UnaryStatus(Stub *stub, const char *text)
{
    ClientContext context;
    SimpleRequest request;
    SimpleResponse response;

    Limit(&context);
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(text);
    ExpectText(stub->UnaryCall(&context, request, &response), text);
}

void
StreamStatus(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallRequest request;
    StreamingOutputCallResponse response;

    Limit(&context);
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(kPlain);
    auto stream = stub->FullDuplexCall(&context);
    stream->Write(request);
    stream->WritesDone();
    Expect(!stream->Read(&response), "a response too many");
    ExpectText(stream->Finish(), kPlain);
}

void
StatusCodeAndMessage(Stub *stub)
{
    UnaryStatus(stub, kPlain);
    StreamStatus(stub);
}

void
SpecialStatusMessage(Stub *stub)
{
    UnaryStatus(stub, kSpecial);
}

void
UnimplementedMethod(Stub *stub)
{
    ClientContext context;
    Empty response;

    Limit(&context);
    ExpectStatus(stub->UnimplementedCall(&context, Empty(), &response), StatusCode::UNIMPLEMENTED);
}

void
UnimplementedServiceCase(const Channel &channel)
{
    ClientContext context;
    Empty response;

    Limit(&context);
    auto stub = UnimplementedService::NewStub(channel);
    ExpectStatus(stub->UnimplementedCall(&context, Empty(), &response), StatusCode::UNIMPLEMENTED);
}

void
CancelAfterBegin(Stub *stub)
{
    ClientContext context;
    StreamingInputCallResponse response;

    Limit(&context);
    auto writer = stub->StreamingInputCall(&context, &response);
    context.TryCancel();
    ExpectStatus(writer->Finish(), StatusCode::CANCELLED);
}

void
CancelAfterFirstResponse(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallResponse response;

    Limit(&context);
    auto stream = stub->FullDuplexCall(&context);
    Expect(stream->Write(StreamRequest(27182, 31415)), "a write failed");
    Expect(stream->Read(&response), "a response did not come");
    ExpectZeros(response, 31415);
    context.TryCancel();
    ExpectStatus(stream->Finish(), StatusCode::CANCELLED);
}

void
TimeoutOnSleepingServer(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallRequest request;
    StreamingOutputCallResponse response;

    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
    request.mutable_payload()->set_body(Zeros(27182));
    auto stream = stub->FullDuplexCall(&context);
    stream->Write(request);
    Expect(!stream->Read(&response), "a response to a request that asks for none");
    ExpectStatus(stream->Finish(), StatusCode::DEADLINE_EXCEEDED);
}

// ---- compression ----

void
CompressedUnary(Stub *stub, bool compressed, bool expected, StatusCode code)
{
    ClientContext context;
    SimpleRequest request = LargeRequest();
    SimpleResponse response;

    Limit(&context);
    if (compressed)
        context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    request.mutable_expect_compressed()->set_value(expected);
    ExpectStatus(stub->UnaryCall(&context, request, &response), code);
    if (code == StatusCode::OK)
        ExpectZeros(response, 314159);
}

void
ClientCompressedUnary(Stub *stub)
{
    CompressedUnary(stub, false, true, StatusCode::INVALID_ARGUMENT);
    CompressedUnary(stub, true, true, StatusCode::OK);
    CompressedUnary(stub, false, false, StatusCode::OK);
}

void
ServerCompressedUnary(Stub *stub)
{
    for (bool compressed : {true, false}) {
        ClientContext context;
        SimpleRequest request = LargeRequest();
        SimpleResponse response;

        Limit(&context);
        request.mutable_response_compressed()->set_value(compressed);
        ExpectStatus(stub->UnaryCall(&context, request, &response), StatusCode::OK);
        ExpectZeros(response, 314159);
        Expect(InteropClientContextInspector::WasCompressed(context) == compressed,
            "the response came otherwise than it was asked for");
    }
}

StreamingInputCallRequest
InputRequest(int size, bool expected)
{
    StreamingInputCallRequest request;

    request.mutable_payload()->set_body(Zeros(size));
    request.mutable_expect_compressed()->set_value(expected);
    return request;
}

void
ClientCompressedProbe(Stub *stub)
{
    ClientContext context;
    StreamingInputCallResponse response;

    Limit(&context);
    auto writer = stub->StreamingInputCall(&context, &response);
    writer->Write(InputRequest(27182, true));
    writer->WritesDone();
    ExpectStatus(writer->Finish(), StatusCode::INVALID_ARGUMENT);
}

void
ClientCompressedStreaming(Stub *stub)
{
    ClientContext context;
    StreamingInputCallResponse response;
    grpc::WriteOptions plain;

    ClientCompressedProbe(stub);
    Limit(&context);
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    plain.set_no_compression();
    auto writer = stub->StreamingInputCall(&context, &response);
    Expect(writer->Write(InputRequest(27182, true)), "a write failed");
    Expect(writer->Write(InputRequest(45904, false), plain), "a write failed");
    Expect(writer->WritesDone(), "the half-close failed");
    ExpectStatus(writer->Finish(), StatusCode::OK);
    Expect(response.aggregated_payload_size() == 73086, "a wrong sum");
}

void
ServerCompressedStreaming(Stub *stub)
{
    ClientContext context;
    StreamingOutputCallRequest request;
    StreamingOutputCallResponse response;

    Limit(&context);
    for (int size : {31415, 92653}) {
        ResponseParameters *wish = request.add_response_parameters();
        wish->set_size(size);
        wish->mutable_compressed()->set_value(size == 31415);
    }
    auto reader = stub->StreamingOutputCall(&context, request);
    for (int size : {31415, 92653}) {
        Expect(reader->Read(&response), "a response did not come");
        ExpectZeros(response, size);
        Expect(InteropClientContextInspector::WasCompressed(context) == (size == 31415),
            "a response came otherwise than it was asked for");
    }
    Expect(!reader->Read(&response), "a response too many");
    ExpectStatus(reader->Finish(), StatusCode::OK);
}

void
RpcSoak(Stub *stub)
{
    for (int i = 0; i < 10; i++)
        LargeUnary(stub);
}

void
ChannelSoak(const std::string &address)
{
    for (int i = 0; i < 10; i++)
        LargeUnary(TestService::NewStub(Connect(address)).get());
}

// With a stub, on a channel, or with channels of their own.
const std::map<std::string, void (*)(Stub *)> kStubCases = {
    {"empty_unary", EmptyUnary},
    {"large_unary", LargeUnary},
    {"client_streaming", ClientStreaming},
    {"server_streaming", ServerStreaming},
    {"ping_pong", PingPong},
    {"empty_stream", EmptyStream},
    {"custom_metadata", CustomMetadata},
    {"status_code_and_message", StatusCodeAndMessage},
    {"special_status_message", SpecialStatusMessage},
    {"unimplemented_method", UnimplementedMethod},
    {"cancel_after_begin", CancelAfterBegin},
    {"cancel_after_first_response", CancelAfterFirstResponse},
    {"timeout_on_sleeping_server", TimeoutOnSleepingServer},
    {"client_compressed_unary", ClientCompressedUnary},
    {"server_compressed_unary", ServerCompressedUnary},
    {"client_compressed_streaming", ClientCompressedStreaming},
    {"server_compressed_streaming", ServerCompressedStreaming},
    {"rpc_soak", RpcSoak},
};

void
RunCase(const std::string &address, const std::string &name)
{
    Channel channel = Connect(address);
    auto found = kStubCases.find(name);

    if (found != kStubCases.end())
        found->second(TestService::NewStub(channel).get());
    else if (name == "unimplemented_service")
        UnimplementedServiceCase(channel);
    else if (name == "channel_soak")
        ChannelSoak(address);
    else
        throw std::runtime_error("there is no such case");
}

std::string
Answer(const std::string &address, const std::string &name)
{
    try {
        RunCase(address, name);
    } catch (const std::exception &error) {
        return error.what();
    }
    return "ok";
}

} // namespace

int
main(int argc, char **argv)
{
    std::string name;

    if (argc != 2) {
        fprintf(stderr, "usage: interop-cpp-client HOST:PORT\n");
        return 2;
    }
    while (std::getline(std::cin, name))
        std::cout << Answer(argv[1], name) << std::endl;
    return 0;
}
