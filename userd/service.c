/* SPDX-License-Identifier: Apache-2.0 */
/* user.UserService: its table of handlers. They validate requests, call the store, and put users
 * into the call's arena. */
#include "userd/service.h"

#include "userd/handlers.h"

const struct user_UserService_handlers service_handlers = {
    .GetUser = handle_get_user,
    .ListUsers = handle_list_users,
    .ListUsersStream = handle_list_users_stream,
    .CreateUser = handle_create_user,
    .CreateUsersStream = handle_create_users_stream,
    .UpdateUser = handle_update_user,
    .DeleteUser = handle_delete_user,
    .ChatUsers = handle_chat_users,
    .Register = handle_register,
    .Login = handle_login,
    .ChangePassword = handle_change_password,
};
