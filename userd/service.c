/* SPDX-License-Identifier: Apache-2.0 */
/* user.UserService: the handlers. They judge requests, ask the store, and put users into the call's
 * arena. */
#include "userd/service.h"

#include "usercommon/utf8.h"
#include "userd/validate.h"

#define LIMIT_DEFAULT 10
#define LIMIT_MAX 100

/* ---- users in answers ---- */

static char *
copy_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

/* A message with copies of the texts, one piece of the call's arena. NULL: no memory. */
static User__User *
message_of(weir_call *call, const struct user *user)
{
    size_t texts = strlen(user->name) + strlen(user->email) + strlen(user->phone) + 3;
    User__User *message = weir_call_alloc(call, sizeof(*message) + texts);
    char *at = (char *)(message + 1);

    if (message == NULL)
        return NULL;
    user__user__init(message);
    message->id = user->id;
    message->name = copy_text(&at, user->name);
    message->email = copy_text(&at, user->email);
    message->phone = copy_text(&at, user->phone);
    message->created_at = user->created_at;
    return message;
}

/* Where a visited user goes. */
struct one {
    weir_call *call;
    User__User **field;
};

static weir_code
visit_one(void *arg, const struct user *user)
{
    struct one *one = arg;

    *one->field = message_of(one->call, user);
    return *one->field == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

struct many {
    weir_call *call;
    User__User **users; /* room for the limit */
    size_t count;
};

static weir_code
visit_many(void *arg, const struct user *user)
{
    struct many *many = arg;
    User__User *message = message_of(many->call, user);

    if (message == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    many->users[many->count++] = message;
    return WEIR_OK;
}

/* ---- failures ---- */

/* What a result of the store is to the client: OK stays OK, and a fault's cause goes to the log
 * alone. */
static weir_code
conclude(const struct service *service, weir_call *call, weir_code code, const char *what,
    const struct store_cause *cause)
{
    if (code == WEIR_RESOURCE_EXHAUSTED)
        return weir_fail(call, code, "overloaded");
    if (code != WEIR_INTERNAL && code != WEIR_UNAVAILABLE)
        return code;
    log_line(service->log, LOG_ERROR, what, log_text("method", weir_call_method(call)),
        log_text("code", weir_code_name(code)), log_text("cause", cause->text));
    return weir_fail(call, code, "%s", what);
}

static weir_code
fail_absent(weir_call *call, int32_t id)
{
    return weir_fail(call, WEIR_NOT_FOUND, "user %d not found", (int)id);
}

static weir_code
fail_taken(weir_call *call)
{
    return weir_fail(call, WEIR_ALREADY_EXISTS, "email is already taken");
}

/* Nothing that a client does helps, so the log says it, too. */
static weir_code
fail_used_up(const struct service *service, weir_call *call)
{
    static const char what[] = "no ids are left";

    log_line(service->log, LOG_ERROR, what, log_text("method", weir_call_method(call)));
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "%s", what);
}

/* ---- GetUser, ListUsers ---- */

static weir_code
get_user(void *self, weir_call *call, const User__GetUserRequest *request,
    User__GetUserResponse *out_response)
{
    const struct service *service = self;
    struct one one = {call, &out_response->user};
    struct store_cause cause;
    weir_code code =
        service->store->ops->find(service->store, call, request->id, visit_one, &one, &cause);

    if (code == WEIR_NOT_FOUND)
        return WEIR_OK;
    if (code != WEIR_OK)
        return conclude(service, call, code, "failed to get user", &cause);
    out_response->found = true;
    return WEIR_OK;
}

static weir_code
list_users(void *self, weir_call *call, const User__ListUsersRequest *request,
    User__ListUsersResponse *out_response)
{
    const struct service *service = self;
    int32_t page = request->page <= 0 ? 1 : request->page;
    int32_t limit =
        request->limit <= 0 || request->limit > LIMIT_MAX ? LIMIT_DEFAULT : request->limit;
    const struct user_range range = {.skip = ((int64_t)page - 1) * limit, .limit = limit};
    struct many many = {call, weir_call_alloc(call, (size_t)limit * sizeof(User__User *)), 0};
    struct store_cause cause;
    int64_t total;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (many.users != NULL)
        code = service->store->ops->list(
            service->store, call, &range, visit_many, &many, &total, &cause);
    if (code != WEIR_OK)
        return conclude(service, call, code, "failed to list users", &cause);
    out_response->users = many.users;
    out_response->n_users = many.count;
    out_response->total = total > INT32_MAX ? INT32_MAX : (int32_t)total;
    out_response->page = page;
    out_response->limit = limit;
    return WEIR_OK;
}

/* ---- CreateUser ---- */

static weir_code
create_user(void *self, weir_call *call, const User__CreateUserRequest *request,
    User__CreateUserResponse *out_response)
{
    const struct service *service = self;
    struct user user = {.name = request->name,
        .email = request->email,
        .phone = request->phone,
        .created_at = weir_unix_seconds()};
    const char *wrong = validate_new_user(&user);
    struct store_cause cause;
    weir_code code;

    if (wrong != NULL)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "%s", wrong);
    code = service->store->ops->create(service->store, call, &user, &user.id, &cause);
    if (code == WEIR_ALREADY_EXISTS)
        return fail_taken(call);
    if (code == WEIR_OUT_OF_RANGE)
        return fail_used_up(service, call);
    if (code != WEIR_OK)
        return conclude(service, call, code, "failed to create user", &cause);
    out_response->success = true;
    out_response->user = message_of(call, &user);
    return out_response->user == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

/* ---- UpdateUser ---- */

/* A path is what the peer sent: repeat it only when it is short text. */
static weir_code
fail_path(weir_call *call, const char *path)
{
    size_t len = strnlen(path, 65);

    if (len > 64 || !utf8_valid(path, len))
        return weir_fail(call, WEIR_INVALID_ARGUMENT,
            "update_mask names a field that cannot be changed; name, email and phone can");
    return weir_fail(call, WEIR_INVALID_ARGUMENT,
        "update_mask: \"%s\" cannot be changed; name, email and phone can", path);
}

static weir_code
read_mask(weir_call *call, const Google__Protobuf__FieldMask *mask, const User__User *user,
    struct user_change *change)
{
    for (size_t i = 0; i < mask->n_paths; i++) {
        if (strcmp(mask->paths[i], "name") == 0)
            change->name = user->name;
        else if (strcmp(mask->paths[i], "email") == 0)
            change->email = user->email;
        else if (strcmp(mask->paths[i], "phone") == 0)
            change->phone = user->phone;
        else
            return fail_path(call, mask->paths[i]);
    }
    return WEIR_OK;
}

static const char *
null_if_empty(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static weir_code
read_change(weir_call *call, const User__UpdateUserRequest *request, struct user_change *change)
{
    const User__User *user = request->user;
    const char *wrong;

    if (user == NULL)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "user is required");
    *change = (struct user_change){.id = user->id};
    if (request->update_mask != NULL && request->update_mask->n_paths > 0) {
        WEIR_TRY(read_mask(call, request->update_mask, user, change));
    } else {
        change->name = null_if_empty(user->name);
        change->email = null_if_empty(user->email);
        change->phone = null_if_empty(user->phone);
    }
    wrong = validate_change(change);
    return wrong == NULL ? WEIR_OK : weir_fail(call, WEIR_INVALID_ARGUMENT, "%s", wrong);
}

/* A change of nothing is a read: it need not wait for the disk. */
static weir_code
apply_change(const struct service *service, weir_call *call, const struct user_change *change,
    User__User **field, struct store_cause *cause)
{
    struct store *store = service->store;
    struct one one = {call, field};

    if (change->name == NULL && change->email == NULL && change->phone == NULL)
        return store->ops->find(store, call, change->id, visit_one, &one, cause);
    return store->ops->update(store, call, change, visit_one, &one, cause);
}

static weir_code
update_user(void *self, weir_call *call, const User__UpdateUserRequest *request,
    User__UpdateUserResponse *out_response)
{
    const struct service *service = self;
    struct user_change change = {0};
    struct store_cause cause;
    weir_code code;

    WEIR_TRY(read_change(call, request, &change));
    code = apply_change(service, call, &change, &out_response->user, &cause);
    if (code == WEIR_NOT_FOUND)
        return fail_absent(call, change.id);
    if (code == WEIR_ALREADY_EXISTS)
        return fail_taken(call);
    return conclude(service, call, code, "failed to update user", &cause);
}

/* ---- DeleteUser ---- */

static weir_code
delete_user(void *self, weir_call *call, const User__DeleteUserRequest *request,
    User__DeleteUserResponse *out_response)
{
    const struct service *service = self;
    struct store_cause cause;
    weir_code code = service->store->ops->remove(service->store, call, request->id, &cause);

    (void)out_response;
    if (code == WEIR_NOT_FOUND)
        return fail_absent(call, request->id);
    return conclude(service, call, code, "failed to delete user", &cause);
}

const struct user_UserService_handlers service_handlers = {
    .GetUser = get_user,
    .ListUsers = list_users,
    .CreateUser = create_user,
    .UpdateUser = update_user,
    .DeleteUser = delete_user,
};
