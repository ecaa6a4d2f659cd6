/* SPDX-License-Identifier: Apache-2.0 */
/* Penalties of addresses for harmful or useless connections.
 *
 * A debt is stored as the time at which it is forgiven in full; each offence moves that time into
 * the future. An address that owes more than FREE is held back: its new connections are accepted
 * one at a time, the next one after a pause that grows with the debt.
 *
 *   now                 held back until here           forgiven
 *    |------ debt - FREE ------->|--------- FREE --------->|
 *    |-- pause -->| the next connection
 *
 * So an address that does not stop gets about one connection in the time that forgives one. A pause
 * always runs to its end, even if the debt falls below FREE meanwhile, so the state of an address
 * changes once a second at most. Open connections are not affected.
 *
 * The table is a fixed number of sets under a lock; while no address is held back, comparing the
 * time with `over` avoids the lock. In a full set the entry with the smallest debt is replaced. */
#include "server/server.h"

#include "base/random.h"
#include <stdlib.h>

#define SETS 256u
#define WAYS 4u

/* The time after which one connection is forgiven. A useless one: four hundred times the CPU time
 * of a TLS handshake, so that an address that never stops takes a four-hundredth of a core. A
 * harmful one, which no client makes by mistake: five thousand times its cost. */
static const int64_t costs[SERVER_OFFENCES] = {
    [SERVER_FUTILE] = 200 * WEIR_MILLISECOND,
    [SERVER_HARMFUL] = 10 * WEIR_SECOND,
};

#define FREE (30 * WEIR_SECOND)
#define DEBT_MAX (FREE + 300 * WEIR_SECOND)

/* The pause: one second at first, half a minute at most. */
#define PAUSE_MIN WEIR_SECOND
#define PAUSE_SHARE 10

struct penalty_place {
    struct net_origin origin;
    int64_t forgiven_at; /* in the past: the entry is free */
    int64_t next_at;     /* while held back: when the next connection is accepted */
};

void
server_penalties_init(struct server_penalties *penalties)
{
    *penalties = (struct server_penalties){.seed = random_u64()};
    pthread_mutex_init(&penalties->lock, NULL);
}

void
server_penalties_fini(struct server_penalties *penalties)
{
    pthread_mutex_destroy(&penalties->lock);
    free(penalties->places);
    free(penalties->trusted);
}

weir_code
server_penalties_trust(struct server_penalties *penalties, const char *text)
{
    size_t count = penalties->trusted_count;
    struct net_network *trusted, network;

    if (strcmp(text, "none") == 0) {
        penalties->chosen = true;
        return WEIR_OK;
    }
    WEIR_TRY(net_network_parse(text, &network));
    trusted = realloc(penalties->trusted, (count + 1) * sizeof(*trusted));
    if (trusted == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    trusted[count] = network;
    penalties->trusted = trusted;
    penalties->trusted_count++;
    penalties->chosen = true;
    return WEIR_OK;
}

static bool
is_trusted(const struct server_penalties *penalties, const struct net_address *peer)
{
    if (!penalties->chosen)
        return net_address_is_loopback(peer);
    for (size_t i = 0; i < penalties->trusted_count; i++) {
        if (net_network_has(&penalties->trusted[i], peer))
            return true;
    }
    return false;
}

/* False: the address is exempt. */
static bool
can_owe(const struct server_penalties *penalties, const struct net_address *peer,
    struct net_origin *out_origin)
{
    return !is_trusted(penalties, peer) && net_address_origin(peer, out_origin);
}

static struct penalty_place *
set_of(const struct server_penalties *penalties, const struct net_origin *origin)
{
    uint64_t hash = hash_bytes(penalties->seed, origin->bytes, sizeof(origin->bytes));

    return &penalties->places[hash % SETS * WAYS];
}

/* NULL: no entry. */
static struct penalty_place *
find(const struct server_penalties *penalties, const struct net_origin *origin)
{
    struct penalty_place *set = set_of(penalties, origin);

    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(&set[i].origin, origin, sizeof(*origin)) == 0)
            return &set[i];
    }
    return NULL;
}

/* Create an entry for an address without one. An address in its pause owes about FREE or more, so
 * it is replaced last. */
static struct penalty_place *
settle(const struct server_penalties *penalties, const struct net_origin *origin)
{
    struct penalty_place *set = set_of(penalties, origin), *least = set;

    for (size_t i = 1; i < WAYS; i++) {
        if (set[i].forgiven_at < least->forgiven_at)
            least = &set[i];
    }
    *least = (struct penalty_place){.origin = *origin};
    return least;
}

