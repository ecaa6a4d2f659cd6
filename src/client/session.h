/* SPDX-License-Identifier: Apache-2.0 */
/* A call and its attempts: the state of a call that outlives a stream. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "client/client.h"
#include <weir/retry.h>

/* A call consists of up to three kinds of call object:
 *
 *   user     the user's; its status is the call's
 *   call     the interceptors'; exists until the chain has returned
 *   attempt  has the stream; one at a time, or several at once if the call is hedged
 *
 * The user of a unary call is inside its verb while the chain runs, so user and call are one
 * object. Without interceptors all three are one, and a unary call has no session. A stream with
 * interceptors runs its verbs on the user's fibers and its chain on a fiber of its own, so there
 * are three objects.
 *
 * Sent messages are kept in call->sent until the call is settled: no other attempt can follow,
 * because the response of one has started, or more was sent than can be kept (gRFC A6: committed).
 * From then on there is one attempt, and messages go directly to its stream. */
struct client_attempt {
    struct list link; /* in its session's attempts */
    struct client_session *session;
    struct weir_call *call;
    ProtobufCMessage *response; /* in the call's memory; NULL: none */
    size_t written;             /* bytes of session->call->sent that its stream has accepted */
    bool open;                  /* it has its stream and has sent the headers */
    bool running;               /* hedged: its own fiber is running */
    bool judged;                /* hedged: its result has been evaluated */
    weir_code code;             /* valid once it has ended */
};

struct client_session {
    struct weir_call *user, *call;
    struct list attempts;            /* those that may still supply the result */
    struct client_attempt *attempt;  /* the only one, or the one that settled the call, or the last
                                        one that ended. NULL: none yet */
    struct client_attempt first;     /* storage for one attempt */
    const ProtobufCMessage *request; /* unary */
    const weir_hedge *hedge;         /* NULL: one attempt at a time */
    bool opened;                     /* an attempt has been opened */
    bool closing;                    /* no more messages will be sent */
    bool settled;
    bool running;     /* the session's own fiber is running */
    bool freed;       /* by the user; the session's fiber retires it */
    unsigned started; /* attempts, not counting transparent retries */
    int64_t attempt_timeout;
};

/* ---- attempt.c: one attempt, on any call object ---- */

/* Find a stream and send the headers. Suspends. */
weir_code attempt_open(struct weir_call *attempt);

/* Send the headers on the stream that the call has. */
weir_code attempt_send_headers(struct weir_call *call, const struct client_method *method);

/* Wait for the end of the attempt and return its status. With a code other than OK, a local
 * failure, it ends at once and the stream is reset. Suspends. */
weir_code attempt_settle(struct weir_call *attempt, weir_code code);

/* Receive the single response, then the status. Suspends. */
weir_code attempt_receive_single(struct weir_call *attempt, ProtobufCMessage **out_response);

/* A complete unary exchange. Suspends. */
weir_code attempt_unary(
    struct weir_call *attempt, const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Prepare an attempt that the server has never seen for another stream, once per attempt (gRFC A6,
 * transparent retries). False: no further stream is allowed. */
bool attempt_renew(struct weir_call *attempt);

/* ---- session.c: a stream whose attempt may change ---- */

/* Give a streaming call without interceptors a session. False: no memory. */
bool session_begin(struct weir_call *call);

/* Open the attempt, replay to it what was sent, and wait until it has ended. Suspends. */
weir_code session_ride(struct client_attempt *attempt);

/* Commit to this attempt; the others are cancelled. */
void session_settle(struct client_attempt *attempt);

/* The verbs of a call. They suspend. */
weir_code session_send(struct client_session *session, const ProtobufCMessage *message, bool last);
weir_code session_close_send(struct client_session *session);
weir_code session_receive(struct client_session *session, ProtobufCMessage **out_message);
weir_code session_receive_headers(struct client_session *session);
bool session_receivable(struct client_session *session); /* does not suspend */
weir_code session_finish(struct client_session *session, ProtobufCMessage **out_response);

/* ---- hedge.c: several attempts at once ---- */

/* Keep the request of a unary call for further attempts. False: it is too large to keep; the call
 * gets a single attempt. */
bool hedge_begin(struct client_session *session);

/* Run the attempts and commit to one of them. NULL: no memory. Suspends. */
struct client_attempt *hedge_attempts(struct client_session *session);

/* Does another attempt of the same call have its stream on this subchannel? */
bool hedge_is_at(const struct weir_call *attempt, const struct weir_subchannel *subchannel);

/* ---- chain.c: interceptors around a call ---- */

/* Let the user see the headers of the settled attempt. */
void chain_share(struct client_session *session);

/* Create another attempt. NULL: no memory. */
struct client_attempt *chain_begin_attempt(struct client_session *session);

/* Run the attempt, which then has the response. Suspends. */
weir_code chain_run_attempt(struct client_attempt *attempt);

/* Free an attempt that has ended and is not used. */
void chain_drop_attempt(struct client_attempt *attempt);

/* The innermost step of a channel's chain. Suspends. */
weir_interceptor chain_follow_policy;

/* A unary call through the channel's interceptors. Suspends. */
weir_code chain_unary(
    struct weir_call *user, const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Start the chain around a stream, and wait until an attempt is open or the chain has returned.
 * Suspends. */
weir_code chain_open(struct weir_call *user, const ProtobufCMessage *request);
