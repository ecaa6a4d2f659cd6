/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a call, shared by server and client. */
/* Threads: a call belongs to its loop's thread; others touch only what is atomic. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/hint.h"
#include "fiber/fiber.h"
#include "rpc/transport.h"
#include "wire/wire.h"
#include <stdatomic.h>
#include <weir/interceptor.h>
#include <weir/service.h>

/* Bytes of arena inside the call itself. */
#define CALL_FIRST_BLOCK 768

/* An incoming buffer up to this size is kept when its call is recycled. */
#define CALL_KEEP_INCOMING 4096

/* A buffer of call_shared up to this size is kept. */
#define CALL_KEEP_BUFFER ((size_t)64 * 1024)

/* A peer that lets less than so much of a message come is not getting on. */
#define CALL_PROGRESS ((uint32_t)16 * 1024)

/* Bytes of status text inside the call itself. */
#define CALL_TEXT_BLOCK 128

/* Metadata that the user has added, to be sent. */
struct call_fields {
    struct h2_field *list; /* in the arena */
    size_t count, cap;
};

/* What the prefix of a message can say, and the default limit. */
#define CALL_MAX_SEND ((size_t)UINT32_MAX - WIRE_PREFIX_SIZE)

/* What the calls of one loop of a server, or of a channel, have in common. */
struct call_shared {
    size_t max_receive, max_send;
    _Atomic uint64_t
        *too_large; /* counts messages over max_receive, of calls of any loop; may be NULL */
    struct h2_budget *budget;     /* server: of what its calls hold; NULL: no limit */
    weir_compression compression; /* unless a call chooses */
    struct wire_gzip gzip;
    /* For bytes on their way through gzip; empty, and small, whenever a fiber may park. */
    struct buf plain, framed;
    /* Server: the calls that wait to inflate a message, and the turn in which one last began to. */
    struct list inflaters;
    int64_t inflated_at;
};

void call_shared_fini(struct call_shared *shared);

/* Client: what does some things in a call's place, while the call may still change its stream or
 * has interceptors around it. A function that is NULL leaves it to the call. On the loop's thread.
 */
struct call_deputy {
    /* Suspend. The results are those of the verbs; a message lives until the next receive. */
    weir_code (*send)(struct weir_call *call, const ProtobufCMessage *message);
    weir_code (*receive)(struct weir_call *call, ProtobufCMessage **out_message);
    weir_code (*receive_headers)(struct weir_call *call);
    bool (*receivable)(struct weir_call *call); /* see call_receivable */
    void (*cancel)(struct weir_call *call);
    /* The server has never seen the stream. True: the call gets another one. */
    bool (*unseen)(struct weir_call *call);
    /* The user has freed the call. True: something still runs; call_retire comes again after it. */
    bool (*retire)(struct weir_call *call);
};

struct client_session;
struct client_policy;

/* What other threads ask of a call. */
enum {
    CALL_TASK_SENT = 0x1, /* cancel_task is on its way and will look at the call */
    CALL_FREED = 0x2      /* that will be its last look */
};

/* While the one who made a client's call is in none of its verbs, events of the loop go on: of what
 * he may look at or use meanwhile they touch only what is atomic, and put texts into `texts`.
 *
 * What every call starts from zero with comes first and together, so that a call that waits for its
 * request among hundreds touches few cache lines. What follows stays as it is from one use of the
 * object to the next: a call that has ended leaves its lists empty and its timer stopped. */
