/* SPDX-License-Identifier: Apache-2.0 */
/* Valid values for the fields of users and chat messages. */
#include "userd/validate.h"

#include "usercommon/code_point.h"
#include "usercommon/utf8.h"

static const char *
validate_name(const char *name)
{
    size_t len = strlen(name);

    if (len > USER_NAME_MAX)
        return "name is longer than 256 bytes";
    return utf8_valid(name, len) ? NULL : "name is not valid UTF-8";
}

static const char *
validate_phone(const char *phone)
{
    size_t len = strlen(phone);

    if (len > USER_PHONE_MAX)
        return "phone is longer than 32 bytes";
    return utf8_valid(phone, len) ? NULL : "phone is not valid UTF-8";
}

/* Exactly one '@', with text on both sides. */
static bool
is_address(const char *email)
{
    const char *at = strchr(email, '@');

    return at != NULL && at != email && at[1] != '\0' && strchr(at + 1, '@') == NULL;
}

/* Emails that look the same must be the same. */
static bool
holds_unseen(const char *email, size_t len)
{
    uint32_t code_point;

    for (size_t at = 0, size; at < len; at += size) {
        size = utf8_decode(email + at, len - at, &code_point);
        if (size == 0 || code_point_unseen(code_point))
            return true;
    }
    return false;
}

static const char *
validate_email(const char *email)
{
    size_t len = strlen(email);

    if (len > USER_EMAIL_MAX)
        return "email is longer than 254 bytes";
    if (!utf8_valid(email, len))
        return "email is not valid UTF-8";
    if (holds_unseen(email, len))
        return "email holds a space, a control or an invisible character";
    return is_address(email) ? NULL : "email is not of the form a@b";
}

const char *
validate_new_user(const struct user *user)
{
    const char *wrong;

    if (user->name[0] == '\0' || user->email[0] == '\0')
        return "name and email are required";
    if ((wrong = validate_name(user->name)) != NULL)
        return wrong;
    if ((wrong = validate_email(user->email)) != NULL)
        return wrong;
    return validate_phone(user->phone);
}

const char *
validate_change(const struct user_change *change)
{
    const char *wrong = NULL;

    if (change->name != NULL)
        wrong = change->name[0] == '\0' ? "name must not be empty" : validate_name(change->name);
    if (wrong == NULL && change->email != NULL)
        wrong =
            change->email[0] == '\0' ? "email must not be empty" : validate_email(change->email);
    if (wrong == NULL && change->phone != NULL)
        wrong = validate_phone(change->phone);
    return wrong;
}

const char *
validate_chat(const char *from, const char *to, const char *content)
{
    size_t from_len = strlen(from), to_len = strlen(to), content_len = strlen(content);

    if (from_len > USER_NAME_MAX)
        return "from is longer than 256 bytes";
    if (to_len > USER_NAME_MAX)
        return "to is longer than 256 bytes";
    if (content_len > CHAT_CONTENT_MAX)
        return "content is longer than 64 KiB";
    if (!utf8_valid(from, from_len))
        return "from is not valid UTF-8";
    if (!utf8_valid(to, to_len))
        return "to is not valid UTF-8";
    return utf8_valid(content, content_len) ? NULL : "content is not valid UTF-8";
}
