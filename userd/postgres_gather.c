/* SPDX-License-Identifier: Apache-2.0 */
/* A statement costs about the same for one user as for many: the round trip, the plan, the commit.
 * So calls that arrive while a statement is in progress queue for the next one:
 *
 *     call -> queue -> one leads: borrows a connection, sends one statement for all queued calls
 *                   -> the others ride: they wait for their events
 *          the leader drives: waits for the response, distributes it, appoints the next leader
 *
 * Calls never wait for a batch to fill: if no statement is in progress, a call leads at once. If
 * many are queued, or there was no progress for a while, several statements run at the same time. A
 * driver whose call ends passes its role on; a statement that nobody waits for is cancelled. */
#include "userd/postgres_gather.h"

#include <stdlib.h>

/* Minimum number of queued calls for which another statement runs at the same time. */
#define QUEUED_FOR_MORE 32

/* Maximum number of concurrent statements; the pool serves others, too. */
#define RUNNING_MAX 4

/* After this time without progress another statement may run at the same time. */
#define STALL (50 * WEIR_MILLISECOND)

static void
gather_init(struct postgres_gather *gather, const struct postgres_gather_kind *kind,
    struct postgres_pool *pool)
{
    *gather = (struct postgres_gather){.kind = kind, .pool = pool};
    gather->last = &gather->first;
    pthread_mutex_init(&gather->lock, NULL);
}

static void
gather_fini(struct postgres_gather *gather)
{
    while (gather->spares > 0)
        weir_event_unref(gather->spare[--gather->spares]);
    pthread_mutex_destroy(&gather->lock);
}

/* ---- batches ---- */

static void
batch_unref(struct postgres_batch *batch)
{
    if (atomic_fetch_sub(&batch->holders, 1) != 1)
        return;
    PQclear(batch->result);
    postgres_entries_fini(&batch->set);
    free(batch);
}

const PGresult *
postgres_member_result(const struct postgres_member *member)
{
    return member->batch->result;
}

void
postgres_member_end(struct postgres_member *member)
{
    if (member->batch != NULL)
        batch_unref(member->batch);
    member->batch = NULL;
}

bool
postgres_is_refusal(weir_code code)
{
    return code == WEIR_ABORTED || code == WEIR_INTERNAL || code == WEIR_OUT_OF_RANGE ||
           code == WEIR_ALREADY_EXISTS;
}

/* ---- the queue; the caller holds the lock in all of the following ---- */

static void
enqueue(struct postgres_gather *gather, struct postgres_member *member)
{
    member->state = POSTGRES_QUEUED;
    member->next = NULL;
    *gather->last = member;
    gather->last = &member->next;
    gather->queued++;
}

static void
unlink_member(struct postgres_gather *gather, struct postgres_member *member)
{
    struct postgres_member **link = &gather->first;

    while (*link != member)
        link = &(*link)->next;
    *link = member->next;
    if (*link == NULL)
        gather->last = link;
    gather->queued--;
}

static bool
may_lead(const struct postgres_gather *gather)
{
    if (gather->running == 0)
        return true;
    return gather->running < RUNNING_MAX &&
           (gather->queued >= QUEUED_FOR_MORE || weir_now() - gather->progress >= STALL);
}

static void
appoint(struct postgres_gather *gather, struct postgres_member *member)
{
    member->state = POSTGRES_LEADS;
    gather->running++;
    gather->progress = weir_now();
}

/* A statement has ended or could not be sent: appoint the leader of the next one. */
static void
end_statement(struct postgres_gather *gather)
{
    struct postgres_member *member = gather->first;

    gather->running--;
    gather->progress = weir_now();
    while (member != NULL && member->state != POSTGRES_QUEUED)
        member = member->next;
    if (member == NULL || !may_lead(gather))
        return;
    appoint(gather, member);
    weir_event_set(member->turn);
}

static void
finish(struct postgres_member *member, weir_code code, const struct store_cause *cause)
{
    member->state = POSTGRES_DONE;
    member->code = code;
    if (cause != NULL)
        *member->cause = *cause;
    weir_event_set(member->turn);
}

/* If the database is away, queued calls fail at once. */
static void
fail_queue(struct postgres_gather *gather, weir_code code, const struct store_cause *cause)
{
    struct postgres_member **link = &gather->first;

    while (*link != NULL) {
        struct postgres_member *member = *link;

        if (member->state == POSTGRES_LEADS) { /* it borrows a connection itself */
            link = &member->next;
            continue;
        }
        *link = member->next;
        gather->queued--;
        finish(member, code, cause);
    }
    gather->last = link;
}