struct weir_call {
    struct rpc_transport *transport; /* NULL before a stream is there, and after it was released */
    struct h2_stream *stream;
    /* Server: framed messages that lie where they were read, as long as no fiber parks; NULL: they
     * are in `incoming`. See call_keep_lent. */
    const uint8_t *lent;
    size_t lent_len;
    const struct weir_method *method; /* NULL: unknown */
    const char *path;
    void *entry;                      /* server: the server_entry of its method, NULL: unknown */
    const struct call_deputy *deputy; /* NULL: none */
    struct weir_credentials *credentials; /* client; NULL: none */
    char *token;                          /* of theirs, in the arena; NULL: not yet */
    const struct client_policy *policy;   /* client: see client/config.h; NULL: none */
    struct client_session *session;       /* client: see client/session.h; NULL: none */
    /* Server, until the handler runs: begins it, or drops a call that ended before. May free the
     * call. */
    void (*start)(struct weir_call *call);
    /* NULL before they come. Server: the request's headers; client: the response's, its trailers.
     */
    struct h2_block *_Atomic headers, *_Atomic trailers;
    const char *_Atomic message;               /* NULL: none yet. In an arena or static */
    const char *_Atomic peer;                  /* formatted on demand */
    const struct weir_peer_identity *identity; /* in the arena, on demand */
    struct call_value *values;                 /* what interceptors have left, newest first */
    struct call_watch *watches;                /* who sees messages, in their order */
    struct call_alarm *alarms;                 /* who looks at it, see alarm.c */
    struct call_detail *details;               /* server: of the status to come, in their order */
    weir_str status_bytes; /* client: grpc-status-details-bin, once it was asked for */
    weir_str get_path;     /* client: the message is in it, data NULL: it is not a GET */
    struct call_fields out_headers, out_trailers;
    int64_t waits_since; /* a message, for room for CALL_PROGRESS bytes of it; 0: none does */
    int64_t comes_since; /* server: a message that has begun, for CALL_PROGRESS bytes more of it, or
                            its end; 0: none does */
    uint32_t waits_left, comes_left; /* of them */
    weir_code code;
    unsigned previous_attempts; /* client: at the same call */
    atomic_bool ended;          /* code and message are final; read by plain threads as well */
    bool headers_sent;
    bool send_closed;    /* our END_STREAM is out */
    bool torn;           /* a message is out in part, and the rest will not follow */
    bool receive_closed; /* the peer's END_STREAM is in */
    bool unprocessed;    /* the server says that it never saw it */
    bool wait_for_ready; /* client: for a connection, rather than fail */
    bool wait_chosen;    /* client: it was asked for, or asked against */
    bool cacheable;      /* client: by GET where that can be */
    bool sent_again;     /* it has got another stream for that reason */
    bool cancelled;      /* on this side, even if it had ended before */
    bool counted;        /* client: among its channel's calls */
    bool is_loops;       /* client: a fiber of its loop has made it */
    atomic_bool refused; /* a verb that tells no code could not run */
    bool timer_running;
    bool gzip_in;             /* the peer's grpc-encoding */
    bool gzip_told;           /* ours, in the headers */
    bool gzip_out;            /* messages are sent so */
    atomic_bool gzip_refused; /* the server has said that it does not take it */
    bool compressed;          /* so the last one came */
    bool let_in;              /* more than the window of its stream, for a large message */
    bool has_scratch;         /* the arena below is there */

    /* From here on nothing is zeroed. */
    int64_t deadline;
    int64_t attached_at;  /* server: when the read began that brought its stream; client: where
                             calls are counted at their servers */
    const char **refusal; /* server: where weir_call_receive_each is told why; NULL: what is refused
                             ends the call */
    struct buf incoming;  /* framed messages that were not received yet */
    size_t held;          /* what counts against shared->budget: its memory, and `inflated` */
    size_t inflated;      /* bytes of the message at hand, which came as fewer */
    struct buf sent;      /* client: framed messages that another stream may need, see session.h */
    struct arena arena;   /* lives as long as the call */
    struct arena texts;   /* so does this: see call_texts */
    struct arena scratch; /* streams: lives until the next receive */
    weir_loop *loop;
    struct call_shared *shared;
    size_t max_receive, max_send; /* bytes of a message: those of shared, or less */
    bool is_server;
    struct loop_timer timer;
    struct list waiters;  /* fibers parked in this call */
    struct list children; /* calls made inside this one's handler */
    struct list sibling;
    struct loop_task cancel_task;
    atomic_uint asked; /* CALL_TASK_SENT, CALL_FREED */
    void (*recycle)(struct weir_call *call);
    void *owner; /* server: the server_loop; client: the channel */
    struct weir_call *next_free;
    char text_block[CALL_TEXT_BLOCK];
    char first_block[CALL_FIRST_BLOCK];
};

/* A new object, for many calls one after the other. `recycle` gets it back from call_retire. NULL:
 * no memory. */
struct weir_call *call_new(weir_loop *loop, bool is_server, struct call_shared *shared,
    void (*recycle)(struct weir_call *), void *owner);
void call_delete(struct weir_call *call);

#define CALL_ZEROED offsetof(struct weir_call, deadline)
#define CALL_LINE ((size_t)64)
_Static_assert(CALL_ZEROED <= 5 * CALL_LINE, "as call_init clears it");

