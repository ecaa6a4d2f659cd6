/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers and clients. What a call is like follows from its key: how many messages of which bytes,
 * how often it fails before it goes well, with which status it ends. So each end knows what the
 * other one must say. */
#include "rpc.h"
#include "test.weir.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1 << 17, RECORDS = 1 << 12 };

static uint8_t cycle[LONGEST + 256]; /* each byte is the one before it and 31 */

/* How often the handler of a key has begun. */
static struct record {
    uint32_t key;
    unsigned begun;
} records[RECORDS];

struct plan {
    uint32_t key, messages;
    unsigned failures; /* attempts that end with UNAVAILABLE, before one does not */
    weir_code code;    /* of that one */
    bool early;        /* a stream's ends so after the first message */
    int64_t nap;       /* of its handler */
};

/* ---- what a key means ---- */

static uint32_t
mix(uint32_t a, uint32_t b)
{
    uint32_t h = a * 0x9e3779b1u ^ (b + 0x85ebca6bu) * 0xc2b2ae35u;

    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    return h ^ h >> 12;
}

static struct plan
plan_of(uint32_t key)
{
    struct plan plan = {.key = key, .messages = mix(key, 1) % 6, .code = WEIR_OK};

    if (mix(key, 2) % 8 == 0)
        plan.failures = 1 + mix(key, 3) % 5;
    if (mix(key, 4) % 16 == 0)
        plan.code = WEIR_NOT_FOUND;
    plan.early = plan.code != WEIR_OK && mix(key, 7) % 2 == 0;
    if (rpc_world->kind.drowsy && mix(key, 5) % 4 == 0)
        plan.nap = mix(key, 6) % 3000 * WEIR_MILLISECOND;
    return plan;
}

static void
write_message(uint32_t key, uint32_t number, Rpctest__Payload *message)
{
    uint32_t h = mix(key, 100 + number), len = h % 8 == 0 ? h >> 8 & 0x3fff : h >> 8 & 0xff;

    if (h % 64 == 0)
        len = h >> 8 & (LONGEST - 1);
    message->number = (int32_t)number;
    message->data.data = cycle + mix(key, 200 + number) % 256;
    message->data.len = len;
}

static void
check_message(uint32_t key, uint32_t number, const Rpctest__Payload *message)
{
    Rpctest__Payload expected = RPCTEST__PAYLOAD__INIT;

    write_message(key, number, &expected);
    rpc_note(0x3e55 ^ (uint64_t)key << 16);
    rpc_world->result->messages++;
    rpc_world->result->bytes += message->data.len;
    if (message->number != expected.number || message->data.len != expected.data.len ||
        (expected.data.len > 0 &&
            memcmp(message->data.data, expected.data.data, expected.data.len) != 0))
        rpc_fault("another message than was sent");
}

void
people_reset(void)
{
    memset(records, 0, sizeof(records));
    for (size_t i = 1; i < sizeof(cycle); i++)
        cycle[i] = (uint8_t)(cycle[i - 1] + 31);
}

/* How many attempts a call may have. */
static unsigned
most_attempts(void)
{
    if (rpc_world->kind.retries)
        return 4;
    return rpc_world->kind.hedges ? 3 : 1;
}

weir_code
people_pass(void *self, weir_call *call, weir_next *next)
{
    weir_code code;

    (void)self;
    code = weir_proceed(next, call);
    rpc_note(0x1c ^ (uint64_t)code << 8);
    return code;
}

/* ---- handlers ---- */

/* Once more. OK: this attempt goes on to what the plan says. */
static weir_code
begin_handling(weir_call *call, struct plan *out_plan)
{
    weir_str text = weir_call_header(call, "sim-key");
    uint32_t key = text.len == 0 ? 0 : (uint32_t)strtoul(text.data, NULL, 16);
    struct record *record = &records[key % RECORDS];

    *out_plan = plan_of(key);
    rpc_note(0x4a ^ (uint64_t)key << 8);
    if (record->key != key) /* its client has left long ago */
        return weir_fail(call, WEIR_ABORTED, "late");
    record->begun++;
    if (record->begun > most_attempts())
        rpc_fault("a call was handled more often than it may be");
    if (record->begun <= out_plan->failures)
        return weir_fail(call, WEIR_UNAVAILABLE, "planned");
    return out_plan->nap == 0 ? WEIR_OK : weir_call_sleep(call, out_plan->nap);
}

static weir_code
end_handling(weir_call *call, const struct plan *plan)
{
    return plan->code == WEIR_OK ? WEIR_OK : weir_fail(call, plan->code, "planned");
}

static weir_code
handle_unary(
    void *self, weir_call *call, const Rpctest__Payload *request, Rpctest__Payload *out_response)
{
    struct plan plan;

    (void)self;
    WEIR_TRY(begin_handling(call, &plan));
    check_message(plan.key, 0, request);
    write_message(plan.key, 1, out_response);
    return end_handling(call, &plan);
}

