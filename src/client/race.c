/* SPDX-License-Identifier: Apache-2.0 */
/* Happy Eyeballs: an address that does not answer delays the next one only briefly. */
#include "client/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 8305, section 5: Connection Attempt Delay. */
#define STAGGER (250 * WEIR_MILLISECOND)

static void start_next(struct client_race *race);

static void
stagger_is_over(struct loop_timer *timer)
{
    start_next(container_of(timer, struct client_race, stagger));
}

void
race_init(struct client_race *race, weir_loop *loop, const char *request, void *owner,
    void (*reached)(void *owner, struct net_conn *net), void (*lost)(void *owner, const char *why))
{
    *race = (struct client_race){
        .loop = loop, .request = request, .owner = owner, .reached = reached, .lost = lost};
    loop_timer_init(&race->stagger, stagger_is_over);
}

static void
note_failure(struct client_race *race, const char *why)
{
    snprintf(race->why, sizeof(race->why), "%s", why);
}

static void
came_through(void *owner, struct net_conn *net, const char *why)
{
    struct client_runner *runner = owner;
    struct client_race *race = runner->race;

    runner->tunnel = NULL;
    if (net != NULL)
        race->reached(race->owner, net);
    else
        race_go_on(race, why);
}

static void
connected(void *owner, struct net_conn *net, int errno_code)
{
    struct client_runner *runner = owner;
    struct client_race *race = runner->race;

    runner->connect = NULL;
    if (net == NULL)
        race_go_on(race, strerror(errno_code));
    else if (race->request == NULL)
        race->reached(race->owner, net);
    else if (net_tunnel_open(
                 net, race->request, race->until, came_through, runner, &runner->tunnel) != WEIR_OK)
        race_go_on(race, "no memory");
}

/* False: it has failed at once. */
static bool
start_runner(struct client_race *race, size_t number, int64_t left)
{
    struct client_runner *runner = &race->runners[number];

    if (net_connect(race->loop, &race->addresses[number], left, connected, runner,
            &runner->connect) != WEIR_OK) {
        runner->connect = NULL;
        note_failure(race, "no memory");
        return false;
    }
    race->running++;
    return true;
}

/* Without memory for the timer, the next one starts when this one has failed. */
static void
start_next(struct client_race *race)
{
    int64_t now = loop_now(race->loop), left = race->until - now;

    loop_timer_stop(race->loop, &race->stagger);
    while (race->next < race->count && left > 0) {
        if (!start_runner(race, race->next++, left))
            continue;
        if (race->next < race->count)
            (void)!loop_timer_start(race->loop, &race->stagger, now + STAGGER);
        return;
    }
    if (race->running == 0)
        race->lost(race->owner, race->why);
}

/* The first address at or after `from` that is of another family; `count` if there is none. */
static size_t
find_other_family(const struct client_race *race, size_t from, int family)
{
    while (from < race->count && race->addresses[from].any.sa_family == family)
        from++;
    return from;
}

/* RFC 8305, section 4: alternate the families, each in its own order. */
static void
interleave(struct client_race *race)
{
    for (size_t at = 1; at < race->count; at++) {
        size_t other = find_other_family(race, at, race->addresses[at - 1].any.sa_family);
        struct net_address moved;

        if (other == race->count)
            return;
        moved = race->addresses[other];
        memmove(&race->addresses[at + 1], &race->addresses[at], (other - at) * sizeof(moved));
        race->addresses[at] = moved;
    }
}

static bool
make_runners(struct client_race *race, size_t count)
{
    struct client_runner *runners = realloc(race->runners, count * sizeof(*runners));

    if (runners == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        runners[i] = (struct client_runner){.race = race};
    race->runners = runners;
    return true;
}

void
race_start(struct client_race *race, struct net_address *addresses, size_t count, int64_t until)
{
    race->addresses = addresses;
    race->next = race->count = 0;
    race->until = until;
    note_failure(race, "no address");
    if (count > 0 && !make_runners(race, count))
        note_failure(race, "no memory");
    else
        race->count = count;
    interleave(race);
    start_next(race);
}

void
race_start_alone(struct client_race *race)
{
    race->next = race->count = 0;
    race->running = 1;
}

void
race_go_on(struct client_race *race, const char *why)
{
    race->running--;
    note_failure(race, why);
    start_next(race);
}

void
race_stop(struct client_race *race)
{
    loop_timer_stop(race->loop, &race->stagger);
    for (size_t i = 0; i < race->next; i++) {
        if (race->runners[i].connect != NULL)
            net_connect_cancel(race->runners[i].connect);
        race->runners[i].connect = NULL;
        net_tunnel_cancel(race->runners[i].tunnel);
        race->runners[i].tunnel = NULL;
    }
    race->running = 0;
}

void
race_fini(struct client_race *race)
{
    race_stop(race);
    free(race->runners);
}