static inline void
call_clear_line(struct weir_call *call, size_t number)
{
    size_t from = number * CALL_LINE;

    if (from < CALL_ZEROED) /* of 32 bits there are fewer */
        memset((char *)call + from, 0,
            from + CALL_LINE < CALL_ZEROED ? CALL_LINE : CALL_ZEROED - from);
}

/* Make a new or recycled object ready for a call. Line by line compilers make plain stores of it;
 * the one instruction that they use for all of it takes longer to begin than these to end. */
static inline void
call_init(struct weir_call *call)
{
    call_clear_line(call, 0);
    call_clear_line(call, 1);
    call_clear_line(call, 2);
    call_clear_line(call, 3);
    call_clear_line(call, 4);
    call->deadline = WEIR_NEVER;
}

/* May the call go? If not, a cancellation is under way, and the call is retired when that has
 * passed. */
static inline bool
call_may_go(struct weir_call *call)
{
    if (atomic_load_explicit(&call->asked, memory_order_acquire) == 0)
        return true;
    atomic_fetch_or(&call->asked, CALL_FREED);
    return false;
}

/* call_fini and recycle, once it may go and the deputy lets go. */
void call_retire(struct weir_call *call);

/* call_retire from any thread. */
void call_send_away(struct weir_call *call);

/* Objects that wait for their next call; what a burst leaves over goes back. */
struct call_pool {
    struct weir_call *first;
    size_t count;
};

/* NULL: there is none. */
static inline struct weir_call *
call_pool_take(struct call_pool *pool)
{
    struct weir_call *call = pool->first;

    if (call != NULL) {
        pool->first = call->next_free;
        pool->count--;
    }
    return call;
}

void call_pool_put(struct call_pool *pool, struct weir_call *call);
void call_pool_fini(struct call_pool *pool);

/* Tie a call to its stream. */
void call_attach(struct weir_call *call, struct rpc_transport *transport, struct h2_stream *stream);

/* Give the stream back (which resets what is still open of it). */
APART void call_detach(struct weir_call *call);

/* Server: the stream was given back with the status. */
void call_leave(struct weir_call *call);

/* A call made inside another one's handler ends with it. */
APART void call_cancel_children(struct weir_call *call);

/* The first half of call_end, which for a server's call is all: of one that has not ended. */
static inline void
call_fix_status(struct weir_call *call, weir_code code, const char *message)
{
    call->code = code;
    if (message != NULL)
        atomic_store_explicit(&call->message, message, memory_order_release);
    atomic_store_explicit(&call->ended, true, memory_order_release);
    if (!list_empty(&call->children))
        call_cancel_children(call);
}

/* Fix the status; the first one counts. message: in the arena or static. call_advance must follow.
 */
void call_end(struct weir_call *call, weir_code code, const char *message);

/* Wake who is parked; start, or drop, a handler that has not begun. The call may be gone after
 * this. */
void call_advance(struct weir_call *call);

/* Arm the timer for call->deadline; ends the call when that has passed. call_advance must follow.
 */
void call_start_timer(struct weir_call *call);

/* The same, unless it is armed for that already. False: the call has ended. */
bool call_arm_deadline(struct weir_call *call);

/* FAILED_PRECONDITION, with a text: no call of a known method is under way in this object. */
COLD weir_code call_refuse_unbegun(struct weir_call *call);

static inline WEIR_CHECK weir_code
call_check_begun(struct weir_call *call)
{
    return call->method != NULL ? WEIR_OK : call_refuse_unbegun(call);
}

/* Forget the stream's last message and what the user allocated with it. */
void call_renew_scratch(struct weir_call *call);

/* Park this fiber until something happens to the call; the caller checks what. Suspends. */
void call_park(struct weir_call *call);

/* The arena of what the user allocates: see weir_call_alloc. */
static inline struct arena *
call_memory(struct weir_call *call)
{
    return call->has_scratch ? &call->scratch : &call->arena;
}

/* Where an event's text goes: `arena` may be in use by another thread at that time. */
static inline struct arena *
call_texts(struct weir_call *call)
{
    if (call->texts.first == NULL)
        arena_init(&call->texts, call->text_block, sizeof(call->text_block));
    return &call->texts;
}

/* Does the peer send exactly one message? */
static inline bool
call_peer_sends_one(const struct weir_call *call)
{
    weir_method_kind kind = call->method == NULL ? WEIR_UNARY : call->method->kind;

    return kind == WEIR_UNARY ||
           kind == (call->is_server ? WEIR_SERVER_STREAM : WEIR_CLIENT_STREAM);
}