static weir_code
handle_collect(void *self, struct rpctest_Test_Collect_server peer, Rpctest__Payload *out_response)
{
    const Rpctest__Payload *message;
    struct plan plan;
    uint32_t count = 0;

    (void)self;
    WEIR_TRY(begin_handling(peer.call, &plan));
    while (rpctest_Test_Collect_recv(peer, &message)) {
        check_message(plan.key, count++, message);
        if (plan.early)
            return end_handling(peer.call, &plan);
    }
    if (weir_call_code(peer.call) != WEIR_OK)
        return weir_call_code(peer.call);
    if (count != plan.messages)
        rpc_fault("a stream ended well without all of its requests");
    write_message(plan.key, count, out_response);
    return end_handling(peer.call, &plan);
}

static weir_code
handle_expand(void *self, const Rpctest__Payload *request, struct rpctest_Test_Expand_server peer)
{
    struct plan plan;

    (void)self;
    WEIR_TRY(begin_handling(peer.call, &plan));
    check_message(plan.key, 0, request);
    for (uint32_t i = 0; i < plan.messages; i++) {
        Rpctest__Payload reply = RPCTEST__PAYLOAD__INIT;

        write_message(plan.key, 1 + i, &reply);
        WEIR_TRY(rpctest_Test_Expand_send(peer, &reply));
    }
    return end_handling(peer.call, &plan);
}

static weir_code
handle_talk(void *self, struct rpctest_Test_Talk_server peer)
{
    const Rpctest__Payload *message;
    struct plan plan;
    uint32_t count = 0;

    (void)self;
    WEIR_TRY(begin_handling(peer.call, &plan));
    while (rpctest_Test_Talk_recv(peer, &message)) {
        Rpctest__Payload reply = RPCTEST__PAYLOAD__INIT;

        check_message(plan.key, count, message);
        write_message(plan.key, 50 + count++, &reply);
        WEIR_TRY(rpctest_Test_Talk_send(peer, &reply));
        if (plan.early)
            return end_handling(peer.call, &plan);
    }
    if (weir_call_code(peer.call) != WEIR_OK)
        return weir_call_code(peer.call);
    if (count != plan.messages)
        rpc_fault("a stream ended well without all of its requests");
    return end_handling(peer.call, &plan);
}

weir_code
people_serve(weir_server *server)
{
    static const struct rpctest_Test_handlers handlers = {.Unary = handle_unary,
        .Collect = handle_collect,
        .Expand = handle_expand,
        .Talk = handle_talk};

    return rpctest_Test_add(server, &handlers, NULL);
}

/* ---- clients ---- */

/* The status, and whether all answers have come; a client may leave a stream before its end. */
struct outcome {
    weir_code code;
    bool whole, left;
};

static bool
leaves(void)
{
    return rpc_world->kind.cancels && !rpc_world->ending && chance_one(&rpc_world->chance, 40);
}

static void
ask_unary(weir_call *call, const struct plan *plan, struct outcome *outcome)
{
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *response = NULL;

    write_message(plan->key, 0, &request);
    outcome->code = rpctest_Test_Unary(call, &request, &response);
    if (response != NULL)
        check_message(plan->key, 1, response);
    outcome->whole = response != NULL;
}

static void
ask_collect(weir_call *call, const struct plan *plan, struct outcome *outcome)
{
    struct rpctest_Test_Collect_client stream = {NULL};
    const Rpctest__Payload *response = NULL;

    outcome->code = rpctest_Test_Collect(call, &stream);
    for (uint32_t i = 0; i < plan->messages && outcome->code == WEIR_OK; i++) {
        Rpctest__Payload message = RPCTEST__PAYLOAD__INIT;

        write_message(plan->key, i, &message);
        if (rpctest_Test_Collect_client_send(stream, &message) != WEIR_OK)
            break; /* the reason comes at the end */
        if ((outcome->left = leaves()))
            return;
    }
    if (outcome->code == WEIR_OK)
        outcome->code = rpctest_Test_Collect_client_finish(stream, &response);
    if (response != NULL)
        check_message(plan->key, plan->messages, response);
    outcome->whole = response != NULL;
}

static void
ask_expand(weir_call *call, const struct plan *plan, struct outcome *outcome)
{
    struct rpctest_Test_Expand_client stream = {NULL};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    const Rpctest__Payload *message;
    uint32_t count = 0;

    write_message(plan->key, 0, &request);
    outcome->code = rpctest_Test_Expand(call, &request, &stream);
    if (outcome->code != WEIR_OK)
        return;
    while (rpctest_Test_Expand_client_recv(stream, &message)) {
        check_message(plan->key, 1 + count++, message);
        if ((outcome->left = leaves()))
            return;
    }
    outcome->code = rpctest_Test_Expand_client_finish(stream);
    outcome->whole = count == plan->messages;
}