/* ---- a statement ---- */

static void
board(struct postgres_batch *batch, struct postgres_member *member)
{
    unlink_member(batch->gather, member);
    member->state = POSTGRES_RIDES;
    member->batch = batch;
    batch->members[batch->count++] = member;
}

/* The leader and the queued members; NULL: no memory. */
static struct postgres_batch *
batch_new(struct postgres_gather *gather, struct postgres_member *leader,
    struct postgres_connection *connection)
{
    struct postgres_batch *batch = calloc(1, sizeof(*batch));
    struct postgres_member *next;

    if (batch == NULL)
        return NULL;
    batch->gather = gather;
    batch->connection = connection;
    atomic_init(&batch->holders, 1);
    board(batch, leader);
    for (struct postgres_member *member = gather->first;
         member != NULL && batch->count < POSTGRES_GATHERED; member = next) {
        next = member->next;
        if (member->state == POSTGRES_QUEUED)
            board(batch, member);
    }
    return batch;
}

/* The longest timeout of the members; 0, none, counts as the longest. */
static int64_t
longest_timeout(const struct postgres_batch *batch)
{
    int64_t longest = batch->members[0]->timeout;

    for (size_t i = 1; i < batch->count; i++) {
        int64_t timeout = batch->members[i]->timeout;
        if (longest != 0 && (timeout == 0 || timeout > longest))
            longest = timeout;
    }
    return longest;
}

static void
complete(struct postgres_batch *batch, const struct postgres_answer *answer)
{
    struct postgres_gather *gather = batch->gather;

    postgres_give_back(gather->pool, batch->connection);
    batch->result = answer->result;
    if (answer->code == WEIR_OK)
        gather->kind->hand_out(batch);
    for (size_t i = 0; i < batch->count; i++) {
        struct postgres_member *member = batch->members[i];
        if (member == NULL)
            continue;
        atomic_fetch_add(&batch->holders, 1);
        finish(member, answer->code, answer->code == WEIR_OK ? NULL : &answer->cause);
    }
    batch_unref(batch);
    end_statement(gather);
}

/* Nothing was sent, or it is unknown how much was. */
static void
fail_to_send(struct postgres_batch *batch)
{
    struct postgres_answer answer = {.code = WEIR_RESOURCE_EXHAUSTED};

    if (batch->connection->broken) {
        answer.code = WEIR_UNAVAILABLE;
        postgres_cause(batch->connection->pg, &answer.cause);
    }
    complete(batch, &answer);
}

/* ---- the steps of a member ---- */

static void
send_batch(struct postgres_gather *gather, struct postgres_member *leader,
    struct postgres_connection *connection)
{
    struct postgres_batch *batch = batch_new(gather, leader, connection);

    if (batch == NULL) {
        postgres_give_back(gather->pool, connection);
        unlink_member(gather, leader);
        finish(leader, WEIR_RESOURCE_EXHAUSTED, NULL);
        end_statement(gather);
        return;
    }
    gather->progress = weir_now();
    gather->statements++;
    leader->state = POSTGRES_DRIVES;
    if (!gather->kind->send(batch, longest_timeout(batch)))
        fail_to_send(batch);
}

/* Releases the lock while it waits, like the following functions. */
static weir_code
lead(struct postgres_gather *gather, weir_call *call, struct postgres_member *member)
{
    struct postgres_connection *connection;
    struct store_cause cause = {""};
    weir_code code;

    pthread_mutex_unlock(&gather->lock);
    code = postgres_borrow(gather->pool, call, &connection, &cause);
    pthread_mutex_lock(&gather->lock);
    if (code == WEIR_OK) {
        send_batch(gather, member, connection);
        return WEIR_OK;
    }
    if (call != NULL && weir_call_code(call) != WEIR_OK)
        return code;
    unlink_member(gather, member);
    finish(member, code, &cause);
    fail_queue(gather, code, &cause);
    end_statement(gather);
    return WEIR_OK;
}

static weir_code
drive(struct postgres_gather *gather, weir_call *call, struct postgres_batch *batch)
{
    struct postgres_answer answer;
    weir_code code;

    pthread_mutex_unlock(&gather->lock);
    code = postgres_receive(batch->connection, call, &answer);
    pthread_mutex_lock(&gather->lock);
    if (code == WEIR_OK)
        complete(batch, &answer);
    return code;
}

