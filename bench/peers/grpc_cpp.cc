// SPDX-License-Identifier: Apache-2.0
// The echo service on gRPC's C++ library, by its fastest way: one completion queue, one thread,
// calls that are armed before they come.
#include "echo.grpc.pb.h"
#include <cstdio>
#include <cstring>
#include <fstream>
#include <grpcpp/grpcpp.h>
#include <memory>

namespace
{

// Calls that wait for a request at any time.
constexpr int kArmed = 200;

// What a completion queue's tags are.
class Step
{
  public:
    virtual ~Step() = default;
    // The queue says that what was asked for is done.
    virtual void Proceed(bool ok) = 0;
};

class Call : public Step
{
  public:
    Call(echo::Echo::AsyncService &service, grpc::ServerCompletionQueue &queue)
        : service_(service), queue_(queue)
    {
        Arm();
    }

    void
    Proceed(bool ok) override
    {
        if (ok && !answering_) {
            answering_ = true;
            answer_.set_text(request_.text());
            writer_->Finish(answer_, grpc::Status::OK, this);
        } else {
            Arm();
        }
    }

  private:
    void
    Arm()
    {
        answering_ = false;
        writer_.reset();
        context_ = std::make_unique<grpc::ServerContext>();
        writer_ =
            std::make_unique<grpc::ServerAsyncResponseWriter<echo::EchoMessage>>(context_.get());
        service_.RequestUnary(context_.get(), &request_, writer_.get(), &queue_, &queue_, this);
    }

    echo::Echo::AsyncService &service_;
    grpc::ServerCompletionQueue &queue_;
    std::unique_ptr<grpc::ServerContext> context_;
    std::unique_ptr<grpc::ServerAsyncResponseWriter<echo::EchoMessage>> writer_;
    echo::EchoMessage request_, answer_;
    bool answering_ = false;
};

std::string
ContentOf(const char *path)
{
    std::ifstream file(path);

    return {std::istreambuf_iterator<char>(file), {}};
}

std::shared_ptr<grpc::ServerCredentials>
Credentials(const char *cert, const char *key)
{
    grpc::SslServerCredentialsOptions options;

    if (cert == nullptr)
        return grpc::InsecureServerCredentials();
    options.pem_key_cert_pairs.push_back({ContentOf(key), ContentOf(cert)});
    return grpc::SslServerCredentials(options);
}

// One stream at a time: a write must be done before the next.
class Stream : public Step
{
  public:
    Stream(echo::Echo::AsyncService &service, grpc::ServerCompletionQueue &queue)
        : service_(service), queue_(queue)
    {
        Arm();
    }

    void
    Proceed(bool ok) override
    {
        if (ending_ || !ok) {
            Arm();
        } else if (left_ < 0) {
            left_ = request_.times();
            answer_.set_text(request_.text());
            Continue();
        } else {
            Continue();
        }
    }

  private:
    void
    Continue()
    {
        if (left_ == 0) {
            ending_ = true;
            writer_->Finish(grpc::Status::OK, this);
            return;
        }
        left_--;
        writer_->Write(answer_, this);
    }

    void
    Arm()
    {
        ending_ = false;
        left_ = -1;
        writer_.reset();
        context_ = std::make_unique<grpc::ServerContext>();
        writer_ = std::make_unique<grpc::ServerAsyncWriter<echo::EchoMessage>>(context_.get());
        service_.RequestServerStream(
            context_.get(), &request_, writer_.get(), &queue_, &queue_, this);
    }

    echo::Echo::AsyncService &service_;
    grpc::ServerCompletionQueue &queue_;
    std::unique_ptr<grpc::ServerContext> context_;
    std::unique_ptr<grpc::ServerAsyncWriter<echo::EchoMessage>> writer_;
    echo::EchoOften request_;
    echo::EchoMessage answer_;
    bool ending_ = false;
    int left_ = -1;
};

int
Serve(const char *address, const std::shared_ptr<grpc::ServerCredentials> &credentials)
{
    echo::Echo::AsyncService service;
    grpc::ServerBuilder builder;

    builder.AddListeningPort(address, credentials);
    builder.RegisterService(&service);
    std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < kArmed; i++)
        calls.push_back(std::make_unique<Call>(service, *queue));
    Stream stream(service, *queue);
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok))
        static_cast<Step *>(tag)->Proceed(ok);
    return 0;
}

} // namespace

int
main(int argc, char **argv)
{
    const char *address = nullptr, *cert = nullptr, *key = nullptr;

    for (int i = 1; i + 1 < argc; i += 2) {
        const char **value = strcmp(argv[i], "--listen") == 0     ? &address
                             : strcmp(argv[i], "--tls-cert") == 0 ? &cert
                                                                  : &key;
        *value = argv[i + 1];
    }
    if (address == nullptr || (cert == nullptr) != (key == nullptr)) {
        fprintf(
            stderr, "usage: bench-grpc-cpp --listen HOST:PORT [--tls-cert FILE --tls-key FILE]\n");
        return 2;
    }
    return Serve(address, Credentials(cert, key));
}
