/* SPDX-License-Identifier: Apache-2.0 */
/* Thousands of calls of every kind with tiny deadlines, cancelled and freed at random points, from
 * threads and from fibers: each ends once, with a status that makes sense, and nothing is left. */
#define _GNU_SOURCE /* rand_r */
#include "fiber/fiber.h"
#include "scripted.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A connection is closed after a thousand resets in a row, so each round has its own. */
#define ROUNDS 5
#define WORKERS 4
#define CALLS 150

/* ---- one worker: calls, and a partner that cancels whatever it is at ---- */

struct worker {
    weir_channel *channel;
    bool nested; /* through a server that calls onward */
    unsigned seed;
    unsigned most;      /* messages of a stream; 0: 200 */
    unsigned ended[17]; /* by code */
    pthread_t thread, partner;
    pthread_mutex_t lock;
    weir_call *current;
    bool over;
};

static unsigned
roll(struct worker *worker, unsigned sides)
{
    return (unsigned)rand_r(&worker->seed) % sides;
}

static void *
meddle(void *arg)
{
    struct worker *worker = arg;
    unsigned seed = worker->seed + 1;
    bool over = false;

    while (!over) {
        usleep((unsigned)rand_r(&seed) % 3000);
        pthread_mutex_lock(&worker->lock);
        if (worker->current != NULL)
            weir_call_cancel(worker->current);
        over = worker->over;
        pthread_mutex_unlock(&worker->lock);
    }
    return NULL;
}

static void
present(struct worker *worker, weir_call *call)
{
    pthread_mutex_lock(&worker->lock);
    worker->current = call;
    pthread_mutex_unlock(&worker->lock);
}

static weir_code
try_unary(struct worker *worker, weir_call *call)
{
    static char *const texts[] = {"x", "sleep:0", "sleep:1", "sleep:2", "size:5000", "size:200000",
        "fail:5", "metadata", "wait"};
    static char *const nested[] = {"proxy:x", "proxy:sleep:1", "proxy:size:5000", "proxy:fail:5",
        "proxy:wait", "x", "sleep:1", "wait", "fail:5"};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;

    request.text = (worker->nested ? nested : texts)[roll(worker, 9)];
    return rpctest_Test_Unary(call, &request, &response);
}

static weir_code
try_collect(struct worker *worker, weir_call *call)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;

    WEIR_TRY(rpctest_Test_Collect(call, &stream));
    for (unsigned left = roll(worker, 50); left > 0; left--)
        WEIR_TRY(rpctest_Test_Collect_client_send(stream, &message));
    if (roll(worker, 3) == 0)
        return WEIR_OK;
    return rpctest_Test_Collect_client_finish(stream, &response);
}

static weir_code
try_expand(struct worker *worker, weir_call *call)
{
    static uint8_t filler[1000];
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message = NULL;
    unsigned left = roll(worker, worker->most == 0 ? 200 : worker->most);

    request.number = worker->most == 0 ? 1000 : (int32_t)worker->most;
    request.data = (ProtobufCBinaryData){sizeof(filler), filler};
    WEIR_TRY(rpctest_Test_Expand(call, &request, &stream));
    while (left > 0 && rpctest_Test_Expand_client_recv(stream, &message))
        left--;
    if (roll(worker, 3) == 0)
        return weir_call_code(call);
    return rpctest_Test_Expand_client_finish(stream);
}

static weir_code
try_talk(struct worker *worker, weir_call *call)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *reply = NULL;

    message.text = "hello";
    WEIR_TRY(rpctest_Test_Talk(call, &stream));
    for (unsigned left = roll(worker, 20); left > 0; left--) {
        WEIR_TRY(rpctest_Test_Talk_client_send(stream, &message));
        message.text = weir_call_printf(call, "again %u", left);
        if (roll(worker, 2) == 0 && !rpctest_Test_Talk_client_recv(stream, &reply))
            return weir_call_code(call);
        message.text = "hello";
    }
    if (roll(worker, 3) == 0)
        return weir_call_code(call);
    return rpctest_Test_Talk_client_finish(stream);
}

static void
check_code(struct worker *worker, weir_call *call, weir_code code)
{
    bool sane = code == WEIR_OK || code == WEIR_CANCELLED || code == WEIR_DEADLINE_EXCEEDED ||
                code == WEIR_NOT_FOUND;

    /* Cancelled calls hold their streams until the server's handlers have noticed. */
    if (code == WEIR_UNAVAILABLE && strstr(weir_call_message(call), "REFUSED_STREAM") != NULL)
        sane = true;

    if (!sane) {
        fprintf(stderr, "%s: %s\n", weir_code_name(code), weir_call_message(call));
        abort();
    }
    worker->ended[code]++;
}

