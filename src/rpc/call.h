/* SPDX-License-Identifier: Apache-2.0 */
/* The internals of a call, shared by server and client. */
/* Threads: a call belongs to its loop's thread; others access only its atomic fields. */
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

/* Bytes of the arena's first block, which is part of the call object. */
#define CALL_FIRST_BLOCK 768

/* An incoming buffer of at most this size is kept when its call is recycled. */
#define CALL_KEEP_INCOMING 4096

/* A buffer of call_shared of at most this size is kept. */
#define CALL_KEEP_BUFFER ((size_t)64 * 1024)

/* Bytes of a message that a peer must send or accept within a time limit to count as making
 * progress. */
#define CALL_PROGRESS ((uint32_t)16 * 1024)

/* Bytes for status texts, part of the call object. */
#define CALL_TEXT_BLOCK 128

/* Metadata added by the user, to be sent. */
struct call_fields {
    struct h2_field *list; /* in the arena */
    size_t count, cap;
};

/* The largest size that a message's prefix can express; also the default limit. */
#define CALL_MAX_SEND ((size_t)UINT32_MAX - WIRE_PREFIX_SIZE)

/* State shared by the calls of one loop of a server, or of a channel. */
struct call_shared {
    size_t max_receive, max_send;
    _Atomic uint64_t
        *too_large; /* counts messages over max_receive, for the calls of all loops; may be NULL */
    struct h2_budget *budget;     /* server: for memory that its calls hold; NULL: no limit */
    weir_compression compression; /* of calls that do not set their own */
    struct wire_gzip gzip;
    /* Scratch buffers for gzip; empty and small whenever a fiber may park. */
    struct buf plain, framed;
    /* Server: the calls waiting to inflate a message, and the turn in which one last started to. */
    struct list inflaters;
    int64_t inflated_at;
};

void call_shared_fini(struct call_shared *shared);

/* Client: replaces some operations of a call while it may still change its stream or has
 * interceptors around it. Where a function is NULL, the call's own operation is used. On the loop's
 * thread. */
struct call_deputy {
    /* These suspend. The results are those of the verbs; a message lives until the next receive. */
    weir_code (*send)(struct weir_call *call, const ProtobufCMessage *message);
    weir_code (*receive)(struct weir_call *call, ProtobufCMessage **out_message);
    weir_code (*receive_headers)(struct weir_call *call);
    bool (*receivable)(struct weir_call *call); /* see call_receivable */
    void (*cancel)(struct weir_call *call);
    /* The server has never seen the stream. True: the call will get another one. */
    bool (*unseen)(struct weir_call *call);
    /* The user has freed the call. True: a fiber still runs, and will call call_retire again when
     * it ends. */
    bool (*retire)(struct weir_call *call);
};

struct client_session;
struct client_policy;

/* Requests of other threads to a call. */
enum {
    CALL_TASK_SENT = 0x1, /* cancel_task has been sent and will access the call */
    CALL_FREED = 0x2      /* the call is freed; cancel_task will retire it */
};

/* Events of the loop also arrive while a client's user is in none of the call's verbs. Of the
 * fields that the user may read meanwhile they change only atomic ones, and they put texts into
 * `texts`.
 *
 * The fields that every call starts with at zero come first, so that a call waiting for its request
 * among hundreds touches few cache lines. The others keep their state from one use of the object to
 * the next: a call that has ended leaves its lists empty and its timer stopped. */
