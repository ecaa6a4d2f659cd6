/* SPDX-License-Identifier: Apache-2.0 */
/* Register, Login and ChangePassword. A wrong password, an unknown email and an account without a
 * password are indistinguishable: each costs one query and one hash comparison, and gets the same
 * response. */
#include "usercommon/utf8.h"
#include "userd/accounts.h"
#include "userd/answer.h"
#include "userd/caller.h"
#include "userd/fold.h"
#include "userd/handlers.h"
#include "userd/validate.h"

#include <stdio.h>
#include <stdlib.h>

static const char too_many[] = "too many attempts; try again later";

static weir_code
overloaded(weir_call *call)
{
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "overloaded");
}

static weir_code
check_accounts(const struct service *service, weir_call *call)
{
    if (service->accounts != NULL)
        return WEIR_OK;
    return weir_fail(call, WEIR_UNIMPLEMENTED, "this server keeps no accounts");
}

/* ---- Register ---- */

static weir_code
judge_registration(weir_call *call, const struct user *user, const char *password)
{
    const char *wrong = validate_new_user(user);

    if (wrong == NULL)
        wrong = accounts_judge_password(password);
    return wrong == NULL ? WEIR_OK : weir_fail(call, WEIR_INVALID_ARGUMENT, "%s", wrong);
}

static weir_code
keep_account(const struct service *service, weir_call *call, struct account *account)
{
    struct store *store = service->store;
    struct store_cause cause;
    weir_code code = store->accounts->create(store, call, account, &account->user.id, &cause);

    if (code == WEIR_ALREADY_EXISTS)
        return answer_taken(call);
    if (code == WEIR_OUT_OF_RANGE)
        return answer_used_up(service, call);
    return answer_conclude(service, call, code, "failed to create user", &cause);
}

static weir_code
register_user(const struct service *service, weir_call *call, const User__RegisterRequest *request,
    User__RegisterResponse *out_response)
{
    char hash[HASHER_TEXT], address[ACCOUNTS_ADDRESS];
    struct account account = {.user = {.name = request->name,
                                  .email = request->email,
                                  .phone = request->phone,
                                  .created_at = weir_unix_seconds()},
        .password_hash = hash,
        .roles = CALLER_USER};

    WEIR_TRY(check_accounts(service, call));
    WEIR_TRY(judge_registration(call, &account.user, request->password));
    accounts_address(weir_call_peer(call), address);
    if (!attempts_take(&service->accounts->attempts, ATTEMPTS_OF_ADDRESS, address, weir_now()))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, too_many);
    if (hasher_make(&service->accounts->hasher, request->password, hash) != WEIR_OK)
        return overloaded(call);
    WEIR_TRY(keep_account(service, call, &account));
    out_response->user = answer_user(call, &account.user);
    return out_response->user == NULL ? overloaded(call) : WEIR_OK;
}

/* ---- finding an account and verifying its password ---- */

/* A copy in the call's arena; id 0: not found. */
struct found {
    weir_call *call;
    struct account account;
};

static weir_code
copy_account(void *arg, const struct account *account)
{
    struct found *found = arg;
    struct account *copy = &found->account;
    const char *hash = account->password_hash;

    *copy = *account;
    copy->user.name = weir_call_dup(found->call, weir_str_of(account->user.name));
    copy->user.email = weir_call_dup(found->call, weir_str_of(account->user.email));
    copy->user.phone = weir_call_dup(found->call, weir_str_of(account->user.phone));
    copy->roles = weir_call_dup(found->call, weir_str_of(account->roles));
    copy->password_hash = hash == NULL ? NULL : weir_call_dup(found->call, weir_str_of(hash));
    return copy->user.name == NULL || copy->user.email == NULL || copy->user.phone == NULL ||
                   copy->roles == NULL || (hash != NULL && copy->password_hash == NULL)
               ? WEIR_RESOURCE_EXHAUSTED
               : WEIR_OK;
}

/* Selects the account: by email, or by id if the email is NULL. */
struct proof {
    const char *email;
    int32_t id;
    const char *password;
};

/* The key under which attempts are counted; ignores the case of the email. */
static void
name_of(const struct proof *proof, char out[FOLD_SIZE(USER_EMAIL_MAX)])
{
    if (proof->email == NULL)
        snprintf(out, FOLD_SIZE(USER_EMAIL_MAX), "%d", (int)proof->id);
    else
        fold_case(proof->email, strlen(proof->email), out);
}

static weir_code
count_attempt(const struct service *service, weir_call *call, const struct proof *proof, bool good)
{
    struct attempts *attempts = &service->accounts->attempts;
    char name[FOLD_SIZE(USER_EMAIL_MAX)], address[ACCOUNTS_ADDRESS];
    int64_t now = weir_now();

    name_of(proof, name);
    accounts_address(weir_call_peer(call), address);
    if (good) {
        attempts_give_back(attempts, ATTEMPTS_OF_ACCOUNT, name, now);
        attempts_give_back(attempts, ATTEMPTS_OF_ADDRESS, address, now);
        return WEIR_OK;
    }
    if (attempts_take(attempts, ATTEMPTS_OF_ADDRESS, address, now) &&
        attempts_take(attempts, ATTEMPTS_OF_ACCOUNT, name, now))
        return WEIR_OK;
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, too_many);
}

static weir_code
find_account(const struct service *service, const struct proof *proof, struct found *found)
{
    struct store *store = service->store;
    struct store_cause cause;
    weir_code code = store->accounts->find(
        store, found->call, proof->email, proof->id, copy_account, found, &cause);

    if (code == WEIR_NOT_FOUND)
        return WEIR_OK;
    return answer_conclude(service, found->call, code, "failed to get user", &cause);
}

