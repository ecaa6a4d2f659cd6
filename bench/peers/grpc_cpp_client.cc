// SPDX-License-Identifier: Apache-2.0
// bench/call.c on gRPC's C++ library, by its fastest ways: blocking calls one after the other, or
// one completion queue and one thread for many at once.
#include "echo.grpc.pb.h"
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <vector>

namespace
{

const char kText[] = "the quick brown fox jumps over a";

void
Check(const grpc::Status &status, const echo::EchoMessage &answer)
{
    if (status.ok() && answer.text() == kText)
        return;
    std::fprintf(stderr, "bench-grpc-cpp-client: %s\n", status.error_message().c_str());
    std::exit(1);
}

double
Seconds(clockid_t clock)
{
    timespec now;

    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<echo::EchoMessage>> reader;
    echo::EchoMessage answer;
    grpc::Status status;
};

class Client
{
  public:
    explicit Client(const char *address)
        : stub_(
              echo::Echo::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())))
    {
        request_.set_text(kText);
    }

    void
    Run(long calls, long at_once)
    {
        if (at_once == 1)
            OneByOne(calls);
        else
            AtOnce(calls, at_once);
    }

  private:
    void
    OneByOne(long calls)
    {
        for (long i = 0; i < calls; i++) {
            grpc::ClientContext context;
            echo::EchoMessage answer;

            Check(stub_->Unary(&context, request_, &answer), answer);
        }
    }

    void
    Start(Call &call)
    {
        call.context = std::make_unique<grpc::ClientContext>();
        call.reader = stub_->AsyncUnary(call.context.get(), request_, &queue_);
        call.reader->Finish(&call.answer, &call.status, &call);
    }

    void
    AtOnce(long calls, long at_once)
    {
        std::vector<Call> slots(static_cast<size_t>(at_once));
        long left = calls, ended = 0;
        void *tag = nullptr;
        bool ok = false;

        for (auto &call : slots) {
            if (left-- > 0)
                Start(call);
        }
        while (ended < calls && queue_.Next(&tag, &ok)) {
            auto *call = static_cast<Call *>(tag);

            Check(call->status, call->answer);
            ended++;
            if (left-- > 0)
                Start(*call);
        }
    }

    std::unique_ptr<echo::Echo::Stub> stub_;
    grpc::CompletionQueue queue_;
    echo::EchoMessage request_;
};

} // namespace

int
main(int argc, char **argv)
{
    long calls = argc == 4 ? std::strtol(argv[2], nullptr, 10) : 0;
    long at_once = argc == 4 ? std::strtol(argv[3], nullptr, 10) : 0;

    if (calls <= 0 || at_once <= 0) {
        std::fprintf(stderr, "usage: bench-grpc-cpp-client HOST:PORT CALLS AT_ONCE\n");
        return 2;
    }
    Client client(argv[1]);
    client.Run(calls / 10 + 1, at_once);
    const double start = Seconds(CLOCK_MONOTONIC), cpu = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    client.Run(calls, at_once);
    std::printf("answered %ld cpu %.6f seconds %.6f\n", calls,
        Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, Seconds(CLOCK_MONOTONIC) - start);
    return 0;
}
