/* SPDX-License-Identifier: Apache-2.0 */
/* userctl stream: one page of users, received as a stream. */
#include "userctl/calls.h"
#include "userctl/print.h"

/* For people, print a table at the end, when the columns' widths are known; for programs, print
 * each user as it arrives. */
static int
take_users(struct user_UserService_ListUsersStream_client stream, const struct args *args,
    struct table *table)
{
    const User__User *user;
    weir_code code;
    bool good = true;

    while (good && user_UserService_ListUsersStream_client_recv(stream, &user))
        good = args->json ? print_user_json(user, stdout) : print_table_add(table, user);
    if (!good)
        return calls_fail_output();
    code = user_UserService_ListUsersStream_client_finish(stream);
    if (code != WEIR_OK)
        return calls_fail(args, code, weir_call_message(stream.call));
    if (!args->json)
        table_print(table, stdout);
    return 0;
}

static int
run(weir_call *call, const struct args *args)
{
    User__ListUsersRequest request = USER__LIST_USERS_REQUEST__INIT;
    struct user_UserService_ListUsersStream_client stream;
    struct table table;
    weir_code code;
    int status;

    request.page = (int32_t)args->page;
    request.limit = (int32_t)args->limit;
    code = user_UserService_ListUsersStream(call, &request, &stream);
    if (code != WEIR_OK)
        return calls_fail(args, code, weir_call_message(call));
    status = print_table_begin(&table) ? take_users(stream, args, &table) : calls_fail_output();
    table_fini(&table);
    return status;
}

int
stream_run(weir_channel *channel, const struct args *args)
{
    weir_call *call = calls_begin(channel, args, weir_now());
    int status = EXIT_CODE_BASE + WEIR_RESOURCE_EXHAUSTED;

    if (call != NULL)
        status = run(call, args);
    weir_call_free(call);
    return status;
}