struct weir_call {
    struct rpc_transport *transport; /* NULL before there is a stream, and after its release */
    struct h2_stream *stream;
    /* Server: framed messages in the transport's input, valid until a fiber parks; NULL: they are
     * in `incoming`. See call_keep_lent. */
    const uint8_t *lent;
    size_t lent_len;
    const struct weir_method *method; /* NULL: unknown */
    const char *path;
    void *entry;                      /* server: the server_entry of its method; NULL: unknown */
    const struct call_deputy *deputy; /* NULL: none */
    struct weir_credentials *credentials; /* client; NULL: none */
    char *token;                          /* from the credentials, in the arena; NULL: not yet */
    const struct client_policy *policy;   /* client: see client/config.h; NULL: none */
    struct client_session *session;       /* client: see client/session.h; NULL: none */
    /* Server, until the handler runs: starts it, or drops a call that has ended. May free the call.
     */
    void (*start)(struct weir_call *call);
    /* NULL until they arrive. Server: the request's headers; client: the response's, its trailers.
     */
    struct h2_block *_Atomic headers, *_Atomic trailers;
    const char *_Atomic message; /* of the status; NULL: none yet. In an arena or static */
    const char *_Atomic peer;    /* formatted on demand */
    const struct weir_peer_identity *identity; /* in the arena, on demand */
    struct call_value *values;                 /* set by interceptors, newest first */
    struct call_watch *watches;  /* observers of messages, in the order in which they were added */
    struct call_alarm *alarms;   /* see alarm.c */
    struct call_detail *details; /* server: of the status to be sent, in order */
    weir_str status_bytes;       /* client: decoded grpc-status-details-bin, on demand */
    weir_str get_path; /* client: the path of a GET, with the message; data NULL: not a GET */
    struct call_fields out_headers, out_trailers;
    int64_t waits_since; /* since when a message waits for window for CALL_PROGRESS bytes; 0: none
                            waits */
    int64_t comes_since; /* server: since when a started message is due to bring CALL_PROGRESS more
                            bytes or its end; 0: none is */
    uint32_t waits_left, comes_left; /* bytes of CALL_PROGRESS still missing */
    weir_code code;
    unsigned previous_attempts; /* client: of the same call */
    atomic_bool ended;          /* code and message are final; also read by plain threads */
    bool headers_sent;
    bool send_closed;    /* END_STREAM was sent */
    bool torn;           /* a message was sent in part, and the rest will not follow */
    bool receive_closed; /* END_STREAM was received */
    bool unprocessed;    /* the server has reported that it did not process the call */
    bool wait_for_ready; /* client: wait for a connection instead of failing */
    bool wait_chosen;    /* client: the user has set wait_for_ready */
    bool cacheable;      /* client: use GET if possible */
    bool sent_again;     /* it got another stream after `unprocessed` */
    bool cancelled;      /* locally, even if it had ended before */
    bool counted;        /* client: in the channel's call counters */
    bool is_loops;       /* client: from the pool loops_calls */
    atomic_bool refused; /* a verb that returns no code could not run */
    bool timer_running;
    bool gzip_in;             /* the peer's grpc-encoding is gzip */
    bool gzip_told;           /* our headers have announced gzip */
    bool gzip_out;            /* messages are sent compressed */
    atomic_bool gzip_refused; /* the server does not accept gzip */
    bool compressed;          /* the last message received was compressed */
    bool let_in;              /* its stream's window was enlarged for a message */
    bool has_scratch;         /* `scratch` is initialised */

    /* Fields from here on are not zeroed. */
    int64_t deadline;
    int64_t attached_at;  /* server: when the data that opened its stream was read; client: set if
                             subchannels count calls */
    const char **refusal; /* server: for the reason returned by weir_call_receive_each; NULL: a
                             message that is refused ends the call */
    struct buf incoming;  /* framed messages that have not been received by the user yet */
    size_t held;          /* bytes counted in shared->budget: its memory, and `inflated` */
    size_t inflated;      /* bytes of the current message after decompression */
    struct buf sent;      /* client: framed messages kept for another attempt, see session.h */
    struct arena arena;   /* lifetime of the call */
    struct arena texts;   /* lifetime of the call, see call_texts */
    struct arena scratch; /* streams: until the next receive */
    weir_loop *loop;
    struct call_shared *shared;
    size_t max_receive, max_send; /* bytes of a message; at most those of `shared` */
    bool is_server;
    struct loop_timer timer;
    struct list waiters;  /* call_waiter: fibers parked in this call */
    struct list children; /* calls made by this one's handler */
    struct list sibling;
    struct loop_task cancel_task;
    atomic_uint asked; /* CALL_TASK_SENT, CALL_FREED */
    void (*recycle)(struct weir_call *call);
    void *owner; /* server: the server_loop; client: the channel */
    struct weir_call *next_free;
    char text_block[CALL_TEXT_BLOCK];
    char first_block[CALL_FIRST_BLOCK];
};

