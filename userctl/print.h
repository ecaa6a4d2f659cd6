/* SPDX-License-Identifier: Apache-2.0 */
/* What the service answered, for people and for programs. */
/* Threads: belongs to one thread. */
#pragma once

#include "user.weir.h"
#include <stdio.h>

/* For people: tables. False: no memory. */
bool print_user(const User__User *user, FILE *out);
bool print_page(const User__ListUsersResponse *page, FILE *out);

/* For programs: the answer as JSON on one line, with the names of the .proto. False: no memory. */
bool print_get_json(const User__GetUserResponse *response, FILE *out);
bool print_list_json(const User__ListUsersResponse *response, FILE *out);
bool print_create_json(const User__CreateUserResponse *response, FILE *out);
bool print_update_json(const User__UpdateUserResponse *response, FILE *out);
bool print_delete_json(const User__DeleteUserResponse *response, FILE *out);
