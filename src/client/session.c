/* SPDX-License-Identifier: Apache-2.0 */
/* Streams whose attempt may change while the user's verbs run. */
#include "client/session.h"

/* Without interceptors there is only one call object. */
static bool
is_plain(const struct client_session *session)
{
    return session->first.call == session->call;
}

/* ---- sent messages ---- */

/* Drop the sent messages, which are no longer needed. Without interceptors the call then needs no
 * session. */
static void
forget(struct client_session *session)
{
    struct weir_call *call = session->call;

    buf_reset(&call->sent, CALL_KEEP_INCOMING);
    session->attempt->written = 0;
    if (is_plain(session) && !session->running) {
        call->deputy = NULL;
        call->session = NULL;
    }
}

void
session_settle(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;

    session->settled = true;
    session->attempt = attempt;
    list_each (link, &session->attempts) {
        struct client_attempt *other = container_of(link, struct client_attempt, link);

        if (other == attempt || other->call->ended)
            continue;
        other->call->cancelled = true;
        call_end(other->call, WEIR_CANCELLED, "another attempt has answered");
        call_advance(other->call);
    }
}

static void
notice_settled(struct client_attempt *attempt)
{
    if (attempt->call->headers != NULL && !attempt->session->settled)
        session_settle(attempt);
}

static void
fail_attempt(struct client_attempt *attempt)
{
    call_end(attempt->call, WEIR_RESOURCE_EXHAUSTED, "no memory to send with");
    call_advance(attempt->call);
}

/* Send as much of the kept messages as the peer's windows allow. */
static bool
push_sent(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;
    struct weir_call *call = attempt->call;
    const struct buf *sent = &session->call->sent;

    while (attempt->written < buf_len(sent)) {
        size_t left = buf_len(sent) - attempt->written;
        size_t piece = h2_stream_room(call->transport->h2, call->stream);
        bool last = session->closing && piece >= left;

        if (piece == 0) {
            h2_stream_want_room(call->transport->h2, call->stream);
            return false;
        }
        piece = piece < left ? piece : left;
        if (!h2_stream_send_data(call->transport->h2, call->stream,
                buf_head(sent) + attempt->written, piece, last)) {
            fail_attempt(attempt);
            return false;
        }
        attempt->written += piece;
        call->send_closed = last;
        rpc_transport_touch(call->transport);
    }
    return true;
}

/* Send the attempt what it has not sent yet, and the half-close if there is one. False: not
 * everything was sent. Nothing is sent once the call has ended: a half-close would make the request
 * look complete. */
static bool
push(struct client_attempt *attempt)
{
    struct weir_call *call = attempt->call;

    if (!attempt->open || call->ended || attempt->session->call->ended || !push_sent(attempt))
        return false;
    if (attempt->session->closing && !call->send_closed) {
        /* Half-close with an empty DATA frame (PROTOCOL-HTTP2, Requests). */
        if (!h2_stream_send_data(call->transport->h2, call->stream, NULL, 0, true)) {
            fail_attempt(attempt);
            return false;
        }
        call->send_closed = true;
        rpc_transport_touch(call->transport);
    }
    notice_settled(attempt);
    return true;
}

/* How much of the kept messages the attempts have sent. */
struct progress {
    struct client_attempt *done; /* has sent everything; NULL: none has */
    bool pending;                /* an open one has not */
};

static struct progress
push_all(struct client_session *session)
{
    struct progress progress = {NULL, false};

    list_each (link, &session->attempts) {
        struct client_attempt *attempt = container_of(link, struct client_attempt, link);

        if (push(attempt))
            progress.done = progress.done == NULL ? attempt : progress.done;
        else if (attempt->open && !attempt->call->ended)
            progress.pending = true;
    }
    return progress;
}

/* Wait until everything was sent, or there is no open stream: then the next attempt sends it. */
static void
drain(struct client_session *session)
{
    struct progress progress;

    while ((progress = push_all(session)).done == NULL && progress.pending)
        call_park(session->call);
    if (session->settled && session->attempt->written == buf_len(&session->call->sent))
        forget(session);
}

static weir_code
send_kept(struct client_session *session, const ProtobufCMessage *message, size_t len, bool last)
{
    struct weir_call *user = session->user, *call = session->call;

    WEIR_TRY(call_frame(user, message, len, &call->sent));
    session->closing = last;
    drain(session);
    return user->ended ? call_closed_for_sending(user) : WEIR_OK;
}

/* Wait for an attempt that has sent everything that was kept; NULL: the call has ended before. */
static struct client_attempt *
wait_for_attempt(struct client_session *session)
{
    struct progress progress;

    while (!session->user->ended) {
        progress = push_all(session);
        if (progress.done != NULL && (!session->settled || progress.done == session->attempt))
            return progress.done;
        if (!session->user->ended)
            call_park(session->call);
    }
    return NULL;
}