/* A new object, which serves any number of calls in turn. call_retire passes it to `recycle`. NULL:
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

    if (from < CALL_ZEROED) /* there are fewer lines on 32 bits */
        memset((char *)call + from, 0,
            from + CALL_LINE < CALL_ZEROED ? CALL_LINE : CALL_ZEROED - from);
}

/* Prepare a new or recycled object for a call. Cleared line by line, so that compilers use plain
 * stores: the string instruction that they would use for all of it has a higher start-up cost. */
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

/* May the call be retired now? If not, a cancellation is in progress, and the call is retired after
 * it. */
static inline bool
call_may_go(struct weir_call *call)
{
    if (atomic_load_explicit(&call->asked, memory_order_acquire) == 0)
        return true;
    atomic_fetch_or(&call->asked, CALL_FREED);
    return false;
}

/* call_fini and recycle, as soon as call_may_go and the deputy permit it. */
void call_retire(struct weir_call *call);

/* call_retire from any thread. */
void call_send_away(struct weir_call *call);

/* Free call objects. Limited in size, so that a burst of calls does not keep its memory. */
struct call_pool {
    struct weir_call *first;
    size_t count;
};

/* NULL: the pool is empty. */
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

/* Attach a call to its stream. */
void call_attach(struct weir_call *call, struct rpc_transport *transport, struct h2_stream *stream);

/* Release the stream; resets it if it is still open. */
APART void call_detach(struct weir_call *call);

/* Server: the stream was released when the status was sent. */
void call_leave(struct weir_call *call);

/* Cancel the calls made by this call's handler. */
APART void call_cancel_children(struct weir_call *call);

/* The first half of call_end, and all of it for a server's call. The call must not have ended. */
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

/* End the call with a status; the first one stays. message: in the arena or static. call_advance
 * must follow. */
void call_end(struct weir_call *call, weir_code code, const char *message);

/* Wake parked fibers; start or drop a handler that has not started. May free the call. */
void call_advance(struct weir_call *call);

/* Start the timer for call->deadline; ends the call if the deadline has passed. call_advance must
 * follow. */
void call_start_timer(struct weir_call *call);

/* The same, unless the timer runs for that deadline already. False: the call has ended. */
bool call_arm_deadline(struct weir_call *call);

/* FAILED_PRECONDITION, with a message: this object has no call of a known method in progress. */
COLD weir_code call_refuse_unbegun(struct weir_call *call);

static inline WEIR_CHECK weir_code
call_check_begun(struct weir_call *call)
{
    return call->method != NULL ? WEIR_OK : call_refuse_unbegun(call);
}

/* Free the stream's last message and what the user allocated since. */
void call_renew_scratch(struct weir_call *call);

/* Park this fiber until something happens to the call; the caller must check its condition again.
 * Suspends. */
void call_park(struct weir_call *call);

/* The arena for the user's allocations, see weir_call_alloc. */
static inline struct arena *
call_memory(struct weir_call *call)
{
    return call->has_scratch ? &call->scratch : &call->arena;
}

/* The arena for texts of events, since another thread may be using `arena` at that time. */
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

/* ---- events of the transport, events.c ---- */

void call_on_headers(struct weir_call *call, struct h2_block *block, bool end_stream);
void call_on_data(struct weir_call *call, const uint8_t *data, size_t len, bool end_stream);
void call_on_trailers(struct weir_call *call, struct h2_block *block);
void call_on_reset(struct weir_call *call, const struct h2_event *event);
void call_on_lost(struct weir_call *call, const char *why);

