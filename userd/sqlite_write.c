/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a write: the struct and its texts in one allocation. */
#include "userd/fold.h"
#include "userd/sqlite_writer.h"

#include <stdlib.h>

static size_t
text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

/* Copy a text to *at and advance *at. */
static const char *
copy_text(char **at, const char *text)
{
    size_t size = text_size(text);
    char *copy = *at;

    if (text == NULL)
        return NULL;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static void
copy_account(struct sqlite_write *write, const struct account *account)
{
    const struct user *user = &account->user;
    char *at = write->texts;

    write->user = *user;
    write->epoch = account->epoch;
    write->user.name = copy_text(&at, user->name);
    write->user.email = copy_text(&at, user->email);
    write->user.phone = copy_text(&at, user->phone);
    write->password_hash = copy_text(&at, account->password_hash);
    write->roles = copy_text(&at, account->roles);
    if (user->email != NULL) {
        fold_case(user->email, strlen(user->email), at);
        write->email_key = at;
    }
}

struct sqlite_write *
sqlite_write_new_account(enum sqlite_write_kind kind, const struct account *account)
{
    const struct user *user = &account->user;
    size_t texts = text_size(user->name) + text_size(user->email) + text_size(user->phone) +
                   text_size(account->password_hash) + text_size(account->roles);
    size_t key = user->email == NULL ? 0 : FOLD_SIZE(strlen(user->email));
    struct sqlite_write *write = calloc(1, sizeof(*write) + texts + key);

    if (write == NULL)
        return NULL;
    write->kind = kind;
    atomic_init(&write->holders, 1);
    copy_account(write, account);
    return write;
}

struct sqlite_write *
sqlite_write_new(enum sqlite_write_kind kind, const struct user *user)
{
    return sqlite_write_new_account(kind, &(struct account){.user = *user});
}

void
sqlite_write_unref(struct sqlite_write *write)
{
    if (write == NULL || atomic_fetch_sub(&write->holders, 1) != 1)
        return;
    weir_event_unref(write->done);
    free(write->updated);
    free(write);
}