/* A message that is too large to keep is sent on the current stream after the kept ones, which
 * rules out further attempts. */
static weir_code
send_past(struct client_session *session, const ProtobufCMessage *message, bool last)
{
    struct weir_call *user = session->user, *call;
    struct client_attempt *attempt = wait_for_attempt(session);
    weir_code code;

    if (attempt == NULL)
        return call_closed_for_sending(user);
    if (!session->settled)
        session_settle(attempt);
    call = attempt->call;
    call->gzip_out = user->gzip_out;
    forget(session);
    code = call_send_message(call, message, last);
    if (code != WEIR_OK && call != user && !user->ended)
        weir_fail(user, code, "%s", weir_call_message(call));
    return code;
}

/* ---- a session without interceptors ---- */

static weir_code
deputy_send(struct weir_call *user, const ProtobufCMessage *message)
{
    return session_send(user->session, message, false);
}

static void
ride_on(void *arg)
{
    struct client_session *session = arg;
    struct weir_call *call = session->call;
    struct weir_channel *channel = call->owner;

    (void)session_ride(session->attempt);
    session->running = false;
    if (session->freed) {
        call_retire(call);
        client_let_go(channel);
    }
}

/* From now on the call has a fiber, which opens the next stream. */
static bool
unseen(struct weir_call *call)
{
    struct client_session *session = call->session;

    notice_settled(session->attempt);
    if (session->settled || session->running || !attempt_renew(call))
        return false;
    session->attempt->open = false;
    session->running = true;
    if (fiber_start(call->loop, ride_on, session) == WEIR_OK)
        return true;
    session->running = false;
    return false;
}

static bool
retire_running(struct weir_call *call)
{
    struct client_session *session = call->session;

    if (!session->running)
        return false;
    session->freed = true;
    client_hold(call->owner);
    call->cancelled = true;
    call_end(call, WEIR_CANCELLED, "cancelled");
    call_advance(call);
    return true;
}

static const struct call_deputy plain_deputy = {
    .send = deputy_send, .unseen = unseen, .retire = retire_running};

bool
session_begin(struct weir_call *call)
{
    struct client_session *session = arena_zalloc(&call->arena, sizeof(*session));

    if (session == NULL)
        return false;
    session->user = session->call = call;
    session->attempt = &session->first;
    session->first = (struct client_attempt){.session = session, .call = call};
    list_init(&session->attempts);
    list_push(&session->attempts, &session->first.link);
    session->started = 1;
    call->session = session;
    call->deputy = &plain_deputy;
    return true;
}

/* ---- running an attempt ---- */

static weir_code
ride_once(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;
    struct weir_call *call = attempt->call;
    weir_code code = call_arm_deadline(call) ? attempt_open(call) : call->code;

    if (code != WEIR_OK) {
        (void)attempt_settle(call, code);
        return call->code;
    }
    attempt->written = 0;
    attempt->open = session->opened = true;
    while (!call->ended) {
        push(attempt);
        notice_settled(attempt);
        call_advance(session->call);
        if (session->user != session->call)
            call_advance(session->user); /* in which fibers may be parked, too */
        if (!call->ended)
            call_park(call);
    }
    notice_settled(attempt);
    attempt->open = false;
    return call->code;
}

weir_code
session_ride(struct client_attempt *attempt)
{
    weir_code code;

    do
        code = ride_once(attempt);
    while (!attempt->session->settled && attempt_renew(attempt->call));
    call_advance(attempt->session->call);
    return code;
}

/* ---- verbs ---- */

/* Watchers may change the compression. */
static weir_code
show_sending(struct client_session *session, const ProtobufCMessage *message)
{
    struct weir_call *user = session->user, *call = session->call;
    weir_code code;

    call->gzip_out = user->gzip_out;
    code = call_show_sending(call, message);
    user->gzip_out = call->gzip_out;
    return code;
}

/* `kept` is the message in the form that protobuf-c can pack. */
static weir_code
send_kept_or_past(struct client_session *session, const ProtobufCMessage *message,
    const ProtobufCMessage *kept, bool last)
{
    const struct weir_channel *channel = session->call->owner;
    size_t len = protobuf_c_message_get_packed_size(kept);
    bool fits = WIRE_PREFIX_SIZE + len <= channel->retry_buffer &&
                buf_len(&session->call->sent) <= channel->retry_buffer - WIRE_PREFIX_SIZE - len;
    weir_code code;

    if (session->user->ended)
        return call_closed_for_sending(session->user);
    if (session->closing)
        return weir_fail(session->user, WEIR_FAILED_PRECONDITION, "sent after the last message");
    if (len > session->user->max_send)
        return weir_fail(session->user, WEIR_RESOURCE_EXHAUSTED,
            "message of %zu bytes, larger than %zu", len, session->user->max_send);
    list_each (link, &session->attempts) {
        if (container_of(link, struct client_attempt, link)->call->gzip_refused)
            session->user->gzip_refused = true;
    }
    fits = fits && !session->settled;
    /* Without interceptors send_past shows it. */
    if (fits || !is_plain(session)) {
        code = show_sending(session, message);
        if (code != WEIR_OK)
            return code;
    }
    return fits ? send_kept(session, kept, len, last) : send_past(session, message, last);
}