static void
try_one(struct worker *worker)
{
    static weir_code (*const kinds[])(struct worker * worker, weir_call * call) = {
        try_unary, try_unary, try_collect, try_expand, try_talk};
    weir_call *call = weir_call_new(worker->channel, NULL);

    /* At least once in a while somebody must end a call that waits for ever. */
    weir_call_set_timeout(
        call, roll(worker, 4) == 0 ? 50 * WEIR_MILLISECOND : roll(worker, 3000) * WEIR_MICROSECOND);
    if (roll(worker, 2) == 0)
        present(worker, call);
    check_code(worker, call, kinds[roll(worker, 5)](worker, call));
    present(worker, NULL);
    weir_call_free(call);
}

static void *
work(void *arg)
{
    struct worker *worker = arg;

    for (int i = 0; i < CALLS; i++)
        try_one(worker);
    pthread_mutex_lock(&worker->lock);
    worker->over = true;
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void
start_workers(struct worker *workers, weir_channel *channel, bool nested, unsigned seed)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.channel = channel, .nested = nested, .seed = seed * 100 + i};
        pthread_mutex_init(&workers[i].lock, NULL);
        assert_int_equal(pthread_create(&workers[i].partner, NULL, meddle, &workers[i]), 0);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
}

/* How many calls there were. */
static unsigned
join_workers(struct worker *workers)
{
    unsigned calls = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        pthread_join(workers[i].partner, NULL);
        pthread_mutex_destroy(&workers[i].lock);
        for (size_t code = 0; code < 17; code++)
            calls += workers[i].ended[code];
    }
    return calls;
}

/* ---- loops ---- */

struct client {
    weir_loop *loop;
    weir_channel *channel;
    bool turned;
    pthread_t turner; /* when it is */
};

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static void
open_client(struct client *client, const char *address, const struct weir_channel_options *options,
    bool turned)
{
    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(client->loop, address, options, &client->channel), WEIR_OK);
    client->turned = turned;
    if (turned)
        assert_int_equal(pthread_create(&client->turner, NULL, turn, client->loop), 0);
}

static void
close_client(struct client *client)
{
    weir_channel_free(client->channel);
    if (client->turned) {
        weir_loop_stop(client->loop);
        pthread_join(client->turner, NULL);
    }
    assert_int_equal(fiber_stats(client->loop).live, 0);
    weir_loop_free(client->loop);
}

/* Four ways at once to the same server: a loop that has its thread, one that its callers turn, one
 * that threads share with fibers of another server's loops, and that server's own clients. */
static void
run_round(struct running *back, unsigned round)
{
    static const struct weir_server_options two = {.loops = 2};
    struct worker own[WORKERS], shared[WORKERS], mixed[WORKERS], nested[WORKERS];
    struct client clients[4];
    struct running front;

    open_client(&clients[0], back->address, NULL, true);
    open_client(&clients[1], back->address, NULL, false);
    open_client(&clients[2], back->address, NULL, true);
    front.onward = clients[2].channel;
    running_start(&front, "127.0.0.1:0", &two, NULL);
    open_client(&clients[3], front.address, NULL, false);
    start_workers(own, clients[0].channel, false, 4 * round);
    start_workers(shared, clients[1].channel, false, 4 * round + 1);
    start_workers(mixed, clients[2].channel, false, 4 * round + 2);
    start_workers(nested, clients[3].channel, true, 4 * round + 3);
    assert_int_equal(join_workers(own), WORKERS * CALLS);
    assert_int_equal(join_workers(shared), WORKERS * CALLS);
    assert_int_equal(join_workers(mixed), WORKERS * CALLS);
    assert_int_equal(join_workers(nested), WORKERS * CALLS);
    close_client(&clients[3]);
    running_stop(&front, 100 * WEIR_SECOND);
    for (int i = 0; i < 3; i++)
        close_client(&clients[i]);
    EVENTUALLY(back->seen.ended == back->seen.started)
}

static void
every_call_ends_once(void **state)
{
    static const struct weir_server_options two = {.loops = 2};
    struct running back;

    (void)state;
    back.onward = NULL;
    running_start(&back, "127.0.0.1:0", &two, NULL);
    for (unsigned round = 0; round < ROUNDS; round++)
        run_round(&back, round);
    running_stop(&back, 100 * WEIR_SECOND);
    assert_int_equal(back.result, WEIR_OK);
}

