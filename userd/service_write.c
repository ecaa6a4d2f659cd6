/* SPDX-License-Identifier: Apache-2.0 */
/* CreateUser, UpdateUser and DeleteUser. */
#include "userd/answer.h"
#include "userd/caller.h"
#include "userd/handlers.h"

#include "usercommon/utf8.h"
#include "userd/validate.h"

/* ---- CreateUser ---- */

weir_code
handle_create_user(void *self, weir_call *call, const User__CreateUserRequest *request,
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
        return answer_taken(call);
    if (code == WEIR_OUT_OF_RANGE)
        return answer_used_up(service, call);
    if (code != WEIR_OK)
        return answer_conclude(service, call, code, "failed to create user", &cause);
    out_response->success = true;
    out_response->user = answer_user(call, &user);
    return out_response->user == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

/* ---- UpdateUser ---- */

/* Repeat a path in the error only if it is short text, because the peer chose it. */
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

/* An update without changes is a read, which need not wait for the disk. */
static weir_code
apply_change(const struct service *service, weir_call *call, const struct user_change *change,
    User__User **field, struct store_cause *cause)
{
    struct store *store = service->store;
    struct answer_place place = {call, field};

    if (change->name == NULL && change->email == NULL && change->phone == NULL)
        return store->ops->find(store, call, change->id, answer_visit, &place, cause);
    return store->ops->update(store, call, change, answer_visit, &place, cause);
}

weir_code
handle_update_user(void *self, weir_call *call, const User__UpdateUserRequest *request,
    User__UpdateUserResponse *out_response)
{
    const struct service *service = self;
    struct user_change change = {0};
    struct store_cause cause;
    weir_code code;

    WEIR_TRY(read_change(call, request, &change));
    if (!caller_may_change(call, change.id))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "insufficient permissions");
    code = apply_change(service, call, &change, &out_response->user, &cause);
    if (code == WEIR_NOT_FOUND)
        return answer_absent(call, change.id);
    if (code == WEIR_ALREADY_EXISTS)
        return answer_taken(call);
    return answer_conclude(service, call, code, "failed to update user", &cause);
}

/* ---- DeleteUser ---- */

weir_code
handle_delete_user(void *self, weir_call *call, const User__DeleteUserRequest *request,
    User__DeleteUserResponse *out_response)
{
    const struct service *service = self;
    struct store_cause cause;
    weir_code code = service->store->ops->remove(service->store, call, request->id, &cause);

    (void)out_response;
    if (code == WEIR_NOT_FOUND)
        return answer_absent(call, request->id);
    if (code == WEIR_OK && service->accounts != NULL)
        revocations_refresh(&service->accounts->revocations);
    return answer_conclude(service, call, code, "failed to delete user", &cause);
}
