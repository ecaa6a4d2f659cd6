/* SPDX-License-Identifier: Apache-2.0 */
/* Responses for programs: messages as JSON, with the field names of the .proto, and numbers as JSON
 * numbers. */
#include "usercommon/text.h"
#include "userctl/print.h"
#include <jansson.h>
#include <stdlib.h>

/* A JSON string from untrusted text, which may not be UTF-8. NULL: no memory. */
static json_t *
text_json(const char *text)
{
    char *repaired = text_repaired(text);
    json_t *json = repaired == NULL ? NULL : json_string(repaired);

    free(repaired);
    return json;
}

/* JSON null if there is no user. NULL: no memory. */
static json_t *
user_json(const User__User *user)
{
    if (user == NULL)
        return json_null();
    return json_pack("{s:i, s:o, s:o, s:o, s:I}", "id", (int)user->id, "name",
        text_json(user->name), "email", text_json(user->email), "phone", text_json(user->phone),
        "created_at", (json_int_t)user->created_at);
}

static json_t *
users_json(User__User *const *users, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count && array != NULL; i++) {
        if (json_array_append_new(array, user_json(users[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

/* Adopts json. */
static bool
print_json(json_t *json, FILE *out)
{
    bool good = json != NULL && json_dumpf(json, out, JSON_COMPACT) == 0;

    json_decref(json);
    if (good)
        fputc('\n', out);
    return good;
}

bool
print_get_json(const User__GetUserResponse *response, FILE *out)
{
    return print_json(
        json_pack("{s:o, s:b}", "user", user_json(response->user), "found", (int)response->found),
        out);
}

bool
print_list_json(const User__ListUsersResponse *response, FILE *out)
{
    json_t *users = users_json(response->users, response->n_users);

    return print_json(
        json_pack("{s:o, s:i, s:i, s:i}", "users", users, "total", (int)response->total, "page",
            (int)response->page, "limit", (int)response->limit),
        out);
}

bool
print_create_json(const User__CreateUserResponse *response, FILE *out)
{
    return print_json(json_pack("{s:o, s:b}", "user", user_json(response->user), "success",
                          (int)response->success),
        out);
}

bool
print_update_json(const User__UpdateUserResponse *response, FILE *out)
{
    return print_json(json_pack("{s:o}", "user", user_json(response->user)), out);
}

bool
print_user_json(const User__User *user, FILE *out)
{
    return print_json(user_json(user), out);
}

bool
print_chat_json(const User__ChatMessage *message, FILE *out)
{
    return print_json(json_pack("{s:o, s:o, s:o, s:I}", "from", text_json(message->from), "to",
                          text_json(message->to), "content", text_json(message->content),
                          "timestamp", (json_int_t)message->timestamp),
        out);
}

bool
print_claims_json(const struct session_claims *claims, FILE *out)
{
    return print_json(json_incref(claims->json), out);
}

bool
print_delete_json(const User__DeleteUserResponse *response, FILE *out)
{
    (void)response;
    return print_json(json_object(), out);
}