/* ---- tens of thousands of calls ---- */

#define MANY_ROUNDS 10
#define CHANNELS 4
#define FIBERS 50 /* a channel */
#define FIBER_CALLS 20

struct crowd {
    weir_loop *loop;
    weir_channel *channels[CHANNELS];
    struct worker workers[CHANNELS * FIBERS];
    atomic_uint left; /* workers */
};

struct member {
    struct crowd *crowd;
    struct worker *worker;
};

static void
work_on_fiber(void *arg)
{
    struct member *member = arg;

    for (int i = 0; i < FIBER_CALLS; i++)
        try_one(member->worker);
    atomic_fetch_sub(&member->crowd->left, 1);
    free(member);
}

/* From another thread, whoever it meets. */
static void *
meddle_with_all(void *arg)
{
    struct crowd *crowd = arg;
    unsigned seed = crowd->workers[0].seed;

    while (crowd->left > 0) {
        struct worker *worker = &crowd->workers[(unsigned)rand_r(&seed) % (CHANNELS * FIBERS)];

        pthread_mutex_lock(&worker->lock);
        if (worker->current != NULL)
            weir_call_cancel(worker->current);
        pthread_mutex_unlock(&worker->lock);
        usleep(100);
    }
    return NULL;
}

static void
start_crowd(struct crowd *crowd, unsigned round)
{
    atomic_init(&crowd->left, CHANNELS * FIBERS);
    for (unsigned i = 0; i < CHANNELS * FIBERS; i++) {
        struct worker *worker = &crowd->workers[i];
        struct member *member = malloc(sizeof(*member));

        *worker = (struct worker){.channel = crowd->channels[i % CHANNELS],
            .most = 20,
            .seed = round * CHANNELS * FIBERS + i};
        pthread_mutex_init(&worker->lock, NULL);
        *member = (struct member){crowd, worker};
        assert_int_equal(weir_loop_spawn(crowd->loop, work_on_fiber, member), WEIR_OK);
    }
}

static unsigned
count_ended(struct crowd *crowd)
{
    unsigned calls = 0;

    for (unsigned i = 0; i < CHANNELS * FIBERS; i++) {
        for (size_t code = 0; code < 17; code++)
            calls += crowd->workers[i].ended[code];
        pthread_mutex_destroy(&crowd->workers[i].lock);
    }
    return calls;
}

/* Hundreds of calls at a time on one loop, with connections of their own. */
static unsigned
run_crowd(const struct running *running, unsigned round)
{
    static struct crowd crowd;
    pthread_t turner, meddler;
    unsigned calls;

    assert_int_equal(weir_loop_new(&crowd.loop), WEIR_OK);
    for (int i = 0; i < CHANNELS; i++)
        assert_int_equal(
            weir_channel_new(crowd.loop, running->address, NULL, &crowd.channels[i]), WEIR_OK);
    start_crowd(&crowd, round);
    assert_int_equal(pthread_create(&turner, NULL, turn, crowd.loop), 0);
    assert_int_equal(pthread_create(&meddler, NULL, meddle_with_all, &crowd), 0);
    pthread_join(meddler, NULL);
    for (int i = 0; i < CHANNELS; i++)
        weir_channel_free(crowd.channels[i]);
    weir_loop_stop(crowd.loop);
    pthread_join(turner, NULL);
    calls = count_ended(&crowd);
    EVENTUALLY(fiber_stats(crowd.loop).live == 0);
    weir_loop_free(crowd.loop);
    return calls;
}

