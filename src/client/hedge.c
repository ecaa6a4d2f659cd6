/* SPDX-License-Identifier: Apache-2.0 */
/* Hedging: concurrent attempts of a call, each on its own fiber, until one of them settles the call
 * (gRFC A6). */
#include "client/retry.h"
#include "client/session.h"

#include "rpc/deadline.h"
#include <stdlib.h>

#define DEFAULT_ATTEMPTS 2

weir_code
weir_hedge_new(const struct weir_hedge_options *options, weir_hedge **out_hedge)
{
    static const struct weir_hedge_options defaults;
    weir_hedge *hedge;
    weir_code code;

    if (options == NULL)
        options = &defaults;
    if (options->delay < 0)
        return WEIR_INVALID_ARGUMENT;
    hedge = calloc(1, sizeof(*hedge));
    if (hedge == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = retry_policy_init(&hedge->policy, &(struct retry_policy_options){.codes = options->codes,
                                                 .code_count = options->code_count,
                                                 .max_tokens = options->max_tokens,
                                                 .token_ratio = options->token_ratio,
                                                 .unthrottled = options->unthrottled});
    if (code != WEIR_OK) {
        free(hedge);
        return code;
    }
    hedge->attempts = options->attempts == 0 ? DEFAULT_ATTEMPTS : options->attempts;
    hedge->delay = options->delay;
    *out_hedge = hedge;
    return WEIR_OK;
}

void
weir_hedge_free(weir_hedge *hedge)
{
    free(hedge);
}

weir_code
weir_hedge_calls(void *self, weir_call *call, weir_next *next)
{
    struct client_session *session = call->session;
    const weir_hedge *before;
    weir_code code;

    if (session == NULL) /* a server's call */
        return weir_proceed(next, call);
    before = session->hedge;
    session->hedge = self;
    code = weir_proceed(next, call);
    session->hedge = before;
    return code;
}

/* ---- running the attempts ---- */

struct run {
    struct client_session *session;
    const weir_hedge *hedge;
    unsigned left;               /* attempts that may still be started */
    size_t live;                 /* attempts not judged yet */
    int64_t due;                 /* when the next one starts */
    struct client_attempt *last; /* the last one judged */
};

bool
hedge_begin(struct client_session *session)
{
    const struct weir_channel *channel = session->call->owner;
    const ProtobufCMessage *request;
    size_t len;

    if (session->call->method->kind != WEIR_UNARY || session->closing)
        return true;
    request = wire_message_keep_zeros(&session->call->arena, session->request);
    if (request == NULL)
        return false;
    len = protobuf_c_message_get_packed_size(request);
    if (len > session->call->max_send || WIRE_PREFIX_SIZE + len > channel->retry_buffer ||
        call_frame(session->user, request, len, &session->call->sent) != WEIR_OK)
        return false;
    session->closing = true;
    return true;
}

static void
attempt_on_fiber(void *arg)
{
    struct client_attempt *attempt = arg;

    (void)chain_run_attempt(attempt);
    attempt->running = false;
    call_advance(attempt->session->call);
}

/* False: it could not be started, and no more will be. */
static bool
begin_attempt(struct run *run)
{
    struct client_session *session = run->session;
    struct client_attempt *attempt = chain_begin_attempt(session);

    if (attempt == NULL) {
        run->left = 0;
        return false;
    }
    attempt->running = true;
    if (fiber_start(session->call->loop, attempt_on_fiber, attempt) != WEIR_OK) {
        chain_drop_attempt(attempt);
        run->left = 0;
        return false;
    }
    run->left--;
    run->live++;
    run->due = deadline_after(retry_now(&run->hedge->policy, session->call), run->hedge->delay);
    return true;
}

/* After a failure, the next attempt starts after the pushback, or at once, or not at all. */
static void
heed_end(struct run *run, enum retry_pushback pushback, int64_t delay)
{
    int64_t now = retry_now(&run->hedge->policy, run->session->call);

    if (pushback == PUSHBACK_STOP)
        run->left = 0;
    else
        run->due = pushback == PUSHBACK_WAIT ? deadline_after(now, delay) : now;
}

static void
judge(struct run *run, struct client_attempt *attempt)
{
    const struct retry_policy *policy = &run->hedge->policy;
    struct client_session *session = run->session;
    int64_t delay = 0;
    enum retry_pushback pushback = retry_read_pushback(attempt->call, &delay);

    attempt->judged = true;
    run->live--;
    run->last = attempt;
    if ((session->settled && session->attempt != attempt) || session->call->ended)
        return; /* cancelled */
    retry_count(policy, attempt->code, pushback);
    if (session->settled)
        return;
    if (retry_policy_has(policy, attempt->code))
        heed_end(run, pushback, delay);
    else
        session_settle(attempt);
}

static void
judge_all(struct run *run)
{
    list_each (link, &run->session->attempts) {
        struct client_attempt *attempt = container_of(link, struct client_attempt, link);

        if (!attempt->running && !attempt->judged)
            judge(run, attempt);
    }
}

/* Start the attempts that are due. */
static void
begin_due(struct run *run)
{
    const struct retry_policy *policy = &run->hedge->policy;
    struct client_session *session = run->session;

    while (run->left > 0 && !session->settled && !session->call->ended &&
           retry_now(policy, session->call) >= run->due) {
        if (retry_is_throttled(policy))
            run->left = 0;
        else
            begin_attempt(run);
    }
}

static void
cancel_all(struct client_session *session)
{
    list_each (link, &session->attempts) {
        struct weir_call *call = container_of(link, struct client_attempt, link)->call;

        if (session->call->code == WEIR_CANCELLED)
            call->cancelled = true;
        call_end(call, session->call->code, NULL);
        call_advance(call);
    }
}

/* Run until an attempt has settled the call and no other one runs, or all have failed. */
static void
go_on(struct run *run)
{
    struct client_session *session = run->session;
    bool cancelled = false;

    for (;;) {
        judge_all(run);
        begin_due(run);
        if (session->call->ended && !cancelled) {
            cancelled = true;
            cancel_all(session);
        }
        if (run->live == 0 && (run->left == 0 || session->settled || session->call->ended))
            return;
        if (run->left == 0 || session->settled || session->call->ended)
            call_park(session->call);
        else
            retry_wait(&run->hedge->policy, session->call, run->due);
    }
}

struct client_attempt *
hedge_attempts(struct client_session *session)
{
    struct run run = {
        .session = session, .hedge = session->hedge, .left = session->hedge->attempts};
    struct client_attempt *chosen;

    if (!begin_attempt(&run))
        return NULL;
    go_on(&run);
    chosen = session->settled ? session->attempt : run.last;
    list_each_safe (link, &session->attempts) {
        struct client_attempt *attempt = container_of(link, struct client_attempt, link);

        if (attempt != chosen)
            chain_drop_attempt(attempt);
    }
    return chosen;
}

bool
hedge_is_at(const struct weir_call *attempt, const struct weir_subchannel *subchannel)
{
    list_each (link, &attempt->session->attempts) {
        const struct weir_call *other = container_of(link, struct client_attempt, link)->call;

        if (other != attempt && other->transport != NULL &&
            container_of(other->transport, struct client_conn, transport)->subchannel == subchannel)
            return true;
    }
    return false;
}
