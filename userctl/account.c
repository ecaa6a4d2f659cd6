/* SPDX-License-Identifier: Apache-2.0 */
/* userctl register, login, logout, whoami, passwd. Passwords are prompted for, and never passed as
 * arguments. */
#include "usercommon/complain.h"
#include "usercommon/password.h"
#include "usercommon/text.h"
#include "userctl/calls.h"
#include "userctl/print.h"
#include "userctl/session.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Secrets are not sent where others could read them. */
static bool
may_send(const struct args *args)
{
    if (session_is_private(args))
        return true;
    complain(
        "userctl", "a password is not sent to %s without TLS; add --tls or --ca", args->server);
    return false;
}

static int
fail_nobody(const struct args *args)
{
    complain("userctl", "nobody is logged in to %s; userctl login", args->server);
    return EXIT_CODE_BASE + WEIR_UNAUTHENTICATED;
}

static bool
ask(const char *prompt, bool twice, char out[PASSWORD_TEXT])
{
    if (password_ask(prompt, twice, out))
        return true;
    complain("userctl", "no password was given%s", twice ? ", or not the same one twice" : "");
    return false;
}

/* "2026-11-25T23:59:00Z"; the bare number when no calendar has it. */
static void
format_time(int64_t seconds, char out[32])
{
    time_t time = (time_t)seconds;
    struct tm utc;

    if (gmtime_r(&time, &utc) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, 32, "%" PRId64, seconds);
}

/* What a token says is its issuer's: it must not drive the terminal. False: no memory. */
static bool
print_visible(const char *text)
{
    char *visible = text_visible(text == NULL ? "" : text);

    if (visible != NULL)
        fputs(visible, stdout);
    free(visible);
    return visible != NULL;
}

/* ---- register ---- */

static int
send_registration(weir_call *call, const struct args *args, char *password)
{
    User__RegisterRequest request = USER__REGISTER_REQUEST__INIT;
    const User__RegisterResponse *response;
    weir_code code;

    request.name = calls_text(args->name);
    request.email = calls_text(args->email);
    request.phone = calls_text(args->phone);
    request.password = password;
    code = user_UserService_Register(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail_change(args, code, call);
    if (response->user == NULL)
        return calls_fail(args, WEIR_INTERNAL, "the server's answer holds no user");
    if (args->json)
        return print_user_json(response->user, stdout) ? 0 : calls_fail_output();
    return print_user(response->user, stdout) ? 0 : calls_fail_output();
}

/* ---- login ---- */

static bool
tell_login(const struct args *args, const char *token, int64_t expires)
{
    struct session_claims claims;
    bool good = true;
    char until[32];

    format_time(expires, until);
    if (session_claims_read(token, &claims)) {
        printf("logged in to %s as ", args->server);
        good = print_visible(claims.name == NULL ? "nobody" : claims.name);
        printf(" until %s\n", until);
    }
    session_claims_fini(&claims);
    return good;
}

static int
keep_login(const struct args *args, const char *token, int64_t expires)
{
    if (!session_keep(args->server, token))
        return EXIT_OUTPUT;
    return args->json || tell_login(args, token, expires) ? 0 : calls_fail_output();
}

static int
send_login(weir_call *call, const struct args *args, char *password)
{
    User__LoginRequest request = USER__LOGIN_REQUEST__INIT;
    const User__LoginResponse *response;
    weir_code code;
    int status;

    request.email = calls_text(args->email);
    request.password = password;
    code = user_UserService_Login(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail(args, code, weir_call_message(call));
    status = keep_login(args, response->token, response->expires_at);
    if (status == 0 && args->json && response->user != NULL)
        return print_user_json(response->user, stdout) ? 0 : calls_fail_output();
    return status;
}

/* ---- passwd ---- */

static int
send_change(weir_call *call, const struct args *args, char *old, char *new)
{
    User__ChangePasswordRequest request = USER__CHANGE_PASSWORD_REQUEST__INIT;
    const User__ChangePasswordResponse *response;
    weir_code code;
    int status;

    request.old_password = old;
    request.new_password = new;
    request.email = calls_text(args->email);
    code = user_UserService_ChangePassword(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail_change(args, code, call);
    if (!args->json)
        printf("the password is changed\n");
    status =
        response->token[0] == '\0' ? 0 : keep_login(args, response->token, response->expires_at);
    if (status == 0 && args->json)
        printf("{\"expires_at\":%" PRId64 "}\n", response->expires_at);
    return status;
}

/* ---- running ---- */

/* Makes a call that takes one or two passwords; the second may be NULL. */
static int
run_with(weir_channel *channel, const struct args *args, char *first, char *second,
    int (*send)(weir_call *call, const struct args *args, char *password))
{
    weir_call *call = calls_begin(channel, args, weir_now());
    int status = EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;

    if (call != NULL)
        status = second == NULL ? send(call, args, first) : send_change(call, args, first, second);
    weir_call_free(call);
    return status;
}

static int
run_one(weir_channel *channel, const struct args *args, bool twice,
    int (*send)(weir_call *call, const struct args *args, char *password))
{
    char password[PASSWORD_TEXT];
    int status = EXIT_USAGE;

    if (may_send(args) && ask("Password: ", twice, password))
        status = run_with(channel, args, password, NULL, send);
    explicit_bzero(password, sizeof(password));
    return status;
}

int
register_run(weir_channel *channel, const struct args *args)
{
    return run_one(channel, args, true, send_registration);
}

int
login_run(weir_channel *channel, const struct args *args)
{
    return run_one(channel, args, false, send_login);
}

int
passwd_run(weir_channel *channel, const struct args *args)
{
    char old[PASSWORD_TEXT], new[PASSWORD_TEXT];
    int status = EXIT_USAGE;

    if (args->token == NULL && args->email == NULL)
        return fail_nobody(args);
    if (may_send(args) && ask("Old password: ", false, old) && ask("New password: ", true, new))
        status = run_with(channel, args, old, new, NULL);
    explicit_bzero(old, sizeof(old));
    explicit_bzero(new, sizeof(new));
    return status;
}

int
logout_run(weir_channel *channel, const struct args *args)
{
    (void)channel;
    if (!session_forget(args->server))
        return EXIT_OUTPUT;
    if (args->json)
        printf("{}\n");
    else
        printf("logged out of %s\n", args->server);
    return 0;
}

static bool
print_claims(const struct session_claims *claims)
{
    char until[32] = "never";
    bool good;

    if (claims->expires != 0)
        format_time(claims->expires, until);
    printf("user     ");
    good = print_visible(claims->subject);
    printf("\nname     ");
    good = print_visible(claims->name) && good;
    printf("\nroles    ");
    for (size_t i = 0; i < claims->role_count; i++) {
        printf("%s", i == 0 ? "" : ", ");
        good = print_visible(claims->roles[i]) && good;
    }
    printf("\nexpires  %s\n", until);
    return good;
}

int
whoami_run(weir_channel *channel, const struct args *args)
{
    struct session_claims claims;
    int status = EXIT_CODE_BASE + WEIR_UNAUTHENTICATED;

    (void)channel;
    if (args->token == NULL)
        return fail_nobody(args);
    if (!session_claims_read(args->token, &claims))
        complain("userctl", "the token is none that can be read");
    else if (claims.expires != 0 && claims.expires <= weir_unix_seconds())
        complain("userctl", "the token has expired; userctl login");
    else
        status = 0;
    if (status == 0 && !(args->json ? print_claims_json(&claims, stdout) : print_claims(&claims)))
        status = calls_fail_output();
    session_claims_fini(&claims);
    return status;
}
