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
    list_init(&session->attempts);
    user->session = call->session = session;
    return session;
}

void
chain_drop_attempt(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;

    list_remove(&attempt->link);
    list_remove(&attempt->call->sibling);
    if (session->attempt == attempt)
        session->attempt = NULL;
    call_retire(attempt->call);
    attempt->call = NULL;
}

static void
drop_attempts(struct client_session *session)
{
    list_each_safe (link, &session->attempts)
        chain_drop_attempt(container_of(link, struct client_attempt, link));
}

/* Uses the session's own storage if that is free. */
static struct client_attempt *
new_attempt(struct client_session *session)
{
    struct client_attempt *attempt = session->first.call == NULL
                                         ? &session->first
                                         : arena_alloc(&session->call->arena, sizeof(*attempt));

    if (attempt == NULL)
        return NULL;
    *attempt = (struct client_attempt){.session = session};
    attempt->call = client_take_call(session->call->owner);
    return attempt->call == NULL ? NULL : attempt;
}

struct client_attempt *
chain_begin_attempt(struct client_session *session)
{
    struct weir_call *call = session->call, *own;
    struct client_attempt *attempt = new_attempt(session);
    int64_t due = deadline_after(loop_now(call->loop), session->attempt_timeout);

    if (attempt == NULL)
        return NULL;
    own = attempt->call;
    own->method = call->method;
    own->path = call->path;
    own->deadline = due < call->deadline ? due : call->deadline;
    own->out_headers = call->out_headers;
    own->gzip_told = call->gzip_told;
    own->gzip_out = call->gzip_out; /* not the user's, which its thread may be setting now */
    own->credentials = call->credentials;
    own->wait_for_ready = call->wait_for_ready;
    own->cacheable = call->cacheable;
    own->max_receive = call->max_receive;
    own->max_send = call->max_send;
    own->session = session;
    own->previous_attempts = session->started++;
    list_push(&call->children, &own->sibling);
    list_push(&session->attempts, &attempt->link);
    return attempt;
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

/* Copy what the attempt has received to the call. */
static void
show_attempt(struct client_session *session)
{
    struct weir_call *call = session->call, *attempt = session->attempt->call;

    put_block(&call->headers, attempt->headers);
    put_block(&call->trailers, attempt->trailers);
    call->compressed = attempt->compressed;
    if (attempt->peer != NULL)
        call->peer = arena_dup(call_texts(call), weir_str_of(attempt->peer));
}

void
chain_share(struct client_session *session)
{
    struct weir_call *user = session->user, *call = session->call;

    if (session->attempt == NULL || user->headers != NULL)
        return;
    show_attempt(session);
    put_block(&user->headers, call->headers);
    user->peer = call->peer;
}

/* The status of the attempt, unless the call itself has ended meanwhile. */
static weir_code
conclude_attempt(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;
    struct weir_call *call = session->call;

    list_remove(&attempt->call->sibling);
    session->attempt = attempt;
    session->settled = session->settled || attempt->call->headers != NULL;
    show_attempt(session);
    if (call->ended)
        return call->code;
    call->message = attempt->call->message == NULL
                        ? NULL
                        : arena_dup(&call->arena, weir_str_of(weir_call_message(attempt->call)));
    return attempt->code;
}

/* An attempt of a call whose messages are kept, as for streams. */
static weir_code
ride(struct client_attempt *attempt)
{
    weir_code code = session_ride(attempt);

    if (code != WEIR_OK || !call_peer_sends_one(attempt->call))
        return code;
    return attempt_receive_single(attempt->call, &attempt->response);
}

weir_code
chain_run_attempt(struct client_attempt *attempt)
{
    struct client_session *session = attempt->session;

    attempt->code = attempt->call->method->kind == WEIR_UNARY && !session->closing
                        ? attempt_unary(attempt->call, session->request, &attempt->response)
                        : ride(attempt);
    return attempt->code;
}

static struct client_attempt *
make_attempts(struct client_session *session)
{
    struct client_attempt *attempt;

    if (session->hedge != NULL && hedge_begin(session))
        return hedge_attempts(session);
    attempt = chain_begin_attempt(session);
    if (attempt != NULL) {
        session->attempt = attempt;
        (void)chain_run_attempt(attempt);
    }
    return attempt;
}

/* Until the first attempt interceptors may set the compression, after that the user. */
static void
take_compression(struct client_session *session)
{
    struct weir_call *user = session->user, *call = session->call;

    if (session->started > 0)
        return;
    user->gzip_told = call->gzip_told;
    user->gzip_out = call->gzip_out;
}

/* Watchers see single messages here; those of streams are shown by the verbs. */
static weir_code
show_request(struct client_session *session)
{
    if (session->started > 0 || session->request == NULL)
        return WEIR_OK;
    return call_show_sending(session->call, session->request);
}

static weir_code
show_response(struct client_attempt *attempt, weir_code code)
{
    if (code != WEIR_OK || attempt->response == NULL)
        return code;
    return call_show_received(attempt->session->call, attempt->response);
}

static weir_code
make_attempt(void *self, struct weir_call *call, struct weir_next *next)
{
    struct client_session *session = call->session;
    struct client_attempt *attempt;

    (void)self;
    (void)next;
    if (!call_arm_deadline(call))
        return call->code;
    if (session->settled)
        return session->attempt->code;
    drop_attempts(session);
    take_compression(session);
    WEIR_TRY(show_request(session));
    call->message = NULL;
    call->peer = NULL;
    call->status_bytes = (weir_str){NULL, 0};
    attempt = make_attempts(session);
    if (attempt == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory for a call");
    return show_response(attempt, conclude_attempt(attempt));
}

/* Make the attempts that the service config demands, or a single one. */
weir_code
chain_follow_policy(void *self, struct weir_call *call, struct weir_next *next)
{
    const struct client_policy *policy = call->session->user->policy;
    struct weir_next rest = {.run = make_attempt, .is_end = true};

    (void)self;
    (void)next;
    if (policy != NULL && policy->retry != NULL)
        return weir_retry_calls(policy->retry, call, &rest);
    if (policy != NULL && policy->hedge != NULL)
        return weir_hedge_calls(policy->hedge, call, &rest);
    return make_attempt(NULL, call, NULL);
}

/* The result of the chain becomes the call's status, unless the call has ended meanwhile. */
static weir_code
run_chain(struct client_session *session)
{
    struct weir_call *call = session->call;
    struct weir_channel *channel = call->owner;
    struct weir_next *first = rpc_chain_first(&channel->chain);
    weir_code code = call_arm_deadline(call) ? weir_proceed(first, call) : call->code;

    call_end(call, code, NULL);
    return call->code;
}

/* ---- unary ---- */

static bool
retire_attempt(struct weir_call *user)
{
    drop_attempts(user->session);
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
    if (session->attempt != NULL)
        *out_response = session->attempt->response;
    if (code == WEIR_OK && *out_response == NULL)
        return call_refuse(user, WEIR_INTERNAL, "an interceptor has answered without a response");
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
    drop_attempts(session);
    user->deputy = NULL;
    call_retire(session->call); /* frees the session as well */
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
    user->peer = call->peer;
    call_end(user, code, call->message);
    call_advance(call);
    call_advance(user);
    if (session->freed) {
        call_retire(user);
        client_let_go(channel);
    }
}

/* The call object for interceptors, a copy of the user's. NULL: no memory. */
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
    call->gzip_out = user->gzip_out;
    call->max_receive = user->max_receive;
    call->max_send = user->max_send;
    call->credentials = user->credentials;
    call->wait_for_ready = user->wait_for_ready;
    call->cacheable = user->cacheable;
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
    user->headers_sent = true; /* the user may add no more headers */
    user->deputy = &stream_deputy;
    if (fiber_start(call->loop, chain_on_fiber, session) == WEIR_OK)
        return session;
    session->running = false; /* freed with the user's call */
    return NULL;
}

/* A server may answer, and well, before it has all of the request. sent: what sending it gave. */
static weir_code
judge_opening(const struct client_session *session, weir_code sent)
{
    const struct client_attempt *attempt = session->attempt;

    if (session->user->ended)
        return weir_call_code(session->user);
    return sent == WEIR_FAILED_PRECONDITION && attempt != NULL && attempt->call->ended &&
                   attempt->call->code == WEIR_OK
               ? WEIR_OK
               : sent;
}

weir_code
chain_open(struct weir_call *user, const ProtobufCMessage *request)
{
    struct client_session *session;
    weir_code code = WEIR_OK;

    if (user->ended)
        return user->code;
    session = start_chain(user);
    if (session == NULL) {
        call_end(user, WEIR_RESOURCE_EXHAUSTED, "no memory for the interceptors");
        return user->code;
    }
    while (!session->opened && !user->ended)
        call_park(session->call);
    chain_share(session);
    if (request != NULL && !user->ended)
        code = session_send(session, request, true);
    return judge_opening(session, code);
}

/* ---- public ---- */

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
