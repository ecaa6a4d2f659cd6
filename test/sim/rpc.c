/* SPDX-License-Identifier: Apache-2.0 */
/* The world of calls: its clock, its allocator, and whose turn it is. The server's loop is the
 * outer one, as weir_server_run has it; where that would let libuv wait, the world goes on. */
#include "rpc.h"
#include "heap.h"

#include "loop/private.h"
#include "server/server.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <weir/in_process.h>

enum { PATIENCE = 20000000 }; /* steps in which all must come to its end */

const uint64_t sim_events = 200000;

const struct sim_seed sim_seeds[] = {
    {1, 20000},
    {2, 70000},   /* a stream went on without a message that there was no memory to send */
    {131, 30000}, /* a stream that had ended so was half-closed, as if it were whole */
    {3, 20000},
};
const size_t sim_seed_count = sizeof(sim_seeds) / sizeof(sim_seeds[0]);

struct rpc_world *rpc_world;

static bool may_be_poor; /* Weir is at work */
static bool stopped;     /* the server's loop is told to end */

/* ---- what is injected ---- */

void *__real_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
int __real_uv_run(uv_loop_t *uv, uv_run_mode mode);
void __real_uv_stop(uv_loop_t *uv);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
int __wrap_uv_run(uv_loop_t *uv, uv_run_mode mode);
void __wrap_uv_stop(uv_loop_t *uv);
int __wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *when, struct itimerspec *out_before);
int64_t __wrap_weir_now(void);

bool
heap_fails_now(void)
{
    return may_be_poor && rpc_world->kind.poor && !rpc_world->ending &&
           chance_one(&rpc_world->chance, 1000);
}

/* Stacks. */
void *
__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    if (!heap_fails_now())
        return __real_mmap(address, len, protection, flags, fd, offset);
    errno = ENOMEM;
    return MAP_FAILED;
}

struct chance *
heap_chance(void)
{
    return &rpc_world->chance;
}

int64_t
__wrap_weir_now(void)
{
    return rpc_world->now;
}

/* The kernel's clock is not the world's, so the alarm stays silent, and turns fire what is due. */
int
__wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *when, struct itimerspec *out_before)
{
    (void)fd;
    (void)flags;
    (void)when;
    (void)out_before;
    return 0;
}

void
__wrap_uv_stop(uv_loop_t *uv)
{
    if (rpc_world->begun && uv == loop_uv(rpc_world->server_loop))
        stopped = true;
    __real_uv_stop(uv);
}

/* ---- what is seen of it ---- */

void
rpc_note(uint64_t what)
{
    struct sim_result *result = rpc_world->result;

    result->events++;
    result->trace = (result->trace ^ what) * UINT64_C(0x100000001b3);
    result->trace = (result->trace ^ (uint64_t)rpc_world->now) * UINT64_C(0x100000001b3);
}

/* Nothing new begins after that. */
void
rpc_fault(const char *what)
{
    if (rpc_world->result->fault == NULL)
        rpc_world->result->fault = what;
    rpc_world->ending = true;
}

int64_t
rpc_duration(int64_t most)
{
    return most / 4096 * (int64_t)chance_below(&rpc_world->chance, 4096);
}

/* ---- time and turns ---- */

static bool
is_ready(weir_loop *loop)
{
    return loop->touched || loop_has_tasks(loop) || !list_empty(&loop->late) ||
           !list_empty(&loop->inbox) || loop_timers_next(loop) <= rpc_world->now;
}

