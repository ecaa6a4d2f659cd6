/* SPDX-License-Identifier: Apache-2.0 */
/* A chat message on its way to its recipients: the struct and its texts in one allocation. */
#include "userd/chat_letter.h"

#include <stdlib.h>
#include <string.h>

/* Copy a text to *at and advance *at. */
static const char *
copy_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);

    *at += size;
    return copy;
}

struct chat_letter *
chat_letter_new(const char *from, const char *to, const char *content, int64_t timestamp)
{
    size_t size = sizeof(struct chat_letter) + strlen(from) + strlen(to) + strlen(content) + 3;
    struct chat_letter *letter = malloc(size);
    char *at;

    if (letter == NULL)
        return NULL;
    at = letter->texts;
    atomic_init(&letter->holders, 1);
    letter->from = copy_text(&at, from);
    letter->to = copy_text(&at, to);
    letter->content = copy_text(&at, content);
    letter->timestamp = timestamp;
    letter->size = size;
    return letter;
}

struct chat_letter *
chat_letter_ref(struct chat_letter *letter)
{
    atomic_fetch_add(&letter->holders, 1);
    return letter;
}

void
chat_letter_unref(struct chat_letter *letter)
{
    if (letter != NULL && atomic_fetch_sub(&letter->holders, 1) == 1)
        free(letter);
}