static void
ask_talk(weir_call *call, const struct plan *plan, struct outcome *outcome)
{
    struct rpctest_Test_Talk_client stream = {NULL};
    const Rpctest__Payload *message;
    uint32_t count = 0;

    outcome->code = rpctest_Test_Talk(call, &stream);
    if (outcome->code != WEIR_OK)
        return;
    while (count < plan->messages) {
        Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;

        write_message(plan->key, count, &request);
        if (rpctest_Test_Talk_client_send(stream, &request) != WEIR_OK ||
            !rpctest_Test_Talk_client_recv(stream, &message))
            break;
        check_message(plan->key, 50 + count++, message);
        if ((outcome->left = leaves()))
            return;
    }
    (void)!rpctest_Test_Talk_client_close_send(stream);
    while (rpctest_Test_Talk_client_recv(stream, &message))
        check_message(plan->key, 50 + count++, message);
    outcome->code = rpctest_Test_Talk_client_finish(stream);
    outcome->whole = count == plan->messages;
}

/* May a call end so? */
static bool
is_possible(const struct plan *plan, weir_code code, int64_t deadline, bool cancelled)
{
    const struct rpc_kind *kind = &rpc_world->kind;

    if (code == plan->code && plan->failures < most_attempts())
        return true;
    switch (code) {
    case WEIR_UNAVAILABLE:
        /* A handler whose call was reset keeps its place until it returns, so the next call may be
         * refused. */
        return plan->failures > 0 || kind->cuts || kind->poor || kind->ages || kind->cancels ||
               kind->hurried;
    case WEIR_DEADLINE_EXCEEDED:
        return deadline <= rpc_world->now;
    case WEIR_CANCELLED:
        return cancelled;
    case WEIR_RESOURCE_EXHAUSTED:
    case WEIR_INTERNAL:
        return kind->poor;
    default:
        return false;
    }
}

static void
judge(const struct plan *plan, weir_call *call, const struct outcome *outcome, bool cancelled)
{
    static char text[200];
    int64_t deadline = weir_call_deadline(call);

    rpc_note(0xe4d ^ (uint64_t)plan->key << 16 ^ (uint64_t)outcome->code << 8);
    rpc_world->result->calls++;
    if (outcome->left)
        return;
    if (outcome->code == WEIR_OK && !outcome->whole)
        rpc_fault("a call ended well without all of its answers");
    if (rpc_world->now > deadline)
        rpc_fault("a call has outlived its deadline");
    if (outcome->code == WEIR_NOT_FOUND && !rpc_world->kind.poor &&
        strcmp(weir_call_message(call), "planned") != 0)
        rpc_fault("a status without its text");
    if (is_possible(plan, outcome->code, deadline, cancelled))
        return;
    snprintf(text, sizeof(text), "a call cannot end with %s (%s)", weir_code_name(outcome->code),
        weir_call_message(call));
    rpc_fault(text);
}

/* 0: it has all the time there is. */
static int64_t
choose_timeout(void)
{
    if (rpc_world->kind.hurried && chance_below(&rpc_world->chance, 2) == 0)
        return 1 + rpc_duration(3 * WEIR_SECOND);
    return chance_below(&rpc_world->chance, 3) == 0 ? 0 : 30 * WEIR_SECOND;
}

static weir_code
prepare(struct rpc_client *client, weir_call *call, const struct plan *plan)
{
    struct rpc_world *world = rpc_world;
    int64_t timeout = choose_timeout();
    char key[16];

    if (!world->ending)
        WEIR_TRY(weir_call_sleep(call, rpc_duration(200 * WEIR_MILLISECOND)));
    if (timeout > 0)
        weir_call_set_timeout(call, timeout);
    snprintf(key, sizeof(key), "%08x", plan->key);
    WEIR_TRY(weir_call_add_header(call, "sim-key", weir_str_of(key)));
    if (world->kind.cancels && chance_one(&world->chance, 8)) {
        client->cancel_at = world->now + rpc_duration(WEIR_SECOND);
        client->call = call;
    }
    return WEIR_OK;
}

static void
make_call(struct rpc_client *client)
{
    static void (*const ask[])(weir_call *, const struct plan *, struct outcome *) = {
        ask_unary, ask_collect, ask_expand, ask_talk};
    struct plan plan = plan_of(rpc_world->next_key++);
    struct outcome outcome = {.code = WEIR_OK};
    weir_call *call = weir_call_new(client->channel, NULL);

    if (call == NULL) {
        if (!rpc_world->kind.poor)
            rpc_fault("no memory for a call");
        return;
    }
    records[plan.key % RECORDS] = (struct record){.key = plan.key};
    client->cancel_at = WEIR_NEVER;
    outcome.code = prepare(client, call, &plan);
    if (outcome.code == WEIR_OK)
        ask[mix(plan.key, 9) % 4](call, &plan, &outcome);
    client->call = NULL;
    judge(&plan, call, &outcome, client->cancel_at <= rpc_world->now);
    records[plan.key % RECORDS].key = 0;
    weir_call_free(call);
}

void
people_begin(void *client)
{
    while (!rpc_world->ending)
        make_call(client);
    rpc_world->awake--;
}
