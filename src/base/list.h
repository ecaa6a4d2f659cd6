/* SPDX-License-Identifier: Apache-2.0 */
/* Doubly linked lists whose links live inside their members. */
/* Threads: none of its own; the owner of the list sees to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The struct that holds a link as its member. */
#define container_of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define list_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may take the current link out. */
#define list_each_safe(link, head)                                                     \
    for (struct list *link = (head)->next, *link##_next_ = link->next; link != (head); \
         link = link##_next_, link##_next_ = link->next)

static inline void
list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool
list_empty(const struct list *head)
{
    return head->next == head;
}

/* Put a link last. */
static inline void
list_push(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Take a link out and leave it an empty list, so that it may be taken out again. */
static inline void
list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Take the first link out; NULL when there is none. */
static inline struct list *
list_shift(struct list *head)
{
    struct list *link = head->next;

    if (link == head)
        return NULL;
    list_remove(link);
    return link;
}
