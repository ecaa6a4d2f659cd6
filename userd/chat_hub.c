/* SPDX-License-Identifier: Apache-2.0 */
/* The participants of the chat.
 *
 *     hub --(tree by name)--> participant --> place --> seat --> letters, event --> stream's fiber
 *
 * One lock guards all of it, and is held only while a name is looked up and a pointer is stored. A
 * sender never waits for a receiver: letters that a seat has no room for are dropped and counted.
 */
#include "userd/chat_hub.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Initial size of the ring of a seat's letters. */
#define LETTERS_FIRST 8

/* Links a seat to a participant. */
struct place {
    struct participant *participant;
    struct chat_seat *seat;
    struct place *next;      /* the next place of the same participant */
    struct place *next_name; /* the next place of the same seat */
};

struct participant {
    struct place *places;
    char name[];
};

struct chat_seat {
    struct chat_hub *hub;
    weir_event *event;
    struct place *names; /* most recently used first; only the seat's own fiber changes the list */
    size_t name_count;
    struct chat_letter **letters; /* a ring of this size; NULL until the first letter */
    size_t room, first, count;
    size_t bytes; /* of its letters */
    uint64_t dropped;
    struct chat_seat *next, **link; /* list of all seats of the hub */
};

struct chat_hub {
    pthread_mutex_t lock;
    void *participants; /* a binary tree by tsearch(3) */
    struct chat_seat *seats;
    size_t bytes; /* of the letters of all seats */
    struct chat_stats stats;
};

struct chat_hub *
chat_hub_new(void)
{
    struct chat_hub *hub = calloc(1, sizeof(*hub));

    if (hub != NULL)
        pthread_mutex_init(&hub->lock, NULL);
    return hub;
}