/* ---- headers and status ---- */

/* Append a user's key and value. */
weir_code call_fields_add(
    struct weir_call *call, struct call_fields *fields, const char *key, weir_str value);

/* Server: send the response headers if they have not been sent. */
WEIR_CHECK weir_code call_send_response_headers(struct weir_call *call);

/* Server: the same, together with the first `len` bytes of content if both are small and there is
 * room. The caller must fill in the bytes at the returned address at once. NULL: neither was sent.
 */
uint8_t *call_send_opening(struct weir_call *call, size_t len);

/* Server: end the stream with this status, as trailers, or as Trailers-Only if no headers were
 * sent. */
void call_send_status(struct weir_call *call, weir_code code, const char *message);

/* ---- compression, compression.c ---- */

/* Compress messages from now on, if the peer accepts it. False: the headers were sent without
 * announcing it. */
bool call_use_gzip(struct weir_call *call);

/* Start with the compression set for the server or channel. */
static inline void
call_begin_compression(struct weir_call *call)
{
    if (call->shared->compression != WEIR_IDENTITY)
        call_use_gzip(call);
}

/* Client: apply the grpc-accept-encoding of the response headers. */
void call_heed_accepted(struct weir_call *call, const struct h2_block *block);

/* Compress and frame the message into shared->framed. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code call_deflate(
    struct weir_call *call, const ProtobufCMessage *message, size_t len);

/* Return a buffer that was taken out of shared. */
void call_return_buffer(struct buf *shared, struct buf *used);

/* ---- details of the status, details.c ---- */

/* Server: the value of grpc-status-details-bin. data NULL: no memory. */
weir_str call_pack_details(struct weir_call *call, weir_code code, const char *message);

/* ---- values and watchers, values.c ---- */

/* Copy the values of the parent, whose handler makes this call. False: no memory. */
bool call_inherit_values(struct weir_call *call, const struct weir_call *parent);

/* The watcher added last, NULL if there is none; and remove those added after `last`. */
struct call_watch *call_last_watch(const struct weir_call *call);
void call_drop_watches(struct weir_call *call, struct call_watch *last);

/* Pass a message to the watchers. A code other than OK must end the call. */
weir_code call_show_sending(struct weir_call *call, const ProtobufCMessage *message);
weir_code call_show_received(struct weir_call *call, const ProtobufCMessage *message);

/* ---- alarms, alarm.c ---- */

/* Stop all alarms. */
APART void call_stop_alarms(struct weir_call *call);

/* The call's connection drains: set the events registered for that. */
void call_tell_drain(struct weir_call *call);

/* Are there such events? */
bool call_hears_drain(const struct weir_call *call);

/* ---- releasing what a call holds ---- */

/* What only few calls have, and what only clients' calls have. */
APART void call_stop_timer(struct weir_call *call);
APART void call_fini_of_client(struct weir_call *call);

/* Return to the budget everything that the call holds, or its share for inflated messages. */
void call_hold_none(struct weir_call *call);
void call_hold_no_inflated(struct weir_call *call);

/* Release what the call holds; the object keeps a small incoming buffer. */
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

/* Send one message, after the response headers if these have not been sent; with END_STREAM if
 * `last`, which servers never set. Suspends. */
weir_code call_send_message(struct weir_call *call, const ProtobufCMessage *message, bool last);

/* The same for a message that the watchers have seen already. Suspends. */
weir_code call_send_shown(struct weir_call *call, const ProtobufCMessage *message, bool last);

/* Append one message, framed as it would be sent. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code call_frame(
    struct weir_call *call, const ProtobufCMessage *message, size_t len, struct buf *out_framed);

/* The code of a send that failed: the call's if it has ended, but never OK, even if the server has
 * ended the call with OK; or else RESOURCE_EXHAUSTED, no memory. */
weir_code call_closed_for_sending(struct weir_call *call);

