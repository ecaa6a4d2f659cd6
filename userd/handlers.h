/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of user.UserService, grouped by file; self is a struct service. */
/* Threads: they run on the fibers of every loop at the same time. */
#pragma once

#include "userd/service.h"

/* ---- service_read.c ---- */

weir_code handle_get_user(void *self, weir_call *call, const User__GetUserRequest *request,
    User__GetUserResponse *out_response);
weir_code handle_list_users(void *self, weir_call *call, const User__ListUsersRequest *request,
    User__ListUsersResponse *out_response);
weir_code handle_list_users_stream(void *self, const User__ListUsersRequest *request,
    struct user_UserService_ListUsersStream_server peer);

/* ---- service_write.c ---- */

weir_code handle_create_user(void *self, weir_call *call, const User__CreateUserRequest *request,
    User__CreateUserResponse *out_response);
weir_code handle_update_user(void *self, weir_call *call, const User__UpdateUserRequest *request,
    User__UpdateUserResponse *out_response);
weir_code handle_delete_user(void *self, weir_call *call, const User__DeleteUserRequest *request,
    User__DeleteUserResponse *out_response);

/* ---- service_create_many.c, service_chat.c ---- */

weir_code handle_create_users_stream(void *self,
    struct user_UserService_CreateUsersStream_server peer, User__CreateUsersResponse *out_response);
weir_code handle_chat_users(void *self, struct user_UserService_ChatUsers_server peer);

/* ---- service_account.c ---- */

weir_code handle_register(void *self, weir_call *call, const User__RegisterRequest *request,
    User__RegisterResponse *out_response);
weir_code handle_login(void *self, weir_call *call, const User__LoginRequest *request,
    User__LoginResponse *out_response);
weir_code handle_change_password(void *self, weir_call *call,
    const User__ChangePasswordRequest *request, User__ChangePasswordResponse *out_response);