/* ---- what the transport tells ---- */

void call_on_headers(struct weir_call *call, struct h2_block *block, bool end_stream);
void call_on_data(struct weir_call *call, const uint8_t *data, size_t len, bool end_stream);
void call_on_trailers(struct weir_call *call, struct h2_block *block);
void call_on_reset(struct weir_call *call, const struct h2_event *event);
void call_on_lost(struct weir_call *call, const char *why);

/* ---- headers and status ---- */

/* Fields of call_fields for a user's key and value. */
weir_code call_fields_add(
    struct weir_call *call, struct call_fields *fields, const char *key, weir_str value);

/* Server: send the response headers if they are not out yet. */
WEIR_CHECK weir_code call_send_response_headers(struct weir_call *call);

/* Server: the same together with the first `len` bytes of content, which the caller writes at once,
 * where both are small and there is room for them. NULL: neither was sent. */
uint8_t *call_send_opening(struct weir_call *call, size_t len);

/* Server: end the stream with this status: trailers, or Trailers-Only when no header is out. */
void call_send_status(struct weir_call *call, weir_code code, const char *message);

/* ---- compression, compression.c ---- */

/* Compress from here on, if the peer takes it. False: the headers are out without having said so.
 */
bool call_use_gzip(struct weir_call *call);

/* Begin with what the server, or the channel, was told. */
static inline void
call_begin_compression(struct weir_call *call)
{
    if (call->shared->compression != WEIR_IDENTITY)
        call_use_gzip(call);
}

/* Client: the response's headers say what the server takes. */
void call_heed_accepted(struct weir_call *call, const struct h2_block *block);

/* The framed and deflated message, in shared->framed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code call_deflate(
    struct weir_call *call, const ProtobufCMessage *message, size_t len);

/* Give back a buffer of shared that was used. */
void call_return_buffer(struct buf *shared, struct buf *used);

/* ---- details of the status, details.c ---- */

/* Server: the value of grpc-status-details-bin. data NULL: no memory. */
weir_str call_pack_details(struct weir_call *call, weir_code code, const char *message);

/* ---- values and watchers, values.c ---- */

/* A call made inside another one's handler begins with its values. False: no memory. */
bool call_inherit_values(struct weir_call *call, const struct weir_call *parent);

/* The watcher that was added last, NULL without any; forget those that were added after it. */
struct call_watch *call_last_watch(const struct weir_call *call);
void call_drop_watches(struct weir_call *call, struct call_watch *last);

/* Show a message to those who watch. Not OK: the call ends with it. */
weir_code call_show_sending(struct weir_call *call, const ProtobufCMessage *message);
weir_code call_show_received(struct weir_call *call, const ProtobufCMessage *message);

/* ---- alarms, alarm.c ---- */

/* None of them looks any more. */
APART void call_stop_alarms(struct weir_call *call);

/* The call's connection drains: set the events that want to know. */
void call_tell_drain(struct weir_call *call);

/* Are there such events? */
bool call_hears_drain(const struct weir_call *call);

/* ---- what a call holds, to be released ---- */

/* What few calls have, and what only a client's has. */
APART void call_stop_timer(struct weir_call *call);
APART void call_fini_of_client(struct weir_call *call);

/* It holds nothing of the budget, or nothing for what was inflated. */
void call_hold_none(struct weir_call *call);
void call_hold_no_inflated(struct weir_call *call);

/* Release what the call holds; the incoming buffer's memory stays with the object when it is small.
 */
static inline void
call_fini(struct weir_call *call)
{
    if (call->timer_running)
        call_stop_timer(call);
    if (call->alarms != NULL)
        call_stop_alarms(call);
    if (call->transport != NULL)
        call_detach(call);
    h2_block_unref(call->headers);
    if (call->has_scratch)
        arena_fini(&call->scratch);
    arena_reset(&call->arena);
    if (call->texts.first != NULL)
        arena_reset(&call->texts);
    buf_reset(&call->incoming, CALL_KEEP_INCOMING);
    if (call->held > 0)
        call_hold_none(call);
    if (!call->is_server)
        call_fini_of_client(call);
}

/* ---- messages ---- */

/* Send one message, behind the response headers if they are not out yet; with END_STREAM after it
 * when `last`, which a server never says. Suspends. */
