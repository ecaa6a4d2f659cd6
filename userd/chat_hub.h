/* SPDX-License-Identifier: Apache-2.0 */
/* Who takes part in the chat, and how a message gets from one to another, whatever loops they are
 * on. */
/* Threads: the hub is everybody's; a seat belongs to the fiber of its stream. */
#pragma once

#include "userd/chat_letter.h"
#include <weir/pool.h>

/* What a seat holds for a receiver that is slow; what comes beyond either is dropped and counted.
 */
#define CHAT_LETTERS_MAX 256
#define CHAT_BYTES_MAX (1024 * 1024)

/* What all seats hold; beyond it a seat takes a letter only when it has none, so that receivers who
 * keep up hear on while others let theirs pile up. */
#define CHAT_HUB_BYTES_MAX ((size_t)64 * 1024 * 1024)

/* Names of one seat. With one more it loses the one that it has not used for longest. */
#define CHAT_NAMES_MAX 64

struct chat_hub;

/* One stream's place. A participant is a name, and has all the seats that took it. */
struct chat_seat;

struct chat_stats {
    uint64_t seats;        /* now */
    uint64_t participants; /* names, now */
    uint64_t delivered;    /* letters put into a seat, ever */
    uint64_t dropped;      /* letters for which a seat had no room, ever */
    uint64_t crowded;      /* of these, since all seats together hold too much */
    uint64_t forgotten;    /* names that seats lost to newer ones, ever */
};

/* NULL: no memory. */
struct chat_hub *chat_hub_new(void);

/* Every seat is closed. */
void chat_hub_free(struct chat_hub *hub);

struct chat_stats chat_hub_stats(struct chat_hub *hub);

/* Put a letter into every seat of the participant that it is to, here in this process; what brings
 * letters from elsewhere calls it as well. The number of seats, those without room included. */
size_t chat_hub_deliver(struct chat_hub *hub, struct chat_letter *letter);

/* NULL: no memory. Closing forgets its names and letters. */
struct chat_seat *chat_seat_open(struct chat_hub *hub);
void chat_seat_close(struct chat_seat *seat);

/* Take part under a name, as well as under the CHAT_NAMES_MAX - 1 used last before it.
 * RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code chat_seat_name(struct chat_seat *seat, const char *name);

/* Is set while there may be a letter. Borrowed. */
weir_event *chat_seat_event(struct chat_seat *seat);

/* The oldest letter, which the caller unrefs. NULL: there is none, and the event is clear. */
struct chat_letter *chat_seat_take(struct chat_seat *seat);

/* Letters that it had no room for. */
uint64_t chat_seat_dropped(struct chat_seat *seat);