/* The result of sending a client's message. Errors end the call, so that the server does not take
 * what it has received for the whole; except FAILED_PRECONDITION, the caller's mistake, which
 * changes nothing. */
void call_must_be_whole(struct weir_call *call, weir_code code);

/* Take the next message out of incoming. OK with *out_message NULL: the peer has finished, or
 * call->refusal has the reason why the message that was taken is refused. Suspends until there is
 * one of these. */
weir_code call_take_message(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message);

/* Server: the single message of the request, which nothing may follow; as weir_call_receive_one.
 * Suspends. */
weir_code call_take_only(
    struct weir_call *call, const ProtobufCMessageDescriptor *type, ProtobufCMessage **out_message);

/* Content of at most this size may be lent. Of a larger message, parts may stay in the incoming
 * buffer. */
#define CALL_LENT_MOST 4096

/* Copy lent content, because its memory is about to be reused. NULL, or the reason of
 * RESOURCE_EXHAUSTED; then the content is lost. */
WEIR_CHECK const char *call_keep_lent(struct weir_call *call);

/* Would call_take_message return without waiting? If not, opens the window for the rest of the
 * message. */
bool call_receivable(struct weir_call *call);

/* Client: discard messages until the call has ended. Suspends. */
void call_drop_messages(struct weir_call *call);

/* Discard what has arrived and record why it cannot be received. A client's call that has ended
 * with OK gets this code instead; a call in progress must be ended by the caller. Returns the code.
 */
weir_code call_refuse(struct weir_call *call, weir_code code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* The same for a second message in a call that takes only one. */
COLD weir_code call_refuse_second(struct weir_call *call);

/* Check the message of a peer that sends exactly one: OK, with the number of bytes still missing;
 * or, if it exceeds the limit, is misframed or is followed by another one, the status for that with
 * *out_why, which is static. */
WEIR_CHECK weir_code call_check_single(
    const struct weir_call *call, size_t *out_missing, const char **out_why);

/* Reserve memory for the rest of a message, and open the window for it and for `beyond` more bytes.
 * False: the budget for unread bytes is exhausted, RESOURCE_EXHAUSTED. */
WEIR_CHECK bool call_expect(struct weir_call *call, size_t missing, size_t beyond);
extern const char call_too_much_unread[];

/* Count the memory of incoming in the budget, until the end of the call. False: the budget is
 * exhausted, RESOURCE_EXHAUSTED. */
WEIR_CHECK bool call_hold_more(struct weir_call *call);

/* Wait for a turn of the loop with time left to inflate a message. Not OK: the call has ended, or
 * there is no memory. Suspends. */
COLD WEIR_CHECK weir_code call_await_inflating(struct weir_call *call);

/* For message_timeout: note that a message has started, and that more of it has arrived. */
void call_note_part(struct weir_call *call);
static inline void
call_note_progress(struct weir_call *call, size_t len)
{
    if (len >= call->comes_left)
        call->comes_since = 0;
    else
        call->comes_left -= (uint32_t)len;
}

/* Does only the peer delay the rest of a message? */
bool call_awaits_rest(const struct weir_call *call);

/* Append bytes to incoming. NULL, or the reason of RESOURCE_EXHAUSTED. */
static inline const char *
call_take_in(struct weir_call *call, const uint8_t *data, size_t len)
{
    if (!buf_append(&call->incoming, data, len))
        return "no memory for the message";
    return call->incoming.cap <= CALL_KEEP_INCOMING || call_hold_more(call) ? NULL
                                                                            : call_too_much_unread;
}

/* The same for a message that was inflated to `len` bytes, until the next message is awaited. */
WEIR_CHECK bool call_hold_inflated(struct weir_call *call, size_t len);

/* Bytes beyond a single message that suffice to detect a second one. */
#define CALL_BEYOND_SINGLE (WIRE_PREFIX_SIZE + 1)

/* Client, after the request's headers: if recent responses were large, open the window for the next
 * one in advance. */
void call_foresee(struct weir_call *call);