static weir_code
send_message(struct client_session *session, const ProtobufCMessage *message, bool last)
{
    struct arena zeros;
    const ProtobufCMessage *kept;
    weir_code code;

    arena_init(&zeros, NULL, 0);
    kept = wire_message_keep_zeros(&zeros, message);
    code = kept == NULL ? weir_fail(session->user, WEIR_RESOURCE_EXHAUSTED, "no memory")
                        : send_kept_or_past(session, message, kept, last);
    arena_fini(&zeros);
    return code;
}

/* A message that could not be sent ends the call, which the chain sees; unless the attempt has
 * ended already, whose status says more. */
weir_code
session_send(struct client_session *session, const ProtobufCMessage *message, bool last)
{
    weir_code code = send_message(session, message, last);

    if (!session->settled || !session->attempt->call->ended)
        call_must_be_whole(session->call, code);
    return code;
}

weir_code
session_close_send(struct client_session *session)
{
    struct weir_call *user = session->user;

    session->closing = true;
    if (!user->ended)
        drain(session);
    return weir_call_code(user);
}

/* Wait until an attempt has settled the call, or the call has ended. True: it is settled. */
static bool
wait_until_settled(struct client_session *session)
{
    while (!session->settled && !session->user->ended)
        call_park(session->call);
    return session->settled;
}

static void
wait_until_over(struct client_session *session)
{
    while (!session->user->ended)
        call_park(session->call);
}

/* The message cannot be received, or a watcher refuses it. `text` lives as long as the call. */
static weir_code
refuse(struct client_session *session, weir_code code, const char *text)
{
    struct weir_call *attempt = session->attempt->call, *user = session->user;

    if (!attempt->ended) {
        call_end(attempt, code, text);
        call_advance(attempt);
    }
    wait_until_over(session);
    return user->code != WEIR_OK ? user->code : call_refuse(user, code, "%s", text);
}

static weir_code
receive_from_attempt(struct client_session *session, ProtobufCMessage **out_message)
{
    struct weir_call *attempt = session->attempt->call;
    weir_code code;

    call_renew_scratch(attempt);
    code = call_take_message(attempt, attempt->method->output, out_message);
    if (code != WEIR_OK)
        return refuse(session, code, weir_call_message(attempt));
    session->user->compressed = attempt->compressed;
    if (*out_message != NULL)
        code = call_show_received(session->call, *out_message);
    if (code != WEIR_OK)
        return refuse(session, code, weir_call_message(session->call));
    if (*out_message == NULL)
        wait_until_over(session);
    return *out_message == NULL ? session->user->code : WEIR_OK;
}

weir_code
session_receive(struct client_session *session, ProtobufCMessage **out_message)
{
    bool settled = wait_until_settled(session);

    *out_message = NULL;
    if (settled && !call_peer_sends_one(session->call)) {
        chain_share(session);
        return receive_from_attempt(session, out_message);
    }
    wait_until_over(session);
    if (session->user->code == WEIR_OK && session->attempt != NULL) {
        *out_message = session->attempt->response;
        session->attempt->response = NULL;
    }
    return session->user->code;
}

/* False if the attempt has nothing more: then the chain is about to return, and the call to end. */
bool
session_receivable(struct client_session *session)
{
    struct weir_call *attempt;

    if (session->user->ended)
        return true;
    if (!session->settled || call_peer_sends_one(session->call))
        return false;
    attempt = session->attempt->call;
    if ((attempt->ended || attempt->receive_closed) && buf_len(&attempt->incoming) == 0)
        return false;
    return call_receivable(attempt);
}

weir_code
session_receive_headers(struct client_session *session)
{
    struct weir_call *attempt;

    if (wait_until_settled(session)) {
        attempt = session->attempt->call;
        while (!attempt->ended && attempt->headers == NULL)
            call_park(attempt);
        if (attempt->headers != NULL) {
            chain_share(session);
            return WEIR_OK;
        }
    }
    wait_until_over(session);
    return session->user->code;
}

weir_code
session_finish(struct client_session *session, ProtobufCMessage **out_response)
{
    (void)session_close_send(session);
    if (wait_until_settled(session) && !call_peer_sends_one(session->call))
        call_drop_messages(session->attempt->call);
    wait_until_over(session);
    session->user->compressed = session->call->compressed;
    *out_response = session->attempt == NULL ? NULL : session->attempt->response;
    return session->user->code;
}
