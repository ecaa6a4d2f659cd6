/* SPDX-License-Identifier: Apache-2.0 */
/* Observers of a server call outside its handler: timers that may end the call, and events that are
 * set when its connection drains. Allocated in the call's arena. */
#include "rpc/call.h"

#include <weir/pool.h>

struct call_alarm {
    struct loop_timer timer; /* not used if there is an event */
    struct call_alarm *next;
    struct weir_call *call;
    weir_alarm *look;
    void *self;
    weir_event *event; /* set when the connection drains; NULL: this is a timer */
};

/* An alarm that cannot be scheduled ends the call, since its owner relies on it. */
static weir_code
look_again(struct call_alarm *alarm, int64_t when)
{
    if (loop_timer_start(alarm->call->loop, &alarm->timer, when) == WEIR_OK)
        return WEIR_OK;
    return weir_fail(alarm->call, WEIR_RESOURCE_EXHAUSTED, "no memory for the alarm");
}

static void
time_has_come(struct loop_timer *timer)
{
    struct call_alarm *alarm = container_of(timer, struct call_alarm, timer);
    struct weir_call *call = alarm->call;
    int64_t again = WEIR_NEVER;
    weir_code code;

    if (call->ended)
        return;
    code = alarm->look(alarm->self, call, &again);
    if (code == WEIR_OK)
        code = look_again(alarm, again);
    if (code == WEIR_OK)
        return;
    call_end(call, code, NULL);
    call_advance(call);
}

static weir_code
add_alarm(struct weir_call *call, struct call_alarm **out_alarm)
{
    struct call_alarm *alarm;

    if (!call->is_server) /* another thread may be using a client call's arena */
        return WEIR_FAILED_PRECONDITION;
    alarm = arena_alloc(&call->arena, sizeof(*alarm));
    if (alarm == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *alarm = (struct call_alarm){.next = call->alarms, .call = call};
    loop_timer_init(&alarm->timer, time_has_come);
    call->alarms = alarm;
    *out_alarm = alarm;
    return WEIR_OK;
}

weir_code
weir_call_alarm(weir_call *call, int64_t when, weir_alarm *look, void *self)
{
    struct call_alarm *alarm;

    WEIR_TRY(add_alarm(call, &alarm));
    alarm->look = look;
    alarm->self = self;
    return look_again(alarm, when);
}

void
call_stop_alarms(struct weir_call *call)
{
    for (struct call_alarm *at = call->alarms; at != NULL; at = at->next) {
        loop_timer_stop(call->loop, &at->timer);
        weir_event_unref(at->event);
    }
}

/* ---- draining ---- */

void
call_tell_drain(struct weir_call *call)
{
    for (struct call_alarm *at = call->alarms; at != NULL; at = at->next)
        if (at->event != NULL)
            weir_event_set(at->event);
}

bool
call_hears_drain(const struct weir_call *call)
{
    for (const struct call_alarm *at = call->alarms; at != NULL; at = at->next)
        if (at->event != NULL)
            return true;
    return false;
}

bool
weir_call_draining(const weir_call *call)
{
    return call->is_server && call->transport != NULL && call->transport->draining;
}

weir_code
weir_call_on_drain(weir_call *call, weir_event *event)
{
    struct call_alarm *alarm;

    WEIR_TRY(add_alarm(call, &alarm));
    alarm->event = weir_event_ref(event);
    if (weir_call_draining(call))
        weir_event_set(event);
    return WEIR_OK;
}
