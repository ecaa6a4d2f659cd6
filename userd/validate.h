/* SPDX-License-Identifier: Apache-2.0 */
/* Valid values for the fields of users and chat messages. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include "userd/store.h"

/* In bytes. RFC 5321, section 4.5.3.1, limits an address to 254. */
#define USER_NAME_MAX 256
#define USER_EMAIL_MAX 254
#define USER_PHONE_MAX 32

#define CHAT_CONTENT_MAX (64 * 1024)

/* Size of the texts of one user, NULs included. */
#define USER_TEXTS_MAX (USER_NAME_MAX + USER_EMAIL_MAX + USER_PHONE_MAX + 3)

/* NULL: the user may be created. Otherwise what is wrong, with the name of the field; static. */
const char *validate_new_user(const struct user *user);

/* NULL: the change may be made. Otherwise what is wrong, with the name of the field; static. */
const char *validate_change(const struct user_change *change);

/* NULL: the message may be sent. Otherwise what is wrong, with the name of the field; static. */
const char *validate_chat(const char *from, const char *to, const char *content);
