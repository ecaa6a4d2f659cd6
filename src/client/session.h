/* SPDX-License-Identifier: Apache-2.0 */
/* A call and its attempts: what of it outlives a stream. */
/* Threads: everything belongs to the loop's thread. */
#pragma once

#include "client/client.h"
#include <weir/retry.h>

/* Up to three kinds of call object make up one call:
 *
 *   user     what the user has; its status is the call's
 *   call     what interceptors see; alive until the chain has returned
 *   attempt  has the stream; one after the other, or several at once where the call is hedged
 *
 * A unary call's user is inside its verb while the chain runs, so user and call are one. Without
 * interceptors all three are one, and a unary call has no session at all. A stream with
 * interceptors has its verbs on the user's fibers and its chain on one of its own, so they are
 * three.
 *
 * What is sent is kept in call->sent until the call is settled, which is when no other attempt can
 * follow: the response of one has begun, or more was sent than is kept (gRFC A6, committed). From
 * then on there is one attempt, and messages go straight to its stream. */
struct client_attempt {
    struct list link; /* in its session's attempts */
    struct client_session *session;
    struct weir_call *call;
    ProtobufCMessage *response; /* in call's memory; of those that have one */
    size_t written;             /* bytes of session->call->sent that its stream has taken */
    bool open;                  /* it has its stream, and the headers are out */
    bool running;               /* hedged: a fiber of its own is at work */
    bool judged;                /* hedged: its end was taken note of */
    weir_code code;             /* once it has ended */
};

struct client_session {
    struct weir_call *user, *call;
    struct list attempts;            /* those that may still become the call's */
    struct client_attempt *attempt;  /* the call's: the only one, or the one that has settled it, or
                                        the last one that ended. NULL: none yet */
    struct client_attempt first;     /* storage of one */
    const ProtobufCMessage *request; /* unary */
    const weir_hedge *hedge;         /* NULL: one attempt at a time */
    bool opened;                     /* an attempt has been open */
    bool closing;                    /* no message follows what was sent */
    bool settled;
    bool running;     /* a fiber of the session's own is at work */
    bool freed;       /* by the user; the fiber retires it */
    unsigned started; /* attempts; a transparent one counts as the one before */
    int64_t attempt_timeout;
};

/* ---- attempt.c: one attempt, on any call object ---- */

/* Find a stream and send the headers. Suspends. */
weir_code attempt_open(struct weir_call *attempt);

/* On the stream that it has. */
weir_code attempt_send_headers(struct weir_call *call, const struct client_method *method);

/* A failure on this side ends the attempt; the server hears a reset. Waits for the end, and returns
 * the status. Suspends. */
weir_code attempt_settle(struct weir_call *attempt, weir_code code);

/* The single response, then the status. Suspends. */
weir_code attempt_receive_single(struct weir_call *attempt, ProtobufCMessage **out_response);

/* A whole unary exchange. Suspends. */
weir_code attempt_unary(
    struct weir_call *attempt, const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Make an attempt that the server has never seen ready for another stream, once (gRFC A6,
 * transparent retries). False: it may not have one. */
bool attempt_renew(struct weir_call *attempt);

/* ---- session.c: a stream whose attempt may change ---- */

/* Tie a stream without interceptors to a session of its own. False: no memory. */
bool session_begin(struct weir_call *call);

/* Open the attempt, bring it all that was sent, and stay with it until it has ended. Suspends. */
weir_code session_ride(struct client_attempt *attempt);

/* This attempt is the call's from now on; the others are cancelled. */
void session_settle(struct client_attempt *attempt);

/* The verbs. They suspend. */
weir_code session_send(struct client_session *session, const ProtobufCMessage *message, bool last);
weir_code session_close_send(struct client_session *session);
weir_code session_receive(struct client_session *session, ProtobufCMessage **out_message);
weir_code session_receive_headers(struct client_session *session);
bool session_receivable(struct client_session *session); /* does not suspend */
weir_code session_finish(struct client_session *session, ProtobufCMessage **out_response);

/* ---- hedge.c: several attempts at once ---- */

/* Have what a unary call sends kept, as of streams. False: it is too much to be kept; then there is
 * one attempt. */
bool hedge_begin(struct client_session *session);

/* Make them, and settle on one. NULL: no memory. Suspends. */
struct client_attempt *hedge_attempts(struct client_session *session);

/* Has another attempt at the same call its stream at this server? */
bool hedge_is_at(const struct weir_call *attempt, const struct weir_subchannel *subchannel);

/* ---- chain.c: interceptors around it ---- */

/* Let the user see the headers of the settled attempt. */
void chain_share(struct client_session *session);

/* Begin another attempt. NULL: no memory. */
struct client_attempt *chain_begin_attempt(struct client_session *session);

/* Carry it out; its response is in it. Suspends. */
weir_code chain_run_attempt(struct client_attempt *attempt);

/* It is over, and of no use. */
void chain_drop_attempt(struct client_attempt *attempt);

/* The end of a channel's chain. Suspends. */
weir_interceptor chain_follow_policy;

/* A unary call through the channel's interceptors. Suspends. */
weir_code chain_unary(
    struct weir_call *user, const ProtobufCMessage *request, ProtobufCMessage **out_response);

/* Start the chain around a stream, and wait until an attempt is open or the chain has returned.
 * Suspends. */
weir_code chain_open(struct weir_call *user, const ProtobufCMessage *request);