weir_code call_send_message(struct weir_call *call, const ProtobufCMessage *message, bool last);

/* The same of a message that who watches has seen. Suspends. */
weir_code call_send_shown(struct weir_call *call, const ProtobufCMessage *message, bool last);

/* Append one message as it would be sent. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code call_frame(
    struct weir_call *call, const ProtobufCMessage *message, size_t len, struct buf *out_framed);

/* The code of a send on a call that has ended: a call that its server has ended with OK takes no
 * more messages either. */
weir_code call_closed_for_sending(struct weir_call *call);

/* A client's message was sent, or not for this reason: then the call ends, lest the server take
 * what it has got for the whole. FAILED_PRECONDITION is the caller's mistake, and changes nothing.
 */
void call_must_be_whole(struct weir_call *call, weir_code code);

/* Take the next message out of incoming. OK with *out_message NULL: the peer has finished, or
 * call->refusal says why the message that was taken is none. Suspends while there is neither. */
weir_code call_take_message(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message);

/* Server: the request's one message, and nothing behind it; as weir_call_receive_one. Suspends. */
weir_code call_take_only(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message);

/* Content up to this size may be lent; in what is larger, parts can stay where they came in. */
#define CALL_LENT_MOST 4096

/* Copy what is lent: the memory that it lies in is about to be used for something else. NULL, or
 * why not, RESOURCE_EXHAUSTED; then nothing of it is to be read. */
WEIR_CHECK const char *call_keep_lent(struct weir_call *call);

/* Would call_take_message return without waiting? If not, lets the rest of the message come. */
bool call_receivable(struct weir_call *call);

/* Client: throw away what comes until the call has ended. Suspends. */
void call_drop_messages(struct weir_call *call);

/* What came cannot be taken: forget it, and record why. A client's call that its server has ended
 * with OK meanwhile has that code instead; one that is alive is the caller's to end. Returns the
 * code. */
weir_code call_refuse(struct weir_call *call, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* The same of a call that takes one message, behind which there is more. */
COLD weir_code call_refuse_second(struct weir_call *call);

/* Of the one message of a call that sends only one: is it over the limit, misframed, or followed by
 * another? OK, with how many bytes are missing of it, or the status for it, with *out_why static.
 */
WEIR_CHECK weir_code call_check_single(
    const struct weir_call *call, size_t *out_missing, const char **out_why);

/* Have room for the rest of a message, and let the peer send it, and so many bytes more. False:
 * with what is unread already that would be too much, RESOURCE_EXHAUSTED. */
WEIR_CHECK bool call_expect(struct weir_call *call, size_t missing, size_t beyond);
extern const char call_too_much_unread[];

/* Count the memory of incoming, once there is more than a little of it, as held by this call until
 * its end. False: with what others hold that is too much, RESOURCE_EXHAUSTED. */
WEIR_CHECK bool call_hold_more(struct weir_call *call);

/* Wait for this turn of the loop, or one to come, to have time for inflating a message. Not OK: the
 * call has ended, or there is no memory to wait with. Suspends. */
COLD WEIR_CHECK weir_code call_await_inflating(struct weir_call *call);

/* For those who look whether the rest of a message comes: it has begun, and this much more of it.
 */
void call_note_part(struct weir_call *call);
static inline void
call_note_progress(struct weir_call *call, size_t len)
{
    if (len >= call->comes_left)
        call->comes_since = 0;
    else
        call->comes_left -= (uint32_t)len;
}

/* Is it the peer alone who keeps the rest of a message from coming? */
bool call_awaits_rest(const struct weir_call *call);

/* Add bytes to incoming. NULL, or why not, RESOURCE_EXHAUSTED. */
static inline const char *
call_take_in(struct weir_call *call, const uint8_t *data, size_t len)
{
    if (!buf_append(&call->incoming, data, len))
        return "no memory for the message";
    return call->incoming.cap <= CALL_KEEP_INCOMING || call_hold_more(call) ? NULL
                                                                            : call_too_much_unread;
}

/* The same of a message that was inflated to so many bytes, until the next one is waited for. */
WEIR_CHECK bool call_hold_inflated(struct weir_call *call, size_t len);

/* What shows that there is a second message where only one may be. */
#define CALL_BEYOND_SINGLE (WIRE_PREFIX_SIZE + 1)

/* Client, behind the request's headers: after a large answer let the next one come without waiting
 * for its beginning. */
void call_foresee(struct weir_call *call);
