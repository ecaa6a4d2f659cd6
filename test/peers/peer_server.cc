// SPDX-License-Identifier: Apache-2.0
// A server of UserService and Peer on gRPC's C++ library, for clients to be tested against; it
// behaves as server.py does.
#include "peer.grpc.pb.h"
#include "user.grpc.pb.h"
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <grpcpp/grpcpp.h>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace
{

using grpc::ServerContext;
using grpc::Status;
using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr int kSleepyId = 1000000000;
constexpr int kFailingId = 900000000;
constexpr char kHardText[] = "100% d\u00e9j\u00e0 vu,\r\n\ttwo lines \u2026 \U0001f642 %41 \x7f";

// What became of tagged calls.
class Fates
{
  public:
    void
    Tell(const std::string &tag, const peer::FateReport &fate)
    {
        std::lock_guard<std::mutex> guard(lock_);
        known_[tag] = fate;
        changed_.notify_all();
    }

    peer::FateReport
    Wait(const std::string &tag, const ServerContext *context)
    {
        std::unique_lock<std::mutex> guard(lock_);
        while (known_.count(tag) == 0 && !context->IsCancelled())
            changed_.wait_for(guard, milliseconds(100));
        return known_.count(tag) == 0 ? peer::FateReport() : known_[tag];
    }

  private:
    std::mutex lock_;
    std::condition_variable changed_;
    std::map<std::string, peer::FateReport> known_;
};

bool
HasDeadline(const ServerContext *context)
{
    return context->deadline() < system_clock::now() + std::chrono::hours(24 * 365);
}

int64_t
TimeLeft(const ServerContext *context)
{
    if (!HasDeadline(context))
        return 0;
    auto left = context->deadline() - system_clock::now();
    return std::chrono::duration_cast<milliseconds>(left).count();
}

void
Sleep(Fates &fates, const ServerContext *context, const std::string &tag, int duration)
{
    peer::FateReport fate;
    auto end = std::chrono::steady_clock::now() + milliseconds(duration);

    fate.set_has_deadline(HasDeadline(context));
    fate.set_time_left_ms(TimeLeft(context));
    while (!context->IsCancelled() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(milliseconds(2));
    fate.set_cancelled(context->IsCancelled());
    if (!tag.empty())
        fates.Tell(tag, fate);
}

void
EchoMetadata(ServerContext *context)
{
    for (const auto &[key, value] : context->client_metadata()) {
        if (key.starts_with("x-initial"))
            context->AddInitialMetadata(
                std::string(key.data(), key.size()), std::string(value.data(), value.size()));
        if (key.starts_with("x-trailing"))
            context->AddTrailingMetadata(
                std::string(key.data(), key.size()), std::string(value.data(), value.size()));
    }
}

class Peer final : public peer::Peer::Service
{
  public:
    explicit Peer(Fates &fates) : fates_(fates)
    {
    }

    Status
    Do(ServerContext *context, const peer::Order *order, peer::Report *report) override
    {
        auto agent = context->client_metadata().find("user-agent");

        EchoMetadata(context);
        report->set_has_deadline(HasDeadline(context));
        report->set_time_left_ms(TimeLeft(context));
        Sleep(fates_, context, order->tag(), order->sleep_ms());
        if (order->code() != 0)
            return Status(static_cast<StatusCode>(order->code()), order->message());
        for (int i = 0; i < order->answer_bytes(); i++)
            report->mutable_payload()->push_back(static_cast<char>(i % 251));
        report->set_received_bytes(static_cast<int64_t>(order->payload().size()));
        if (agent != context->client_metadata().end())
            report->set_user_agent(agent->second.data(), agent->second.size());
        return Status::OK;
    }

    Status
    Fate(
        ServerContext *context, const peer::FateRequest *request, peer::FateReport *report) override
    {
        *report = fates_.Wait(request->tag(), context);
        return Status::OK;
    }

  private:
    Fates &fates_;
};

std::string
Folded(std::string email)
{
    std::transform(email.begin(), email.end(), email.begin(), [](unsigned char c) {
        return c < 0x80 ? static_cast<char>(tolower(c)) : static_cast<char>(c);
    });
    return email;
}

class Users final : public user::UserService::Service
{
  public:
    explicit Users(Fates &fates) : fates_(fates)
    {
    }

    Status
    GetUser(ServerContext *context, const user::GetUserRequest *request,
        user::GetUserResponse *response) override
    {
        int id = request->id();

        if (id >= kSleepyId && id < kSleepyId + 1000000)
            Sleep(fates_, context, "get-" + std::to_string(id), id - kSleepyId);
        else if (id >= kFailingId && id <= kFailingId + 16)
            return Status(static_cast<StatusCode>(id - kFailingId), kHardText);
        std::lock_guard<std::mutex> guard(lock_);
        auto found = users_.find(id);
        response->set_found(found != users_.end());
        if (response->found())
            *response->mutable_user() = found->second;
        return Status::OK;
    }

    Status
    ListUsers(ServerContext *, const user::ListUsersRequest *request,
        user::ListUsersResponse *response) override
    {
        std::lock_guard<std::mutex> guard(lock_);
        int64_t page = std::max(request->page(), 1);
        int limit = request->limit() >= 1 && request->limit() <= 100 ? request->limit() : 10;
        int64_t skip = (page - 1) * limit;

        response->set_total(static_cast<int>(users_.size()));
        response->set_page(static_cast<int>(page));
        response->set_limit(limit);
        for (const auto &[id, user] : users_)
            if (skip-- <= 0 && response->users_size() < limit)
                *response->add_users() = user;
        return Status::OK;
    }

    Status
    CreateUser(ServerContext *, const user::CreateUserRequest *request,
        user::CreateUserResponse *response) override
    {
        std::lock_guard<std::mutex> guard(lock_);

        if (request->name().empty() || request->email().empty())
            return Status(StatusCode::INVALID_ARGUMENT, "name and email are required");
        if (Taken(request->email(), 0))
            return Status(StatusCode::ALREADY_EXISTS, "email is already taken");
        user::User &user = users_[++last_id_];
        user.set_id(last_id_);
        user.set_name(request->name());
        user.set_email(request->email());
        user.set_phone(request->phone());
        user.set_created_at(time(nullptr));
        *response->mutable_user() = user;
        response->set_success(true);
        return Status::OK;
    }

    Status
    UpdateUser(ServerContext *, const user::UpdateUserRequest *request,
        user::UpdateUserResponse *response) override
    {
        std::lock_guard<std::mutex> guard(lock_);
        const user::User &change = request->user();
        auto found = users_.find(change.id());
        std::set<std::string> fields = Fields(*request);

        if (found == users_.end())
            return Status(StatusCode::NOT_FOUND, "no such user");
        if (fields.count("email") != 0 && Taken(change.email(), change.id()))
            return Status(StatusCode::ALREADY_EXISTS, "email is already taken");
        for (const std::string &field : fields)
            if (field != "name" && field != "email" && field != "phone")
                return Status(StatusCode::INVALID_ARGUMENT, "no such field: " + field);
        if (fields.count("name") != 0)
            found->second.set_name(change.name());
        if (fields.count("email") != 0)
            found->second.set_email(change.email());
        if (fields.count("phone") != 0)
            found->second.set_phone(change.phone());
        *response->mutable_user() = found->second;
        return Status::OK;
    }

    Status
    DeleteUser(ServerContext *, const user::DeleteUserRequest *request,
        user::DeleteUserResponse *) override
    {
        std::lock_guard<std::mutex> guard(lock_);

        if (users_.erase(request->id()) == 0)
            return Status(StatusCode::NOT_FOUND, "no such user");
        return Status::OK;
    }

  private:
    bool
    Taken(const std::string &email, int but) const
    {
        return std::any_of(users_.begin(), users_.end(), [&](const auto &entry) {
            return entry.first != but && Folded(entry.second.email()) == Folded(email);
        });
    }

    static std::set<std::string>
    Fields(const user::UpdateUserRequest &request)
    {
        const auto &paths = request.update_mask().paths();
        std::set<std::string> fields(paths.begin(), paths.end());

        if (!fields.empty())
            return fields;
        if (!request.user().name().empty())
            fields.insert("name");
        if (!request.user().email().empty())
            fields.insert("email");
        if (!request.user().phone().empty())
            fields.insert("phone");
        return fields;
    }

    Fates &fates_;
    std::mutex lock_;
    std::map<int, user::User> users_;
    int last_id_ = 0;
};

int
Serve(const char *address)
{
    Fates fates;
    Peer peer(fates);
    Users users(fates);
    grpc::ServerBuilder builder;
    sigset_t set;
    int number;

    // Before any thread is started, so that all of them leave the signal to sigwait.
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&peer);
    builder.RegisterService(&users);
    builder.SetMaxReceiveMessageSize(64 << 20);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 64 << 10);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    sigwait(&set, &number);
    server->Shutdown(system_clock::now() + std::chrono::seconds(1));
    return 0;
}

} // namespace

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: peer-server HOST:PORT\n");
        return 2;
    }
    return Serve(argv[1]);
}
