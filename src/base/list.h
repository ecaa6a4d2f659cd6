/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked lists. */
/* Threads: one owner at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

/* The struct that has this link as a member. */
#define container_of(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define list_each(link, head) \
    for (struct list *link = (head)->next; link != (head); link = link->next)

/* The body may remove the current link. */
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

/* Append a link. */
static inline void
list_push(struct list *head, struct list *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Remove a link and make it an empty list, so that it may be removed again. */
static inline void
list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* Remove and return the first link, NULL if the list is empty. */
static inline struct list *
list_shift(struct list *head)
{
    struct list *link = head->next;

    if (link == head)
        return NULL;
    list_remove(link);
    return link;
}
