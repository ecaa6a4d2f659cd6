/* SPDX-License-Identifier: Apache-2.0 */
/* A stream whose attempt may change under its verbs. */
#include "client/session.h"

/* ---- what was sent ---- */

/* Nothing that was sent will be needed again. Without interceptors the call is on its own then. */
static void
forget(struct client_session *session)
{
    struct weir_call *call = session->call;

    buf_reset(&call->sent, CALL_KEEP_INCOMING);
    session->written = 0;
    if (call == session->attempt && !session->running) {
        call->deputy = NULL;
        call->session = NULL;
    }
}

static void
notice_settled(struct client_session *session)
{
    if (session->attempt->headers != NULL)
        session->settled = true;
}

static void
fail_attempt(struct client_session *session)
{
    call_end(session->attempt, WEIR_RESOURCE_EXHAUSTED, "no memory to send with");
    call_advance(session->attempt);
}

/* As much of it as the peer's windows allow. */
static bool
push_sent(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;
    const struct buf *sent = &session->call->sent;

    while (session->written < buf_len(sent)) {
        size_t left = buf_len(sent) - session->written;
        size_t piece = h2_stream_room(attempt->transport->h2, attempt->stream);
        bool last = session->closing && piece >= left;

        if (piece == 0) {
            h2_stream_want_room(attempt->transport->h2, attempt->stream);
            return false;
        }
        piece = piece < left ? piece : left;
        if (!h2_stream_send_data(attempt->transport->h2, attempt->stream,
                buf_head(sent) + session->written, piece, last)) {
            fail_attempt(session);
            return false;
        }
        session->written += piece;
        attempt->send_closed = last;
        rpc_transport_touch(attempt->transport);
    }
    return true;
}

/* Bring the attempt what it has not got yet, and the end if there is one. False: not all went. */
static bool
push(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;

    if (!session->open || attempt->ended || !push_sent(session))
        return false;
    if (session->closing && !attempt->send_closed) {
        /* Half-close with an empty DATA frame (PROTOCOL-HTTP2, Requests). */
        if (!h2_stream_send_data(attempt->transport->h2, attempt->stream, NULL, 0, true)) {
            fail_attempt(session);
            return false;
        }
        attempt->send_closed = true;
        rpc_transport_touch(attempt->transport);
    }
    notice_settled(session);
    return true;
}