static void
tens_of_thousands_of_calls(void **state)
{
    static const struct weir_server_options two = {.loops = 2};
    struct running running;
    unsigned calls = 0;

    (void)state;
    running_start(&running, "127.0.0.1:0", &two, NULL);
    for (unsigned round = 0; round < MANY_ROUNDS; round++)
        calls += run_crowd(&running, round);
    assert_int_equal(calls, MANY_ROUNDS * CHANNELS * FIBERS * FIBER_CALLS);
    EVENTUALLY(running.seen.ended == running.seen.started)
    running_stop(&running, 100 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
}

/* ---- looking at a call while its loop goes on with it ---- */

static weir_code
decorate(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    WEIR_TRY(weir_call_add_header(call, "head-bin", weir_str_of("head")));
    WEIR_TRY(weir_call_add_trailer(call, "tail-bin", weir_str_of("tail")));
    WEIR_TRY(weir_proceed(next, call));
    return weir_fail(call, WEIR_NOT_FOUND, "%0200d", 1);
}

/* Metadata is absent or there, nothing in between. */
static void
look(weir_call *call)
{
    weir_str head = weir_call_header(call, "head-bin"), tail = weir_call_trailer(call, "tail-bin");
    weir_str key, value;
    size_t cursor = 0;

    if (head.data != NULL && !weir_str_equal(head, weir_str_of("head")))
        abort();
    if (tail.data != NULL && !weir_str_equal(tail, weir_str_of("tail")))
        abort();
    while (weir_call_next_trailer(call, &cursor, &key, &value))
        continue;
    if (strlen(weir_call_message(call)) != 0 && strlen(weir_call_message(call)) != 200)
        abort();
    if (weir_call_printf(call, "%s", weir_call_peer(call)) == NULL)
        abort();
}

static void
users_may_look_at_any_time(void **state)
{
    struct running running;
    struct client client;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, decorate);
    open_client(&client, running.address, NULL, true);
    for (int i = 0; i < 300; i++) {
        struct rpctest_Test_Talk_client stream = {NULL};
        weir_call *call = weir_call_new(client.channel, NULL);

        assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
        assert_int_equal(rpctest_Test_Talk_client_close_send(stream), WEIR_OK);
        while (weir_call_code(call) == WEIR_OK)
            look(call);
        look(call);
        assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_NOT_FOUND);
        assert_true(weir_str_equal(weir_call_trailer(call, "tail-bin"), weir_str_of("tail")));
        weir_call_free(call);
    }
    close_client(&client);
    running_stop(&running, WEIR_SECOND);
}

/* ---- choosing how to compress while its loop makes attempts ---- */

#define FAILURES 20 /* attempts, before one goes well */

/* For as long as they fail. The last choice is gzip. */
static void
keep_choosing(weir_call *call, const struct scripted *server)
{
    bool over = false;

    while (!over) {
        over = server->count > FAILURES;
        assert_int_equal(weir_call_set_compression(call, WEIR_IDENTITY), WEIR_OK);
        assert_int_equal(weir_call_set_compression(call, WEIR_GZIP), WEIR_OK);
    }
}

/* A stream that nothing was sent on while its attempts failed. */
static void
choose_during_attempts(const struct weir_method_config *method)
{
    struct weir_service_config config = {.methods = method, .method_count = 1};
    struct weir_channel_options options = {.compression = WEIR_GZIP, .service_config = &config};
    struct script_step steps[FAILURES + 1];
    struct rpctest_Test_Talk_client stream = {NULL};
    Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;
    struct scripted server;
    struct client client;
    weir_call *call;

    for (size_t i = 0; i < FAILURES; i++)
        steps[i] = (struct script_step){.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE};
    steps[FAILURES] = (struct script_step){.act = SCRIPT_ANSWER};
    scripted_start(&server, steps, FAILURES + 1);
    open_client(&client, server.address, &options, true);
    call = weir_call_new(client.channel, NULL);
    assert_int_equal(rpctest_Test_Talk(call, &stream), WEIR_OK);
    keep_choosing(call, &server);
    message.text = "hello"; /* nothing at all would not be compressed */
    assert_int_equal(rpctest_Test_Talk_client_send(stream, &message), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_finish(stream), WEIR_OK);
    assert_int_equal(buf_head(&server.requests[FAILURES].data)[0], 1); /* the flag */
    weir_call_free(call);
    close_client(&client);
    scripted_stop(&server);
}

static void
users_may_choose_compression_at_any_time(void **state)
{
    static const weir_code unavailable = WEIR_UNAVAILABLE;
    static const struct weir_method_name every = {NULL, NULL};
    static const struct weir_retry_options retry = {.retries = FAILURES,
        .initial_backoff = WEIR_MILLISECOND,
        .multiplier = 1,
        .unthrottled = true};
    static const struct weir_hedge_options hedge = {.attempts = FAILURES + 1,
        .delay = WEIR_SECOND,
        .codes = &unavailable,
        .code_count = 1,
        .unthrottled = true};
    struct weir_method_config method = {.names = &every, .name_count = 1};

    (void)state;
    method.retry = &retry;
    choose_during_attempts(&method);
    method.retry = NULL;
    method.hedge = &hedge;
    choose_during_attempts(&method);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_may_look_at_any_time),
        cmocka_unit_test(users_may_choose_compression_at_any_time),
        cmocka_unit_test(every_call_ends_once),
        cmocka_unit_test(tens_of_thousands_of_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
