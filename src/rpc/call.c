/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle of a call: creation, attachment to a stream, end, waiting, cancellation,
 * recycling. */
#include "rpc/call.h"

#include "rpc/deadline.h"
#include <stdlib.h>

static void
deadline_passed(struct loop_timer *timer)
{
    struct weir_call *call = container_of(timer, struct weir_call, timer);

    call->timer_running = false;
    call_end(call, WEIR_DEADLINE_EXCEEDED, "deadline exceeded");
    call_advance(call);
}

static void
dispose(struct weir_call *call)
{
    if (call->deputy != NULL && call->deputy->retire != NULL && call->deputy->retire(call))
        return;
    call_fini(call);
    call->recycle(call);
}

static void
cancel_arrived(struct loop_task *task)
{
    struct weir_call *call = container_of(task, struct weir_call, cancel_task);

    /* Atomic, so that whoever frees the call from now on sees that the task has run. */
    if ((atomic_exchange(&call->asked, 0) & CALL_FREED) != 0) {
        dispose(call);
        return;
    }
    call->cancelled = true;
    if (call->deputy != NULL && call->deputy->cancel != NULL) {
        call->deputy->cancel(call);
        return;
    }
    call_end(call, WEIR_CANCELLED, "cancelled");
    call_advance(call);
}

struct weir_call *
call_new(weir_loop *loop, bool is_server, struct call_shared *shared,
    void (*recycle)(struct weir_call *), void *owner)
{
    struct weir_call *call = malloc(sizeof(*call));

    if (call == NULL)
        return NULL;
    memset(call, 0, offsetof(struct weir_call, first_block));
    call->loop = loop;
    call->is_server = is_server;
    call->shared = shared;
    call->max_receive = shared->max_receive;
    call->max_send = shared->max_send;
    call->recycle = recycle;
    call->owner = owner;
    arena_init(&call->arena, call->first_block, sizeof(call->first_block));
    loop_timer_init(&call->timer, deadline_passed);
    loop_task_init(&call->cancel_task, cancel_arrived);
    list_init(&call->waiters);
    list_init(&call->children);
    list_init(&call->sibling);
    return call;
}

void
call_shared_fini(struct call_shared *shared)
{
    wire_gzip_fini(&shared->gzip);
    buf_fini(&shared->plain);
    buf_fini(&shared->framed);
}

void
call_delete(struct weir_call *call)
{
    buf_fini(&call->incoming);
    buf_fini(&call->sent);
    free(call);
}

void
call_stop_timer(struct weir_call *call)
{
    if (call->timer_running)
        loop_timer_stop(call->loop, &call->timer);
    call->timer_running = false;
}

void
call_fini_of_client(struct weir_call *call)
{
    h2_block_unref(call->trailers);
    buf_reset(&call->sent, CALL_KEEP_INCOMING);
}

void
call_retire(struct weir_call *call)
{
    if (call_may_go(call))
        dispose(call);
}

/* A call that has ended holds only memory, so there is no hurry. */
void
call_send_away(struct weir_call *call)
{
    if ((atomic_fetch_or(&call->asked, CALL_TASK_SENT | CALL_FREED) & CALL_TASK_SENT) != 0)
        return;
    if (atomic_load_explicit(&call->ended, memory_order_acquire))
        loop_send_unhurried(call->loop, &call->cancel_task);
    else
        loop_send(call->loop, &call->cancel_task);
}

#define POOL_MOST 512

void
call_pool_put(struct call_pool *pool, struct weir_call *call)
{
    if (pool->count >= POOL_MOST) {
        call_delete(call);
        return;
    }
    call->next_free = pool->first;
    pool->first = call;
    pool->count++;
}

void
call_pool_fini(struct call_pool *pool)
{
    struct weir_call *call;

    while ((call = call_pool_take(pool)) != NULL)
        call_delete(call);
}

void
call_attach(struct weir_call *call, struct rpc_transport *transport, struct h2_stream *stream)
{
    call->transport = transport;
    call->stream = stream;
    stream->user = call;
    if (call->is_server)
        call->attached_at = transport->read_at;
    transport->counts.streams++;
}

/* Did the server's half of the stream end regularly? */
static void
count_end(const struct weir_call *call, struct rpc_counts *counts)
{
    if (call->is_server ? call->send_closed : call->receive_closed)
        counts->streams_succeeded++;
    else
        counts->streams_failed++;
}

static inline void
forget_stream(struct weir_call *call)
{
    struct rpc_transport *transport = call->transport;

    call->transport = NULL;
    call->stream = NULL;
    rpc_transport_touch(transport);
}

void
call_detach(struct weir_call *call)
{
    struct rpc_transport *transport = call->transport;

    if (transport == NULL)
        return;
    count_end(call, &transport->counts);
    /* The client has received the whole response before it finished the request (PROTOCOL-HTTP2,
     * Responses). */
    if (!call->is_server && call->receive_closed && !call->send_closed)
        h2_stream_reset(transport->h2, call->stream, H2_NO_ERROR);
    if (transport->detached != NULL)
        transport->detached(transport, call);
    h2_stream_release(transport->h2, call->stream);
    forget_stream(call);
}

void
call_leave(struct weir_call *call)
{
    call->transport->counts.streams_succeeded++;
    forget_stream(call);
}

void
call_cancel_children(struct weir_call *call)
{
    struct list *link;

    while ((link = list_shift(&call->children)) != NULL)
        weir_call_cancel(container_of(link, struct weir_call, sibling));
}

