/* SPDX-License-Identifier: Apache-2.0 */
/* The participants of the chat, and the delivery of messages between them, across event loops. */
/* Threads: the hub is safe from any thread; a seat belongs to the fiber of its stream. */
#pragma once

#include "userd/chat_letter.h"
#include <weir/pool.h>

/* Queue limits of a seat whose receiver is slow; letters beyond either are dropped and counted. */
#define CHAT_LETTERS_MAX 256
#define CHAT_BYTES_MAX (1024 * 1024)

/* Limit for the queues of all seats; beyond it a seat accepts a letter only when its queue is
 * empty, so that fast receivers still get theirs while slow ones let them pile up. */
#define CHAT_HUB_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Names of one seat. A further name replaces the least recently used one. */
#define CHAT_NAMES_MAX 64

struct chat_hub;

/* One stream's place in the chat. A participant is a name, and has all the seats that took it. */
struct chat_seat;

struct chat_stats {
    uint64_t seats;        /* now */
    uint64_t participants; /* names, now */
    uint64_t delivered;    /* letters put into a seat, ever */
    uint64_t dropped;      /* letters for which a seat had no room, ever */
    uint64_t crowded;      /* those dropped because all seats together hold too much */
    uint64_t forgotten;    /* names that seats lost to newer ones, ever */
};

/* NULL: no memory. */
struct chat_hub *chat_hub_new(void);

/* Every seat must be closed. */
void chat_hub_free(struct chat_hub *hub);

struct chat_stats chat_hub_stats(struct chat_hub *hub);

/* Queue a letter in every seat of its recipient in this process; also called for letters from other
 * processes. Returns the number of seats, including those without room. */
size_t chat_hub_deliver(struct chat_hub *hub, struct chat_letter *letter);

/* NULL: no memory. Closing drops its names and letters. */
struct chat_seat *chat_seat_open(struct chat_hub *hub);
void chat_seat_close(struct chat_seat *seat);

/* Take part under a name, in addition to the CHAT_NAMES_MAX - 1 last used ones. RESOURCE_EXHAUSTED:
 * no memory. */
WEIR_CHECK weir_code chat_seat_name(struct chat_seat *seat, const char *name);

/* Set while there may be a letter. Borrowed. */
weir_event *chat_seat_event(struct chat_seat *seat);

/* The oldest letter, which the caller unrefs. NULL: there is none, and the event is cleared. */
struct chat_letter *chat_seat_take(struct chat_seat *seat);

/* Letters dropped because the seat had no room. */
uint64_t chat_seat_dropped(struct chat_seat *seat);
