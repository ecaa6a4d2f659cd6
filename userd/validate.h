/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a user, and of a chat message, may hold. */
/* Threads: pure functions; safe from any thread. */
#pragma once

#include "userd/store.h"

/* In bytes. RFC 5321 section 4.5.3.1 leaves 254 for an address. */
#define USER_NAME_MAX 256
#define USER_EMAIL_MAX 254
#define USER_PHONE_MAX 32

#define CHAT_CONTENT_MAX (64 * 1024)

/* Room for the texts of one user, NULs included. */
#define USER_TEXTS_MAX (USER_NAME_MAX + USER_EMAIL_MAX + USER_PHONE_MAX + 3)

/* NULL: the user may be created. Else what is wrong, naming the field; static. */
const char *validate_new_user(const struct user *user);

/* NULL: the change may be made. Else what is wrong, naming the field; static. */
const char *validate_change(const struct user_change *change);

/* NULL: the message may be sent. Else what is wrong, naming the field; static. */
const char *validate_chat(const char *from, const char *to, const char *content);
