/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that make calls. */
#include "userctl/calls.h"

#include "usercommon/complain.h"
#include "userctl/doubt.h"
#include "userctl/print.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- failures ---- */

static const char *
hint_for_tls(const char *message)
{
    static const struct {
        const char *part, *hint;
    } hints[] = {
        {"the peer does not speak TLS", "; without --tls and --ca userctl does not either"},
        {"self-signed certificate", ". --ca says whose certificates to believe"},
        {"unable to get local issuer certificate", ". --ca says whose certificates to believe"},
        {"certificate required", ". --cert and --key show one"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(message, hints[i].part) != NULL)
            return hints[i].hint;
    }
    return "";
}

/* The library says "cannot reach ADDRESS: REASON" if there is no connection. A server that has
 * responded is running; one that accepts only TLS closes other connections. */
static const char *
hint_for_connection(const struct args *args, const char *message)
{
    if (strstr(message, ": TLS: ") != NULL)
        return hint_for_tls(message);
    if (strstr(message, ": resolver error: ") != NULL)
        return ". Is --server right?";
    if (!args->tls && strstr(message, ": the peer closed the connection") != NULL)
        return ". Does it speak TLS? Then add --tls or --ca";
    return ". Is userd running?";
}

static const char *
hint_for(const struct args *args, weir_code code, const char *message)
{
    if (code == WEIR_UNAVAILABLE && strncmp(message, "cannot reach ", 13) == 0)
        return hint_for_connection(args, message);
    if (code == WEIR_UNAUTHENTICATED && (strcmp(message, "no authorization header") == 0 ||
                                            strncmp(message, "invalid token", 13) == 0))
        return "; userctl login gets a token";
    return "";
}

static int
fail(const struct args *args, weir_code code, const char *message, const char *doubt)
{
    if (code == WEIR_DEADLINE_EXCEEDED)
        complain("userctl", "no answer from %s in time%s; --timeout says how long to wait",
            args->server, doubt);
    else if (message[0] == '\0')
        complain("userctl", "the call failed: %s%s", weir_code_name(code), doubt);
    else
        complain("userctl", "%s%s%s", message, doubt, hint_for(args, code, message));
    return EXIT_CODE_BASE + (int)code;
}

int
calls_fail(const struct args *args, weir_code code, const char *message)
{
    return fail(args, code, message, "");
}

int
calls_fail_change(const struct args *args, weir_code code, const weir_call *call)
{
    return fail(args, code, weir_call_message(call), doubt_of(call));
}

int
calls_fail_output(void)
{
    if (!ferror(stdout))
        complain("userctl", "out of memory");
    else if (errno != EPIPE)
        complain("userctl", "cannot write the answer: %s", strerror(errno));
    return EXIT_OUTPUT;
}

/* The response lacks the user that it must have, so the server does not implement the service
 * correctly. */
static int
fail_answer(void)
{
    complain("userctl", "the server's answer holds no user");
    return EXIT_CODE_BASE + WEIR_INTERNAL;
}

/* ---- the commands ---- */

