/* SPDX-License-Identifier: Apache-2.0 */
/* Interceptors around a client's call: the chain, the attempts it makes, the status it returns. */
#include "client/session.h"

#include "rpc/deadline.h"

/* ---- an attempt of a session ---- */

static struct client_session *
session_new(struct weir_call *user, struct weir_call *call)
{
    struct client_session *session = arena_zalloc(&call->arena, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->user = user;
    session->call = call;
    session->attempt_timeout = WEIR_NEVER;
    user->session = call->session = session;
    return session;
}

static void
drop_attempt(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;

    if (attempt == NULL)
        return;
    list_remove(&attempt->sibling);
    session->attempt = NULL;
    session->response = NULL;
    call_retire(attempt);
}

static bool
new_attempt(struct client_session *session)
{
    struct weir_call *call = session->call;
    struct weir_call *attempt = client_take_call(call->owner);
    int64_t due = deadline_after(loop_now(call->loop), session->attempt_timeout);

    if (attempt == NULL)
        return false;
    attempt->method = call->method;
    attempt->path = call->path;
    attempt->deadline = due < call->deadline ? due : call->deadline;
    attempt->out_headers = call->out_headers;
    attempt->gzip_told = call->gzip_told;
    attempt->gzip_out = session->user->gzip_out;
    attempt->credentials = call->credentials;
    attempt->wait_for_ready = call->wait_for_ready;
    attempt->session = session;
    list_push(&call->children, &attempt->sibling);
    session->attempt = attempt;
    session->attempts++;
    return true;
}

static void
put_block(struct h2_block *_Atomic *place, struct h2_block *block)
{
    struct h2_block *before = *place;

    if (before == block)
        return;
    atomic_store_explicit(place, block == NULL ? NULL : h2_block_ref(block), memory_order_release);
    h2_block_unref(before);
}

/* What the attempt has learnt is the call's to show. */
static void
show_attempt(struct client_session *session)
{
    struct weir_call *call = session->call, *attempt = session->attempt;

    put_block(&call->headers, attempt->headers);
    put_block(&call->trailers, attempt->trailers);
    call->compressed = attempt->compressed;
    if (attempt->peer != NULL && call->peer == NULL)
        call->peer = arena_dup(&call->arena, weir_str_of(attempt->peer));
}

void
chain_share(struct client_session *session)
{
    struct weir_call *user = session->user, *call = session->call;

    if (session->attempt == NULL || user->headers != NULL)
        return;
    show_attempt(session);
    put_block(&user->headers, call->headers);
    if (user->peer == NULL)
        user->peer = call->peer;
}

static bool
arm_deadline(struct weir_call *call)
{
    if (!call->timer_running || call->timer.due != call->deadline)
        call_start_timer(call);
    return !call->ended;
}

/* The status of the attempt, unless the call itself has ended meanwhile. */
static weir_code
conclude_attempt(struct client_session *session, weir_code code)
{
    struct weir_call *call = session->call, *attempt = session->attempt;

    list_remove(&attempt->sibling);
    session->code = code;
    session->settled = session->settled || attempt->headers != NULL;
    show_attempt(session);
    if (call->ended)
        return call->code;
    call->message = attempt->message == NULL
                        ? NULL
                        : arena_dup(&call->arena, weir_str_of(weir_call_message(attempt)));
    return code;
}

static weir_code
run_attempt(struct client_session *session)
{
    struct weir_call *attempt = session->attempt;
    weir_code code;

    if (attempt->method->kind == WEIR_UNARY)
        return attempt_unary(attempt, session->request, &session->response);
    code = session_ride(session);
    if (code != WEIR_OK || !call_peer_sends_one(attempt))
        return code;
    return attempt_receive_single(attempt, &session->response);
}

/* The end of the chain. */
static weir_code
make_attempt(void *arg, struct weir_call *call)
{
    struct client_session *session = arg;

    if (!arm_deadline(call))
        return call->code;
    if (session->attempts > 0 && session->settled)
        return session->code;
    drop_attempt(session);
    call->message = NULL;
    call->peer = NULL;
    call->status_bytes = (weir_str){NULL, 0};
    if (!new_attempt(session))
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a call");
    return conclude_attempt(session, run_attempt(session));
}

/* What the chain returned, unless the call has ended by itself. It is the call's status. */
static weir_code
run_chain(struct client_session *session)
{
    struct weir_call *call = session->call;
    const struct weir_channel *channel = call->owner;
    struct weir_next chain = {channel->links, channel->link_count, make_attempt, session};
    weir_code code = arm_deadline(call) ? weir_proceed(&chain, call) : call->code;

    call_end(call, code, NULL);
    return call->code;
}

/* ---- unary ---- */

static bool
retire_attempt(struct weir_call *user)
{
    drop_attempt(user->session);
    return false;
}

static const struct call_deputy unary_deputy = {.retire = retire_attempt};

weir_code
chain_unary(
    struct weir_call *user, const ProtobufCMessage *request, ProtobufCMessage **out_response)
{
    struct client_session *session;
    weir_code code;

    if (user->ended)
        return user->code;
    session = session_new(user, user);
    if (session == NULL)
        return weir_fail(user, WEIR_RESOURCE_EXHAUSTED, "no memory");
    session->request = request;
    user->deputy = &unary_deputy;
    code = run_chain(session);
    if (code == WEIR_OK && session->response == NULL)
        return call_refuse(user, WEIR_INTERNAL, "an interceptor has answered without a response");
    *out_response = session->response;
    return code;
}

/* ---- streams ---- */

static weir_code
deputy_send(struct weir_call *user, const ProtobufCMessage *message)
{
    return session_send(user->session, message, false);
}

static weir_code
deputy_receive(struct weir_call *user, ProtobufCMessage **out_message)
{
    return session_receive(user->session, out_message);
}

static weir_code
deputy_receive_headers(struct weir_call *user)
{
    return session_receive_headers(user->session);
}

static bool
deputy_receivable(struct weir_call *user)
{
    return session_receivable(user->session);
}

static void
deputy_cancel(struct weir_call *user)
{
    struct weir_call *call = user->session->call;

    call_end(call, WEIR_CANCELLED, "cancelled");
    call_advance(call);
}

static bool
deputy_retire(struct weir_call *user)
{
    struct client_session *session = user->session;

    if (session->running) {
        session->freed = true;
        client_hold(user->owner);
        deputy_cancel(user);
        return true;
    }
    drop_attempt(session);
    user->deputy = NULL;
    call_retire(session->call); /* the session with it */
    return false;
}

static const struct call_deputy stream_deputy = {.send = deputy_send,
    .receive = deputy_receive,
    .receive_headers = deputy_receive_headers,
    .receivable = deputy_receivable,
    .cancel = deputy_cancel,
    .retire = deputy_retire};

static void
chain_on_fiber(void *arg)
{
    struct client_session *session = arg;
    struct weir_call *user = session->user, *call = session->call;
    struct weir_channel *channel = call->owner;
    weir_code code = run_chain(session);

    session->running = false;
    put_block(&user->headers, call->headers);
    put_block(&user->trailers, call->trailers);
    call_end(user, code, call->message);
    call_advance(call);
    call_advance(user);
    if (session->freed) {
        call_retire(user);
        client_let_go(channel);
    }
}

/* The object for interceptors: begins as the user's. NULL: no memory. */
static struct weir_call *
twin(struct weir_call *user)
{
    struct weir_call *call = client_take_call(user->owner);

    if (call == NULL)
        return NULL;
    call->method = user->method;
    call->path = user->path;
    call->deadline = user->deadline;
    call->out_headers = user->out_headers;
    call->watches = user->watches;
    call->gzip_told = user->gzip_told;
    call->credentials = user->credentials;
    call->wait_for_ready = user->wait_for_ready;
    if (call_inherit_values(call, user))
        return call;
    call_retire(call);
    return NULL;
}

static struct client_session *
start_chain(struct weir_call *user)
{
    struct weir_call *call = twin(user);
    struct client_session *session = call == NULL ? NULL : session_new(user, call);

    if (session == NULL) {
        if (call != NULL)
            call_retire(call);
        return NULL;
    }
    session->running = true;
    user->headers_sent = true; /* no more of them */
    user->deputy = &stream_deputy;
    if (fiber_start(call->loop, chain_on_fiber, session) == WEIR_OK)
        return session;
    session->running = false; /* the user's end frees it */
    return NULL;
}

weir_code
chain_open(struct weir_call *user, const ProtobufCMessage *request)
{
    struct client_session *session;

    if (user->ended)
        return user->code;
    session = start_chain(user);
    if (session == NULL) {
        call_end(user, WEIR_RESOURCE_EXHAUSTED, "no memory for the interceptors");
        return user->code;
    }
    while (!session->open && !user->ended)
        call_park(session->call);
    chain_share(session);
    if (request != NULL && !user->ended)
        return session_send(session, request, true);
    return weir_call_code(user);
}

/* ---- the public half ---- */

bool
weir_call_committed(const weir_call *call)
{
    return call->ended || (call->session != NULL && call->session->settled);
}

void
weir_call_set_attempt_timeout(weir_call *call, int64_t timeout)
{
    if (call->session != NULL)
        call->session->attempt_timeout = timeout;
}
