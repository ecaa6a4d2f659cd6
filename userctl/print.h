/* SPDX-License-Identifier: Apache-2.0 */
/* Responses, printed for people and for programs. */
/* Threads: belongs to one thread. */
#pragma once

#include "user.weir.h"
#include "userctl/session.h"
#include "userctl/table.h"
#include <stdio.h>

/* For people: tables. False: no memory. */
bool print_user(const User__User *user, FILE *out);
bool print_page(const User__ListUsersResponse *page, FILE *out);

/* A table of users, filled user by user; the caller prints it and calls table_fini. False: no
 * memory. */
bool print_table_begin(struct table *table);
bool print_table_add(struct table *table, const User__User *user);

/* For programs: the response as JSON on one line, with the field names of the .proto. False: no
 * memory. */
bool print_get_json(const User__GetUserResponse *response, FILE *out);
bool print_list_json(const User__ListUsersResponse *response, FILE *out);
bool print_create_json(const User__CreateUserResponse *response, FILE *out);
bool print_update_json(const User__UpdateUserResponse *response, FILE *out);
bool print_user_json(const User__User *user, FILE *out);
bool print_chat_json(const User__ChatMessage *message, FILE *out);
bool print_claims_json(const struct session_claims *claims, FILE *out);
bool print_delete_json(const User__DeleteUserResponse *response, FILE *out);