static int
get(weir_call *call, const struct args *args)
{
    User__GetUserRequest request = USER__GET_USER_REQUEST__INIT;
    const User__GetUserResponse *response;
    weir_code code;

    request.id = args->id;
    code = user_UserService_GetUser(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail(args, code, weir_call_message(call));
    if (args->json && !print_get_json(response, stdout))
        return calls_fail_output();
    if (!response->found) {
        complain("userctl", "user %" PRId32 " not found", args->id);
        return EXIT_CODE_BASE + WEIR_NOT_FOUND;
    }
    if (response->user == NULL)
        return fail_answer();
    return args->json || print_user(response->user, stdout) ? 0 : calls_fail_output();
}

static int
list(weir_call *call, const struct args *args)
{
    User__ListUsersRequest request = USER__LIST_USERS_REQUEST__INIT;
    const User__ListUsersResponse *response;
    weir_code code;
    bool good;

    request.page = (int32_t)args->page;
    request.limit = (int32_t)args->limit;
    code = user_UserService_ListUsers(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail(args, code, weir_call_message(call));
    good = args->json ? print_list_json(response, stdout) : print_page(response, stdout);
    return good ? 0 : calls_fail_output();
}

char *
calls_text(const char *text)
{
    return text == NULL ? (char *)protobuf_c_empty_string : (char *)text;
}

static int
create(weir_call *call, const struct args *args)
{
    User__CreateUserRequest request = USER__CREATE_USER_REQUEST__INIT;
    const User__CreateUserResponse *response;
    weir_code code;

    request.name = calls_text(args->name);
    request.email = calls_text(args->email);
    request.phone = calls_text(args->phone);
    code = user_UserService_CreateUser(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail_change(args, code, call);
    if (args->json)
        return print_create_json(response, stdout) ? 0 : calls_fail_output();
    if (response->user == NULL)
        return fail_answer();
    return print_user(response->user, stdout) ? 0 : calls_fail_output();
}

/* The mask names the flags that were given, so that "" clears a field. */
static void
fill_mask(const struct args *args, char *paths[3], Google__Protobuf__FieldMask *mask)
{
    mask->paths = paths;
    if (args->name != NULL)
        paths[mask->n_paths++] = (char *)"name";
    if (args->email != NULL)
        paths[mask->n_paths++] = (char *)"email";
    if (args->phone != NULL)
        paths[mask->n_paths++] = (char *)"phone";
}

static int
update(weir_call *call, const struct args *args)
{
    User__UpdateUserRequest request = USER__UPDATE_USER_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    User__User user = USER__USER__INIT;
    const User__UpdateUserResponse *response;
    char *paths[3];
    weir_code code;

    user.id = args->id;
    user.name = calls_text(args->name);
    user.email = calls_text(args->email);
    user.phone = calls_text(args->phone);
    fill_mask(args, paths, &mask);
    request.user = &user;
    request.update_mask = &mask;
    code = user_UserService_UpdateUser(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail_change(args, code, call);
    if (args->json)
        return print_update_json(response, stdout) ? 0 : calls_fail_output();
    if (response->user == NULL)
        return fail_answer();
    return print_user(response->user, stdout) ? 0 : calls_fail_output();
}

static int
delete_one(weir_call *call, const struct args *args)
{
    User__DeleteUserRequest request = USER__DELETE_USER_REQUEST__INIT;
    const User__DeleteUserResponse *response;
    weir_code code;

    request.id = args->id;
    code = user_UserService_DeleteUser(call, &request, &response);
    if (code != WEIR_OK)
        return calls_fail_change(args, code, call);
    if (args->json)
        return print_delete_json(response, stdout) ? 0 : calls_fail_output();
    printf("user %" PRId32 " is deleted\n", args->id);
    return 0;
}

static int (*const unary[COMMAND_COUNT])(weir_call *call, const struct args *args) = {
    [COMMAND_GET] = get,
    [COMMAND_LIST] = list,
    [COMMAND_CREATE] = create,
    [COMMAND_UPDATE] = update,
    [COMMAND_DELETE] = delete_one,
};

static int (*const others[COMMAND_COUNT])(weir_channel *channel, const struct args *args) = {
    [COMMAND_STREAM] = stream_run,
    [COMMAND_IMPORT] = import_run,
    [COMMAND_EXPORT] = export_run,
    [COMMAND_CHAT] = chat_run,
    [COMMAND_HEALTH] = health_run,
    [COMMAND_REGISTER] = register_run,
    [COMMAND_LOGIN] = login_run,
    [COMMAND_LOGOUT] = logout_run,
    [COMMAND_WHOAMI] = whoami_run,
    [COMMAND_PASSWD] = passwd_run,
};

weir_call *
calls_begin(weir_channel *channel, const struct args *args, int64_t began)
{
    weir_call *call = weir_call_new(channel, NULL);

    if (call == NULL || doubt_begin(call) != WEIR_OK) {
        calls_fail(args, WEIR_RESOURCE_EXHAUSTED, "out of memory");
        weir_call_free(call);
        return NULL;
    }
    if (args->timeout != WEIR_NEVER)
        weir_call_set_timeout(call, args->timeout - (weir_now() - began));
    return call;
}

int
calls_run(const struct command *command, weir_channel *channel, const struct args *args)
{
    size_t kind = (size_t)(command - commands);
    weir_call *call;
    int status;

    if (others[kind] != NULL)
        return others[kind](channel, args);
    call = calls_begin(channel, args, weir_now());
    if (call == NULL)
        return EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;
    status = unary[kind](call, args);
    weir_call_free(call);
    return status;
}
