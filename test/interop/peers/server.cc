// SPDX-License-Identifier: Apache-2.0
// grpc.testing.TestService on gRPC's C++ library: interop-cpp-server ADDRESS.
#include "grpc/testing/test.grpc.pb.h"
#include "inspect.h"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace
{

using grpc::ServerContext;
using grpc::ServerReaderWriter;
using grpc::Status;
using grpc::StatusCode;
using namespace grpc::testing;

using Stream = ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>;

constexpr char kInitial[] = "x-grpc-test-echo-initial";
constexpr char kTrailing[] = "x-grpc-test-echo-trailing-bin";

void
EchoMetadata(ServerContext *context)
{
    const auto &metadata = context->client_metadata();
    auto initial = metadata.find(kInitial);
    auto trailing = metadata.find(kTrailing);

    if (initial != metadata.end())
        context->AddInitialMetadata(
            kInitial, std::string(initial->second.data(), initial->second.size()));
    if (trailing != metadata.end())
        context->AddTrailingMetadata(
            kTrailing, std::string(trailing->second.data(), trailing->second.size()));
}

Status
Asked(const EchoStatus &status)
{
    return Status(static_cast<StatusCode>(status.code()), status.message());
}

// Did the message come as its sender says?
template <typename Request>
bool
CameAsExpected(const ServerContext &context, const Request &request)
{
    return !request.has_expect_compressed() ||
           request.expect_compressed().value() ==
               InteropServerContextInspector::WasCompressed(context);
}

// Write is that of either kind of stream.
template <typename Writer>
Status
Answer(const StreamingOutputCallRequest &request, Writer *writer)
{
    if (request.response_status().code() != 0)
        return Asked(request.response_status());
    for (const ResponseParameters &wish : request.response_parameters()) {
        StreamingOutputCallResponse response;

        std::this_thread::sleep_for(std::chrono::microseconds(wish.interval_us()));
        response.mutable_payload()->set_body(std::string(static_cast<size_t>(wish.size()), '\0'));
        grpc::WriteOptions options;
        if (!wish.compressed().value())
            options.set_no_compression();
        writer->Write(response, options);
    }
    return Status::OK;
}

class Tests final : public TestService::Service
{
  public:
    Status
    EmptyCall(ServerContext *context, const Empty *, Empty *) override
    {
        EchoMetadata(context);
        return Status::OK;
    }

    Status
    UnaryCall(
        ServerContext *context, const SimpleRequest *request, SimpleResponse *response) override
    {
        size_t size = static_cast<size_t>(request->response_size());

        EchoMetadata(context);
        if (!CameAsExpected(*context, *request))
            return Status(StatusCode::INVALID_ARGUMENT, "not as expected");
        if (request->response_compressed().value())
            context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
        response->mutable_payload()->set_body(std::string(size, '\0'));
        return Asked(request->response_status());
    }

    Status
    StreamingOutputCall(ServerContext *context, const StreamingOutputCallRequest *request,
        grpc::ServerWriter<StreamingOutputCallResponse> *writer) override
    {
        EchoMetadata(context);
        context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
        return Answer(*request, writer);
    }

    Status
    StreamingInputCall(ServerContext *context,
        grpc::ServerReader<StreamingInputCallRequest> *reader,
        StreamingInputCallResponse *response) override
    {
        StreamingInputCallRequest request;
        size_t sum = 0;

        EchoMetadata(context);
        while (reader->Read(&request)) {
            if (!CameAsExpected(*context, request))
                return Status(StatusCode::INVALID_ARGUMENT, "not as expected");
            sum += request.payload().body().size();
        }
        response->set_aggregated_payload_size(static_cast<int>(sum));
        return Status::OK;
    }

    Status
    FullDuplexCall(ServerContext *context, Stream *stream) override
    {
        StreamingOutputCallRequest request;
        Status status;

        EchoMetadata(context);
        while (status.ok() && stream->Read(&request))
            status = Answer(request, stream);
        return status;
    }

    Status
    HalfDuplexCall(ServerContext *context, Stream *stream) override
    {
        std::vector<StreamingOutputCallRequest> requests;
        StreamingOutputCallRequest request;
        Status status;

        EchoMetadata(context);
        while (stream->Read(&request))
            requests.push_back(request);
        for (const StreamingOutputCallRequest &one : requests)
            if (status.ok())
                status = Answer(one, stream);
        return status;
    }
};

int
Serve(const char *address)
{
    Tests tests;
    grpc::ServerBuilder builder;
    sigset_t set;
    int number;

    // Before any thread is started, so that all of them leave the signal to sigwait.
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&tests);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    sigwait(&set, &number);
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    return 0;
}

} // namespace

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: interop-cpp-server HOST:PORT\n");
        return 2;
    }
    return Serve(argv[1]);
}