static bool
is_over_free(const struct penalty_place *place, int64_t now)
{
    return place->forgiven_at - now > FREE;
}

static bool
is_held_back(const struct penalty_place *place, int64_t now)
{
    return now < place->next_at || is_over_free(place, now);
}

static int64_t
pause_of(const struct penalty_place *place, int64_t now)
{
    int64_t pause = (place->forgiven_at - now - FREE) / PAUSE_SHARE;

    return pause < PAUSE_MIN ? PAUSE_MIN : pause;
}

/* Hold the address back until a pause has passed. */
static void
hold(struct server_penalties *penalties, struct penalty_place *place, int64_t now)
{
    int64_t over = place->forgiven_at - FREE;

    place->next_at = now + pause_of(place, now);
    if (over < place->next_at)
        over = place->next_at;
    if (over > atomic_load(&penalties->over))
        atomic_store(&penalties->over, over);
}

static bool
owe(struct server_penalties *penalties, struct penalty_place *place, int64_t cost, int64_t now)
{
    int64_t since = place->forgiven_at > now ? place->forgiven_at : now;

    place->forgiven_at = since + cost < now + DEBT_MAX ? since + cost : now + DEBT_MAX;
    if (!is_over_free(place, now))
        return false;
    hold(penalties, place, now);
    return true;
}

bool
server_penalty_note(struct server_penalties *penalties, const struct net_address *peer,
    enum server_offence offence, int64_t now)
{
    struct penalty_place *place;
    struct net_origin origin;
    bool held = false;

    if (!can_owe(penalties, peer, &origin))
        return false;
    pthread_mutex_lock(&penalties->lock);
    if (penalties->places == NULL)
        penalties->places = calloc((size_t)SETS * WAYS, sizeof(*penalties->places));
    if (penalties->places != NULL) {
        if ((place = find(penalties, &origin)) == NULL)
            place = settle(penalties, &origin);
        held = owe(penalties, place, costs[offence], now);
    }
    pthread_mutex_unlock(&penalties->lock);
    return held;
}

static enum server_verdict
judge(struct server_penalties *penalties, const struct net_origin *origin, int64_t now)
{
    struct penalty_place *place = find(penalties, origin);

    if (place == NULL)
        return SERVER_WELCOME;
    if (now < place->next_at)
        return SERVER_REFUSED;
    if (!is_over_free(place, now))
        return SERVER_WELCOME;
    hold(penalties, place, now);
    return SERVER_HELD_BACK;
}

enum server_verdict
server_penalty_judge(
    struct server_penalties *penalties, const struct net_address *peer, int64_t now)
{
    enum server_verdict verdict;
    struct net_origin origin;

    if (now >= atomic_load(&penalties->over) || !can_owe(penalties, peer, &origin))
        return SERVER_WELCOME;
    pthread_mutex_lock(&penalties->lock);
    verdict = judge(penalties, &origin, now);
    pthread_mutex_unlock(&penalties->lock);
    return verdict;
}

size_t
server_penalty_list(struct server_penalties *penalties, int64_t now, struct net_origin *out_origins,
    size_t max, int64_t *out_until)
{
    size_t count = 0;

    *out_until = WEIR_NEVER;
    if (now >= atomic_load(&penalties->over))
        return 0;
    pthread_mutex_lock(&penalties->lock);
    for (size_t i = 0; i < (size_t)SETS * WAYS && count < max; i++) {
        const struct penalty_place *place = &penalties->places[i];

        if (place->next_at <= now)
            continue;
        out_origins[count++] = place->origin;
        if (place->next_at < *out_until)
            *out_until = place->next_at;
    }
    pthread_mutex_unlock(&penalties->lock);
    return count;
}

size_t
server_penalty_count(struct server_penalties *penalties, int64_t now)
{
    size_t count = 0;

    if (now >= atomic_load(&penalties->over))
        return 0;
    pthread_mutex_lock(&penalties->lock);
    for (size_t i = 0; i < (size_t)SETS * WAYS; i++)
        count += is_held_back(&penalties->places[i], now);
    pthread_mutex_unlock(&penalties->lock);
    return count;
}

weir_code
weir_server_trust(weir_server *server, const char *network)
{
    weir_code code;

    WEIR_TRY(server_check_setup(server, network));
    code = server_penalties_trust(&server->penalties, network);
    if (code == WEIR_INVALID_ARGUMENT)
        return server_fail(server, code, network,
            "not a network; give ADDRESS or ADDRESS/BITS, such as 192.0.2.0/24 or 2001:db8::/32");
    return code == WEIR_OK ? code : server_fail(server, code, network, "no memory");
}