void
chat_hub_free(struct chat_hub *hub)
{
    if (hub == NULL)
        return;
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

struct chat_stats
chat_hub_stats(struct chat_hub *hub)
{
    struct chat_stats stats;

    pthread_mutex_lock(&hub->lock);
    stats = hub->stats;
    pthread_mutex_unlock(&hub->lock);
    return stats;
}

/* ---- names; the caller holds the lock ---- */

/* The tree's keys are pointers to the names at the ends of the participants. */
static int
compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct participant *
participant_of(char *name)
{
    return (struct participant *)(void *)(name - offsetof(struct participant, name));
}

/* NULL: no participant has this name. */
static struct participant *
look_up(struct chat_hub *hub, const char *name)
{
    void *node = tfind(name, &hub->participants, compare_names);

    return node == NULL ? NULL : participant_of(*(char **)node);
}

/* Add a participant without places to the tree. NULL: no memory. */
static struct participant *
add_participant(struct chat_hub *hub, const char *name)
{
    size_t size = strlen(name) + 1;
    struct participant *participant = malloc(sizeof(*participant) + size);

    if (participant == NULL)
        return NULL;
    participant->places = NULL;
    memcpy(participant->name, name, size);
    if (tsearch(participant->name, &hub->participants, compare_names) == NULL) {
        free(participant);
        return NULL;
    }
    hub->stats.participants++;
    return participant;
}

static void
remove_participant(struct chat_hub *hub, struct participant *participant)
{
    tdelete(participant->name, &hub->participants, compare_names);
    free(participant);
    hub->stats.participants--;
}

static bool
take_place(struct chat_seat *seat, const char *name, struct place *place)
{
    struct participant *participant = look_up(seat->hub, name);

    if (participant == NULL)
        participant = add_participant(seat->hub, name);
    if (participant == NULL)
        return false;
    *place = (struct place){participant, seat, participant->places, seat->names};
    participant->places = seat->names = place;
    seat->name_count++;
    return true;
}

static void
leave_place(struct chat_hub *hub, struct place *place)
{
    struct participant *participant = place->participant;
    struct place **link = &participant->places;

    while (*link != place)
        link = &(*link)->next;
    *link = place->next;
    if (participant->places == NULL)
        remove_participant(hub, participant);
    free(place);
}

/* ---- letters; the caller holds the lock ---- */

/* Double the ring; it starts small because most seats never hold more than a few letters. False: no
 * memory. */
static bool
grow(struct chat_seat *seat)
{
    size_t room = seat->room == 0 ? LETTERS_FIRST : 2 * seat->room;
    struct chat_letter **letters = calloc(room, sizeof(struct chat_letter *));

    if (letters == NULL)
        return false;
    for (size_t i = 0; i < seat->count; i++)
        letters[i] = seat->letters[(seat->first + i) % seat->room];
    free(seat->letters);
    seat->letters = letters;
    seat->room = room;
    seat->first = 0;
    return true;
}

static bool
is_full(const struct chat_seat *seat, const struct chat_letter *letter)
{
    return seat->count == CHAT_LETTERS_MAX || letter->size > CHAT_BYTES_MAX - seat->bytes;
}

static bool
is_crowded(
    const struct chat_hub *hub, const struct chat_seat *seat, const struct chat_letter *letter)
{
    return seat->count > 0 && hub->bytes + letter->size > CHAT_HUB_BYTES_MAX;
}

static void
put_letter(struct chat_hub *hub, struct chat_seat *seat, struct chat_letter *letter)
{
    bool full = is_full(seat, letter), crowded = !full && is_crowded(hub, seat, letter);

    if (full || crowded || (seat->count == seat->room && !grow(seat))) {
        seat->dropped++;
        hub->stats.dropped++;
        hub->stats.crowded += crowded;
        return;
    }
    seat->letters[(seat->first + seat->count++) % seat->room] = chat_letter_ref(letter);
    seat->bytes += letter->size;
    hub->bytes += letter->size;
    hub->stats.delivered++;
    weir_event_set(seat->event);
}

static struct chat_letter *
take_letter(struct chat_hub *hub, struct chat_seat *seat)
{
    struct chat_letter *letter;

    if (seat->count == 0)
        return NULL;
    letter = seat->letters[seat->first];
    seat->first = (seat->first + 1) % seat->room;
    seat->count--;
    seat->bytes -= letter->size;
    hub->bytes -= letter->size;
    return letter;
}

size_t
chat_hub_deliver(struct chat_hub *hub, struct chat_letter *letter)
{
    struct participant *participant;
    size_t count = 0;

    pthread_mutex_lock(&hub->lock);
    participant = look_up(hub, letter->to);
    if (participant != NULL) {
        for (struct place *place = participant->places; place != NULL; place = place->next) {
            put_letter(hub, place->seat, letter);
            count++;
        }
    }
    pthread_mutex_unlock(&hub->lock);
    return count;
}

/* ---- seats ---- */

static void
sit_down(struct chat_hub *hub, struct chat_seat *seat)
{
    pthread_mutex_lock(&hub->lock);
    seat->next = hub->seats;
    seat->link = &hub->seats;
    if (hub->seats != NULL)
        hub->seats->link = &seat->next;
    hub->seats = seat;
    hub->stats.seats++;
    pthread_mutex_unlock(&hub->lock);
}

static void
stand_up(struct chat_hub *hub, struct chat_seat *seat)
{
    struct chat_letter *letter;
    struct place *place;

    pthread_mutex_lock(&hub->lock);
    while ((place = seat->names) != NULL) {
        seat->names = place->next_name;
        leave_place(hub, place);
    }
    *seat->link = seat->next;
    if (seat->next != NULL)
        seat->next->link = seat->link;
    hub->stats.seats--;
    while ((letter = take_letter(hub, seat)) != NULL)
        chat_letter_unref(letter);
    pthread_mutex_unlock(&hub->lock);
}

struct chat_seat *
chat_seat_open(struct chat_hub *hub)
{
    struct chat_seat *seat = calloc(1, sizeof(*seat));

    if (seat == NULL)
        return NULL;
    seat->hub = hub;
    seat->event = weir_event_new();
    if (seat->event == NULL) {
        free(seat);
        return NULL;
    }
    sit_down(hub, seat);
    return seat;
}

void
chat_seat_close(struct chat_seat *seat)
{
    if (seat == NULL)
        return;
    stand_up(seat->hub, seat);
    weir_event_unref(seat->event);
    free(seat->letters);
    free(seat);
}

/* Mark one of the seat's names as used. False: the seat does not have it. */
static bool
use_name(struct chat_seat *seat, const char *name)
{
    struct place **link = &seat->names, *place;

    while ((place = *link) != NULL && strcmp(place->participant->name, name) != 0)
        link = &place->next_name;
    if (place == NULL)
        return false;
    *link = place->next_name;
    place->next_name = seat->names;
    seat->names = place;
    return true;
}

/* Remove the least recently used name. The caller holds the lock. */
static void
forget_name(struct chat_seat *seat)
{
    struct place **last = NULL, *place;

    for (struct place **link = &seat->names; *link != NULL; link = &(*link)->next_name)
        last = link;
    if (last == NULL)
        return;
    place = *last;
    *last = NULL;
    leave_place(seat->hub, place);
    seat->name_count--;
    seat->hub->stats.forgotten++;
}

weir_code
chat_seat_name(struct chat_seat *seat, const char *name)
{
    struct place *place;
    bool taken;

    if (use_name(seat, name))
        return WEIR_OK;
    place = malloc(sizeof(*place));
    if (place == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    pthread_mutex_lock(&seat->hub->lock);
    taken = take_place(seat, name, place);
    if (seat->name_count > CHAT_NAMES_MAX)
        forget_name(seat);
    pthread_mutex_unlock(&seat->hub->lock);
    if (taken)
        return WEIR_OK;
    free(place);
    return WEIR_RESOURCE_EXHAUSTED;
}

weir_event *
chat_seat_event(struct chat_seat *seat)
{
    return seat->event;
}

struct chat_letter *
chat_seat_take(struct chat_seat *seat)
{
    struct chat_letter *letter;

    pthread_mutex_lock(&seat->hub->lock);
    letter = take_letter(seat->hub, seat);
    if (letter == NULL)
        weir_event_clear(seat->event);
    pthread_mutex_unlock(&seat->hub->lock);
    return letter;
}

uint64_t
chat_seat_dropped(struct chat_seat *seat)
{
    uint64_t dropped;

    pthread_mutex_lock(&seat->hub->lock);
    dropped = seat->dropped;
    pthread_mutex_unlock(&seat->hub->lock);
    return dropped;
}