/* OK: *out_same says whether the password is that of *found. */
static weir_code
prove(const struct service *service, weir_call *call, const struct proof *proof,
    struct found *found, bool *out_same)
{
    *found = (struct found){.call = call};
    WEIR_TRY(count_attempt(service, call, proof, false));
    WEIR_TRY(find_account(service, proof, found));
    if (hasher_compare(&service->accounts->hasher, proof->password, found->account.password_hash,
            out_same) != WEIR_OK)
        return overloaded(call);
    return *out_same ? count_attempt(service, call, proof, true) : WEIR_OK;
}

/* Invalid credentials are treated like wrong ones, except where processing them would cost more. */
static weir_code
judge_proof(weir_call *call, const struct proof *proof)
{
    size_t len = proof->email == NULL ? 0 : strlen(proof->email);

    if (len > USER_EMAIL_MAX)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "email is longer than 254 bytes");
    if (!utf8_valid(proof->email == NULL ? "" : proof->email, len))
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "email is not valid UTF-8");
    if (strlen(proof->password) > PASSWORD_MAX)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "password is longer than 1024 bytes");
    return WEIR_OK;
}

/* ---- Login ---- */

static weir_code
issue(const struct service *service, weir_call *call, const struct account *account, char **out,
    int64_t *out_expires)
{
    char *token;

    if (accounts_issue(service->accounts, account, &token, out_expires) != WEIR_OK)
        return overloaded(call);
    *out = weir_call_dup(call, weir_str_of(token));
    free(token);
    return *out == NULL ? overloaded(call) : WEIR_OK;
}

static weir_code
log_in(const struct service *service, weir_call *call, const User__LoginRequest *request,
    User__LoginResponse *out_response)
{
    const struct proof proof = {.email = request->email, .password = request->password};
    struct found found;
    bool same = false;

    WEIR_TRY(check_accounts(service, call));
    if (service->accounts->signer == NULL)
        return weir_fail(call, WEIR_FAILED_PRECONDITION, "this server issues no tokens");
    WEIR_TRY(judge_proof(call, &proof));
    WEIR_TRY(prove(service, call, &proof, &found, &same));
    if (!same)
        return weir_fail(call, WEIR_UNAUTHENTICATED, "invalid email or password");
    WEIR_TRY(issue(service, call, &found.account, &out_response->token, &out_response->expires_at));
    out_response->user = answer_user(call, &found.account.user);
    return out_response->user == NULL ? overloaded(call) : WEIR_OK;
}

/* ---- ChangePassword ---- */

/* Without an email, the caller's own account is meant. */
static weir_code
read_proof(weir_call *call, const User__ChangePasswordRequest *request, struct proof *out)
{
    *out = (struct proof){.password = request->old_password};
    if (request->email[0] != '\0')
        out->email = request->email;
    else if (!caller_id(call, &out->id))
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "email is required");
    return judge_proof(call, out);
}

/* Stores the password and updates the account's epoch. */
static weir_code
keep_password(const struct service *service, struct found *found, const char *password)
{
    struct store *store = service->store;
    struct account *account = &found->account;
    char hash[HASHER_TEXT];
    struct store_cause cause;
    weir_code code;

    if (hasher_make(&service->accounts->hasher, password, hash) != WEIR_OK)
        return overloaded(found->call);
    code = store->accounts->set_password(
        store, found->call, account->user.id, account->epoch, hash, &cause);
    if (code == WEIR_NOT_FOUND)
        return weir_fail(found->call, WEIR_ABORTED, "the account has changed meanwhile");
    if (code != WEIR_OK)
        return answer_conclude(service, found->call, code, "failed to change the password", &cause);
    account->epoch++;
    revocations_refresh(&service->accounts->revocations);
    return WEIR_OK;
}

static weir_code
change_password(const struct service *service, weir_call *call,
    const User__ChangePasswordRequest *request, User__ChangePasswordResponse *out_response)
{
    const char *wrong = accounts_judge_password(request->new_password);
    struct proof proof;
    struct found found;
    bool same = false;
    int32_t own;

    WEIR_TRY(check_accounts(service, call));
    if (wrong != NULL)
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "new_%s", wrong);
    WEIR_TRY(read_proof(call, request, &proof));
    WEIR_TRY(prove(service, call, &proof, &found, &same));
    if (!same)
        return weir_fail(call, WEIR_PERMISSION_DENIED, "the old password is wrong");
    if (weir_auth_claims(call) != NULL && (!caller_id(call, &own) || own != found.account.user.id))
        return weir_fail(call, WEIR_PERMISSION_DENIED, "the account is another's");
    WEIR_TRY(keep_password(service, &found, request->new_password));
    if (service->accounts->signer == NULL)
        return WEIR_OK;
    return issue(service, call, &found.account, &out_response->token, &out_response->expires_at);
}

/* ---- the handlers; they wipe the passwords in a request when it is done ---- */

/* The handler owns the message until it returns, and nothing reads it afterwards. */
static void
wipe(const char *secret)
{
    explicit_bzero((char *)(uintptr_t)secret, strlen(secret));
}

weir_code
handle_register(void *self, weir_call *call, const User__RegisterRequest *request,
    User__RegisterResponse *out_response)
{
    weir_code code = register_user(self, call, request, out_response);

    wipe(request->password);
    return code;
}

weir_code
handle_login(void *self, weir_call *call, const User__LoginRequest *request,
    User__LoginResponse *out_response)
{
    weir_code code = log_in(self, call, request, out_response);

    wipe(request->password);
    return code;
}

weir_code
handle_change_password(void *self, weir_call *call, const User__ChangePasswordRequest *request,
    User__ChangePasswordResponse *out_response)
{
    weir_code code = change_password(self, call, request, out_response);

    wipe(request->old_password);
    wipe(request->new_password);
    return code;
}