static APART void
leave_stream(struct weir_call *call)
{
    call_stop_timer(call);
    call_detach(call);
}

void
call_end(struct weir_call *call, weir_code code, const char *message)
{
    if (call->ended)
        return;
    call_fix_status(call, code, message);
    if (!call->is_server)
        leave_stream(call);
}

struct call_waiter {
    struct list link;
    struct fiber *fiber;
};

void
call_park(struct weir_call *call)
{
    struct call_waiter waiter = {.fiber = fiber_current()};

    list_push(&call->waiters, &waiter.link);
    fiber_park();
    list_remove(&waiter.link);
}

void
call_advance(struct weir_call *call)
{
    void (*start)(struct weir_call *) = call->start;

    if (start != NULL && (call->ended || call->receive_closed)) {
        call->start = NULL;
        start(call);
        return;
    }
    list_each (link, &call->waiters)
        fiber_wake(container_of(link, struct call_waiter, link)->fiber);
}

void
call_start_timer(struct weir_call *call)
{
    if (call->deadline == WEIR_NEVER)
        return;
    if (call->deadline <= loop_now(call->loop)) {
        call_end(call, WEIR_DEADLINE_EXCEEDED, "deadline exceeded");
        return;
    }
    call->timer_running = loop_timer_start(call->loop, &call->timer, call->deadline) == WEIR_OK;
    if (!call->timer_running)
        call_end(call, WEIR_RESOURCE_EXHAUSTED, "no memory for the deadline");
}

bool
call_arm_deadline(struct weir_call *call)
{
    if (!call->ended && (!call->timer_running || call->timer.due != call->deadline))
        call_start_timer(call);
    return !call->ended;
}

/* ---- public ---- */

void
weir_call_cancel(weir_call *call)
{
    if ((atomic_fetch_or(&call->asked, CALL_TASK_SENT) & CALL_TASK_SENT) == 0)
        loop_send(call->loop, &call->cancel_task);
}

weir_code
weir_call_code(const weir_call *call)
{
    if (call->refused)
        return WEIR_RESOURCE_EXHAUSTED;
    return call->ended ? call->code : WEIR_OK;
}

const char *
weir_call_message(const weir_call *call)
{
    const char *message = call->message;

    return message == NULL ? "" : message;
}

const char *
weir_call_method(const weir_call *call)
{
    return call->path == NULL ? "" : call->path;
}

weir_method_kind
weir_call_kind(const weir_call *call)
{
    return call->method == NULL ? WEIR_UNARY : call->method->kind;
}

bool
weir_call_known(const weir_call *call)
{
    return call->method != NULL;
}

bool
weir_call_is_server(const weir_call *call)
{
    return call->is_server;
}

int64_t
weir_call_arrived(const weir_call *call)
{
    return call->is_server ? call->attached_at : 0;
}

int64_t
weir_call_deadline(const weir_call *call)
{
    return call->deadline;
}

void
weir_call_set_timeout(weir_call *call, int64_t timeout)
{
    int64_t deadline = deadline_after(weir_now(), timeout);

    if (deadline < call->deadline)
        call->deadline = deadline;
}

const char *
weir_call_peer(weir_call *call)
{
    const char *peer;

    if (call->peer == NULL && call->is_server && call->transport != NULL) {
        peer = net_conn_peer_text(call->transport->net);
        call->peer = peer == NULL ? NULL : arena_dup(&call->arena, weir_str_of(peer));
    }
    return call->peer == NULL ? "" : call->peer;
}

weir_code
weir_fail(weir_call *call, weir_code code, const char *format, ...)
{
    va_list args;

    if (call->ended && call->code != WEIR_OK) /* keep the message with which it ended */
        return code;
    va_start(args, format);
    call->message = arena_vprintf(&call->arena, format, args);
    va_end(args);
    return code;
}

void *
weir_call_alloc(weir_call *call, size_t size)
{
    return arena_zalloc(call_memory(call), size);
}

void *
weir_call_keep(weir_call *call, size_t size)
{
    return arena_zalloc(&call->arena, size);
}

char *
weir_call_printf(weir_call *call, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(call_memory(call), format, args);
    va_end(args);
    return text;
}

char *
weir_call_dup(weir_call *call, weir_str text)
{
    return arena_dup(call_memory(call), text);
}

struct sleep {
    struct weir_call *call;
    struct loop_timer timer;
    int64_t duration;
    struct fiber *fiber;
    bool over;
    weir_code code;
};

static void
sleep_over(struct loop_timer *timer)
{
    struct sleep *nap = container_of(timer, struct sleep, timer);

    nap->over = true;
    fiber_wake(nap->fiber);
}

static void
sleep_on_fiber(void *arg)
{
    struct sleep *nap = arg;
    struct weir_call *call = nap->call;
    int64_t due = deadline_after(loop_now(call->loop), nap->duration);

    nap->fiber = fiber_current();
    loop_timer_init(&nap->timer, sleep_over);
    nap->code = loop_timer_start(call->loop, &nap->timer, due);
    if (nap->code != WEIR_OK)
        return;
    while (!nap->over && !call->ended)
        call_park(call);
    loop_timer_stop(call->loop, &nap->timer);
    nap->code = weir_call_code(call);
}

weir_code
weir_call_sleep(weir_call *call, int64_t duration)
{
    struct sleep nap = {.call = call, .duration = duration};

    WEIR_TRY(fiber_run_on(call->loop, sleep_on_fiber, &nap));
    return nap.code;
}