/* Until all is on its way, or there is no stream to bring it to: then the next attempt does it. */
static void
drain(struct client_session *session)
{
    while (session->open && !session->attempt->ended && !push(session)) {
        if (!session->attempt->ended)
            call_park(session->call);
    }
    if (session->settled && session->written == buf_len(&session->call->sent))
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

/* What is too much to keep goes to the stream at hand, after all that was kept, and there can be no
 * other one after it. */
static weir_code
send_past(struct client_session *session, const ProtobufCMessage *message, bool last)
{
    struct weir_call *user = session->user, *attempt;
    weir_code code;

    while (!user->ended && !push(session)) {
        if (!user->ended)
            call_park(session->call);
    }
    if (user->ended)
        return call_closed_for_sending(user);
    session->settled = true;
    attempt = session->attempt;
    attempt->gzip_out = user->gzip_out;
    forget(session);
    code = call_send_message(attempt, message, last);
    if (code != WEIR_OK && attempt != user && !user->ended)
        weir_fail(user, code, "%s", weir_call_message(attempt));
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

    (void)session_ride(session);
    session->running = false;
    if (session->freed) {
        call_retire(call);
        client_let_go(channel);
    }
}

/* The rest of its life has a fiber, which opens the next stream. */
static bool
unseen(struct weir_call *call)
{
    struct client_session *session = call->session;

    notice_settled(session);
    if (session->settled || session->running || !attempt_renew(call))
        return false;
    session->open = false;
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
    session->user = session->call = session->attempt = call;
    session->attempts = 1;
    call->session = session;
    call->deputy = &plain_deputy;
    return true;
}

/* ---- an attempt's life ---- */

static weir_code
ride_once(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;
    weir_code code = attempt_begin(attempt) ? attempt_open(attempt) : attempt->code;

    if (code != WEIR_OK) {
        (void)attempt_settle(attempt, code);
        return attempt->code;
    }
    session->written = 0;
    session->open = true;
    while (!attempt->ended) {
        push(session);
        notice_settled(session);
        call_advance(session->call);
        if (session->user != session->call)
            call_advance(session->user); /* which waits for an event as well */
        if (!attempt->ended)
            call_park(attempt);
    }
    notice_settled(session);
    session->open = false;
    return attempt->code;
}

weir_code
session_ride(struct client_session *session)
{
    weir_code code;

    do
        code = ride_once(session);
    while (!session->settled && attempt_renew(session->attempt));
    call_advance(session->call);
    return code;
}

/* ---- verbs ---- */

/* A watcher will not have it: the chain learns of it as of the call's end. */
static weir_code
refuse_to_send(struct client_session *session, weir_code code)
{
    struct weir_call *call = session->call;

    if (call != session->attempt && !call->ended) {
        call_end(call, code, NULL);
        call_advance(call);
    }
    return code;
}

weir_code
session_send(struct client_session *session, const ProtobufCMessage *message, bool last)
{
    const struct weir_channel *channel = session->call->owner;
    size_t len = protobuf_c_message_get_packed_size(message);
    bool fits = WIRE_PREFIX_SIZE + len <= channel->retry_buffer &&
                buf_len(&session->call->sent) <= channel->retry_buffer - WIRE_PREFIX_SIZE - len;
    weir_code code;

    if (session->user->ended)
        return call_closed_for_sending(session->user);
    if (session->closing)
        return weir_fail(session->user, WEIR_FAILED_PRECONDITION, "sent after the last message");
    if (len > channel->shared.max_send)
        return weir_fail(session->user, WEIR_RESOURCE_EXHAUSTED,
            "message of %zu bytes, larger than %zu", len, channel->shared.max_send);
    if (session->open && session->attempt->gzip_refused)
        session->user->gzip_refused = true;
    fits = fits && !session->settled;
    /* Without interceptors the other way shows it. */
    if (fits || session->call != session->attempt) {
        code = call_show_sending(session->call, message);
        if (code != WEIR_OK)
            return refuse_to_send(session, code);
    }
    return fits ? send_kept(session, message, len, last) : send_past(session, message, last);
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

/* Until there is one stream for the rest of the call, or the call is over. True: there is one. */
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

/* The message cannot be taken, or a watcher will not have it; `text` lives as long as the call. */
static weir_code
refuse(struct client_session *session, weir_code code, const char *text)
{
    struct weir_call *attempt = session->attempt, *user = session->user;

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
    struct weir_call *attempt = session->attempt;
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
    if (session->user->code == WEIR_OK) {
        *out_message = session->response;
        session->response = NULL;
    }
    return session->user->code;
}

/* When the attempt has nothing more, the chain is about to return. */
bool
session_receivable(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;

    if (session->user->ended)
        return true;
    if (!session->settled || call_peer_sends_one(session->call))
        return false;
    if ((attempt->ended || attempt->receive_closed) && buf_len(&attempt->incoming) == 0)
        return false;
    return call_receivable(attempt);
}

weir_code
session_receive_headers(struct client_session *session)
{
    if (wait_until_settled(session) && session->attempt->headers == NULL) {
        while (!session->attempt->ended && session->attempt->headers == NULL)
            call_park(session->attempt);
    }
    if (session->settled && session->attempt->headers != NULL) {
        chain_share(session);
        return WEIR_OK;
    }
    wait_until_over(session);
    return session->user->code;
}

weir_code
session_finish(struct client_session *session, ProtobufCMessage **out_response)
{
    (void)session_close_send(session);
    if (wait_until_settled(session) && !call_peer_sends_one(session->call))
        call_drop_messages(session->attempt);
    wait_until_over(session);
    session->user->compressed = session->call->compressed;
    *out_response = session->response;
    return session->user->code;
}
