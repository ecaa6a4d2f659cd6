/* SPDX-License-Identifier: Apache-2.0 */
/* A chat message on its way to its recipients: immutable, and shared by all of them. */
/* Threads: safe from any. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct chat_letter {
    atomic_uint holders;
    const char *from, *to, *content;
    int64_t timestamp; /* seconds since 1970 */
    size_t size;       /* bytes of memory */
    char texts[];
};

/* With copies of the texts. NULL: no memory. Freed by the last unref. */
struct chat_letter *chat_letter_new(
    const char *from, const char *to, const char *content, int64_t timestamp);
struct chat_letter *chat_letter_ref(struct chat_letter *letter);
void chat_letter_unref(struct chat_letter *letter);
