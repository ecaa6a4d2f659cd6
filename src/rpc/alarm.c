/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that look at a server's call and may end it. They are in the call's arena. */
#include "rpc/call.h"

struct call_alarm {
    struct loop_timer timer;
    struct call_alarm *next;
    struct weir_call *call;
    weir_alarm *look;
    void *self;
};

/* A look that cannot be had is a refusal: who asked for it relies on it. */
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

weir_code
weir_call_alarm(weir_call *call, int64_t when, weir_alarm *look, void *self)
{
    struct call_alarm *alarm;

    if (!call->is_server) /* its arena may be in use by another thread then */
        return WEIR_FAILED_PRECONDITION;
    alarm = arena_alloc(&call->arena, sizeof(*alarm));
    if (alarm == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *alarm = (struct call_alarm){.next = call->alarms, .call = call, .look = look, .self = self};
    loop_timer_init(&alarm->timer, time_has_come);
    call->alarms = alarm;
    return look_again(alarm, when);
}

void
call_stop_alarms(struct weir_call *call)
{
    for (struct call_alarm *at = call->alarms; at != NULL; at = at->next)
        loop_timer_stop(call->loop, &at->timer);
}
