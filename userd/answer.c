/* SPDX-License-Identifier: Apache-2.0 */
/* The responses of handlers: users in the call's arena, and failures. */
#include "userd/answer.h"

/* ---- users in responses ---- */

/* Copy a text of `len` bytes and its NUL. */
static char *
copy_text(char **at, const char *text, size_t size)
{
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

User__User *
answer_user(weir_call *call, const struct user *user)
{
    const size_t name = strlen(user->name) + 1, email = strlen(user->email) + 1,
                 phone = strlen(user->phone) + 1;
    User__User *message = weir_call_keep(call, sizeof(*message) + name + email + phone);
    char *at = (char *)(message + 1);

    if (message == NULL)
        return NULL;
    user__user__init(message);
    message->id = user->id;
    message->name = copy_text(&at, user->name, name);
    message->email = copy_text(&at, user->email, email);
    message->phone = copy_text(&at, user->phone, phone);
    message->created_at = user->created_at;
    return message;
}

weir_code
answer_visit(void *arg, const struct user *user)
{
    struct answer_place *place = arg;

    *place->field = answer_user(place->call, user);
    return *place->field == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

/* ---- failures ---- */

weir_code
answer_conclude(const struct service *service, weir_call *call, weir_code code, const char *what,
    const struct store_cause *cause)
{
    if (code == WEIR_RESOURCE_EXHAUSTED)
        return weir_fail(call, code, "overloaded");
    if (code != WEIR_INTERNAL && code != WEIR_UNAVAILABLE)
        return code;
    log_line(service->log, LOG_ERROR, what, log_text("method", weir_call_method(call)),
        log_text("code", weir_code_name(code)), log_text("cause", cause->text));
    weir_counter_add(service->store->meters.faults, 1);
    weir_health_suspect(service->health, OPS_DATABASE);
    return weir_fail(call, code, "%s", what);
}

weir_code
answer_absent(weir_call *call, int32_t id)
{
    return weir_fail(call, WEIR_NOT_FOUND, "user %d not found", (int)id);
}

weir_code
answer_taken(weir_call *call)
{
    return weir_fail(call, WEIR_ALREADY_EXISTS, ANSWER_TAKEN);
}

weir_code
answer_used_up(const struct service *service, weir_call *call)
{
    static const char what[] = ANSWER_USED_UP;

    log_line(service->log, LOG_ERROR, what, log_text("method", weir_call_method(call)));
    return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "%s", what);
}