static void
turn_server(void)
{
    weir_loop *loop = rpc_world->server_loop;

    rpc_note(0x5e);
    loop->now = 0;
    loop_timers_fire(loop);
    __real_uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void
turn_client(void)
{
    rpc_note(0xc1);
    weir_loop_turn(rpc_world->client_loop);
}

static void
cancel_some(void)
{
    for (unsigned i = 0; i < rpc_world->kind.clients; i++) {
        struct rpc_client *client = &rpc_world->clients[i];

        if (client->call == NULL || client->cancel_at > rpc_world->now)
            continue;
        weir_call_cancel(client->call);
        client->call = NULL;
    }
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When something happens next. */
static int64_t
next_time(void)
{
    int64_t next = earlier(network_next(), loop_timers_next(rpc_world->server_loop));

    next = earlier(next, loop_timers_next(rpc_world->client_loop));
    for (unsigned i = 0; i < rpc_world->kind.clients; i++) {
        if (rpc_world->clients[i].call != NULL)
            next = earlier(next, rpc_world->clients[i].cancel_at);
    }
    return next;
}

static bool
go_on_in_time(void)
{
    int64_t next = next_time();

    if (next == WEIR_NEVER)
        return false;
    if (next > rpc_world->now)
        rpc_world->now = next;
    return true;
}

static bool
step(void)
{
    bool server = is_ready(rpc_world->server_loop), client = is_ready(rpc_world->client_loop);

    network_run();
    cancel_some();
    if (!server && !client)
        return go_on_in_time();
    may_be_poor = true;
    if (server && client) /* one of them, or both */
        server = chance_below(&rpc_world->chance, 3) != 0;
    if (client && (!server || chance_below(&rpc_world->chance, 2) == 0))
        turn_client();
    if (server)
        turn_server();
    may_be_poor = false;
    return true;
}

/* ---- beginning and end ---- */

static void
give_up(const char *why)
{
    printf("%s after %" PRIu64 " events, at %" PRId64 " ms, with %u clients\n",
        rpc_world->result->fault == NULL ? why : rpc_world->result->fault,
        rpc_world->result->events, rpc_world->now / WEIR_MILLISECOND, rpc_world->awake);
    exit(1);
}

static void
run_world(void)
{
    bool drained = false;
    uint64_t steps = 0;

    while (!stopped) {
        if (rpc_world->result->events >= rpc_world->events)
            rpc_world->ending = true;
        if (rpc_world->ending && steps++ == PATIENCE)
            give_up("calls that never end");
        if (rpc_world->awake == 0 && !drained) {
            drained = true;
            weir_server_drain(rpc_world->server, 60 * WEIR_SECOND);
            turn_server(); /* libuv alone knows that it was told */
        }
        if (!step())
            give_up("calls that nothing will end");
    }
}

int
__wrap_uv_run(uv_loop_t *uv, uv_run_mode mode)
{
    if (!rpc_world->begun || uv != loop_uv(rpc_world->server_loop))
        return __real_uv_run(uv, mode);
    run_world();
    return 0;
}

static void
must(weir_code code)
{
    if (code != WEIR_OK)
        abort(); /* poverty begins later */
}

static struct rpc_kind
kind_of(struct chance *chance)
{
    return (struct rpc_kind){.channels = 1 + chance_below(chance, RPC_CHANNELS),
        .clients = 1 + chance_below(chance, RPC_CLIENTS),
        .cuts = chance_one(chance, 2),
        .poor = chance_one(chance, 3),
        .ages = chance_one(chance, 3),
        .retries = chance_one(chance, 2),
        .hedges = chance_one(chance, 4),
        .wrapped = chance_one(chance, 2),
        .hurried = chance_one(chance, 2),
        .cancels = chance_one(chance, 2),
        .packed = chance_one(chance, 4),
        .drowsy = chance_one(chance, 2)};
}

static void
open_server(void)
{
    struct weir_server_options options = {.min_ping_interval = WEIR_SECOND,
        .min_idle_ping_interval = WEIR_SECOND,
        .max_concurrent_streams = 1 + chance_below(&rpc_world->chance, 40),
        .compression = rpc_world->kind.packed ? WEIR_GZIP : WEIR_IDENTITY,
        .max_connection_age = rpc_world->kind.ages ? 20 * WEIR_SECOND : 0,
        .keepalive_time = 30 * WEIR_SECOND};

    must(weir_server_new(&options, &rpc_world->server));
    must(people_serve(rpc_world->server));
    if (rpc_world->kind.wrapped)
        must(weir_server_wrap(rpc_world->server, people_pass, NULL));
    rpc_world->server_loop = rpc_world->server->loops[0].loop;
}

static void
open_channels(weir_channel *channels[RPC_CHANNELS])
{
    static const struct weir_retry_options retry = {
        .initial_backoff = 50 * WEIR_MILLISECOND, .max_backoff = WEIR_SECOND, .unthrottled = true};
    static const weir_code unavailable = WEIR_UNAVAILABLE;
    static const struct weir_hedge_options hedge = {.attempts = 3,
        .delay = 100 * WEIR_MILLISECOND,
        .codes = &unavailable,
        .code_count = 1,
        .unthrottled = true};
    static const struct weir_method_name every_one = {NULL, NULL};
    static struct weir_method_config method = {.names = &every_one, .name_count = 1};
    static const struct weir_service_config config = {.methods = &method, .method_count = 1};
    const struct rpc_kind *kind = &rpc_world->kind;
    struct weir_channel_options options = {.keepalive_time = 10 * WEIR_SECOND,
        .keepalive_without_calls = true,
        .max_connections = 1 + chance_below(&rpc_world->chance, 3),
        .compression = kind->packed ? WEIR_GZIP : WEIR_IDENTITY,
        .service_config = &config};

    method.retry = kind->retries ? &retry : NULL;
    method.hedge = kind->retries || !kind->hedges ? NULL : &hedge;
    for (unsigned i = 0; i < kind->channels; i++) {
        must(weir_channel_new_in_process(
            rpc_world->client_loop, rpc_world->server, &options, &channels[i]));
        if (kind->wrapped)
            must(weir_channel_wrap(channels[i], people_pass, NULL));
    }
}

static void
begin_clients(weir_channel *channels[RPC_CHANNELS])
{
    for (unsigned i = 0; i < rpc_world->kind.clients; i++) {
        struct rpc_client *client = &rpc_world->clients[i];

        client->channel = channels[i % rpc_world->kind.channels];
        client->cancel_at = WEIR_NEVER;
        rpc_world->awake++;
        must(weir_loop_spawn(rpc_world->client_loop, people_begin, client));
    }
}

/* timers: how many stay as long as the loop does. */
static void
check_left(weir_loop *loop, uint64_t timers)
{
    if (fiber_stats(loop).live != 0)
        rpc_fault("fibers that are left");
    if (loop_timer_count(loop) > timers)
        rpc_fault("timers that are left");
}

void
sim_run(uint64_t seed, uint64_t events, struct sim_result *out_result)
{
    struct rpc_world world = {.chance = {.state = seed},
        .result = out_result,
        .events = events,
        .now = WEIR_SECOND,
        .next_key = 1};
    weir_channel *channels[RPC_CHANNELS] = {NULL};

    *out_result = (struct sim_result){.trace = UINT64_C(0xcbf29ce484222325)};
    rpc_world = &world;
    stopped = false;
    people_reset();
    world.kind = kind_of(&world.chance);
    open_server();
    must(weir_loop_new(&world.client_loop));
    open_channels(channels);
    begin_clients(channels);
    world.begun = true;
    if (weir_server_run(world.server) != WEIR_OK)
        rpc_fault("the server did not drain");
    world.begun = false;
    for (unsigned i = 0; i < world.kind.channels; i++)
        weir_channel_free(channels[i]);
    check_left(world.server_loop, 3); /* the pass over all connections, and the grace time */
    check_left(world.client_loop, 1); /* of stacks that wait for fibers, as above */
    weir_loop_free(world.client_loop);
    weir_server_free(world.server);
}
