/* SPDX-License-Identifier: Apache-2.0 */
/* A batch: accounts with copies of their texts. */
#include "userd/archive_batch.h"

#include <stdlib.h>
#include <string.h>

static const char *
copy_text(char **at, const char *text)
{
    char *copy = *at;

    if (text == NULL)
        return NULL;
    memcpy(copy, text, strlen(text) + 1);
    *at += strlen(text) + 1;
    return copy;
}

static size_t
size_of(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

bool
archive_batch_add(struct archive_batch *batch, const struct account *account)
{
    const struct user *user = &account->user;
    struct account *copy = &batch->accounts[batch->count];
    char *at;
    char *texts = malloc(1 + size_of(user->name) + size_of(user->email) + size_of(user->phone) +
                         size_of(account->password_hash) + size_of(account->roles));

    if (texts == NULL)
        return false;
    at = batch->texts[batch->count] = texts;
    *copy = *account;
    copy->user.name = copy_text(&at, user->name);
    copy->user.email = copy_text(&at, user->email);
    copy->user.phone = copy_text(&at, user->phone);
    copy->password_hash = copy_text(&at, account->password_hash);
    copy->roles = copy_text(&at, account->roles);
    batch->count++;
    return true;
}

void
archive_batch_clear(struct archive_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->texts[i]);
    batch->count = 0;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
archive_same(const struct account *a, const struct account *b)
{
    return a->user.id == b->user.id && same_text(a->user.name, b->user.name) &&
           same_text(a->user.email, b->user.email) && same_text(a->user.phone, b->user.phone) &&
           a->user.created_at == b->user.created_at &&
           same_text(a->password_hash, b->password_hash) && same_text(a->roles, b->roles) &&
           a->epoch == b->epoch;
}