static weir_code
await_turn(struct postgres_gather *gather, weir_call *call, struct postgres_member *member)
{
    weir_code code;

    pthread_mutex_unlock(&gather->lock);
    code = weir_event_wait_until(member->turn, call, weir_now() + STALL);
    pthread_mutex_lock(&gather->lock);
    weir_event_clear(member->turn);
    if (code != WEIR_DEADLINE_EXCEEDED || (call != NULL && weir_call_code(call) != WEIR_OK))
        return code;
    if (member->state == POSTGRES_QUEUED && may_lead(gather))
        appoint(gather, member);
    return WEIR_OK;
}

static weir_code
take_step(struct postgres_gather *gather, weir_call *call, struct postgres_member *member)
{
    switch (member->state) {
    case POSTGRES_LEADS:
        return lead(gather, call, member);
    case POSTGRES_DRIVES:
        return drive(gather, call, member->batch);
    default:
        return await_turn(gather, call, member);
    }
}

/* ---- leaving early ---- */

/* Returns another member; NULL: all have left. */
static struct postgres_member *
get_off(struct postgres_batch *batch, const struct postgres_member *member)
{
    struct postgres_member *other = NULL;

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->members[i] == member)
            batch->members[i] = NULL;
        else if (batch->members[i] != NULL)
            other = batch->members[i];
    }
    return other;
}

/* The statement is in progress, so the pool cancels it and closes the connection. */
static void
abandon(struct postgres_batch *batch)
{
    struct postgres_gather *gather = batch->gather;

    postgres_give_back(gather->pool, batch->connection);
    batch_unref(batch);
    end_statement(gather);
}

static void
hand_over(struct postgres_batch *batch, const struct postgres_member *driver)
{
    struct postgres_member *other = get_off(batch, driver);

    if (other == NULL) {
        abandon(batch);
        return;
    }
    other->state = POSTGRES_DRIVES;
    weir_event_set(other->turn);
}

static void
leave(struct postgres_gather *gather, struct postgres_member *member)
{
    switch (member->state) {
    case POSTGRES_QUEUED:
        unlink_member(gather, member);
        break;
    case POSTGRES_LEADS:
        unlink_member(gather, member);
        end_statement(gather);
        break;
    case POSTGRES_RIDES:
        (void)get_off(member->batch, member);
        break;
    case POSTGRES_DRIVES:
        hand_over(member->batch, member);
        break;
    case POSTGRES_DONE:
        break;
    }
    member->batch = NULL;
}

/* ---- taking part ---- */

static weir_event *
event_take(struct postgres_gather *gather)
{
    if (gather->spares > 0)
        return gather->spare[--gather->spares];
    return weir_event_new();
}

static void
event_keep(struct postgres_gather *gather, weir_event *event)
{
    if (gather->spares == POSTGRES_GATHERED) {
        weir_event_unref(event);
        return;
    }
    weir_event_clear(event);
    gather->spare[gather->spares++] = event;
}

static weir_code
run(struct postgres_gather *gather, weir_call *call, struct postgres_member *member)
{
    weir_code code = WEIR_OK;

    enqueue(gather, member);
    if (may_lead(gather))
        appoint(gather, member);
    while (code == WEIR_OK && member->state != POSTGRES_DONE)
        code = take_step(gather, call, member);
    if (member->state == POSTGRES_DONE)
        return member->code;
    leave(gather, member);
    return code;
}

/* ---- one gather per loop ---- */

void
postgres_gathers_init(struct postgres_gathers *gathers, const struct postgres_gather_kind *kind,
    struct postgres_pool *pool)
{
    for (size_t i = 0; i < POSTGRES_GATHERS; i++)
        gather_init(&gathers->items[i], kind, pool);
}

void
postgres_gathers_fini(struct postgres_gathers *gathers)
{
    for (size_t i = 0; i < POSTGRES_GATHERS; i++)
        gather_fini(&gathers->items[i]);
}

/* Selects by the address of a thread-local variable; it does no harm if two threads share a gather.
 */
static struct postgres_gather *
mine(struct postgres_gathers *gathers)
{
    uint64_t hash = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15);

    return &gathers->items[hash >> 32 & (POSTGRES_GATHERS - 1)];
}

weir_code
postgres_gather_run(
    struct postgres_gathers *gathers, weir_call *call, struct postgres_member *member)
{
    struct postgres_gather *gather = mine(gathers);
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    member->batch = NULL;
    member->row = -1;
    member->rows = 0;
    member->timeout = postgres_timeout(call);
    pthread_mutex_lock(&gather->lock);
    member->turn = event_take(gather);
    if (member->turn != NULL) {
        code = run(gather, call, member);
        event_keep(gather, member->turn);
    }
    pthread_mutex_unlock(&gather->lock);
    if (code != WEIR_OK)
        postgres_member_end(member);
    return code;
}
