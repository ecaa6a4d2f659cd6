/* SPDX-License-Identifier: Apache-2.0 */
/* Rejects connections of addresses that are held back (penalty.c), at minimal cost.
 *
 * A connection is refused before anything is allocated for it, and each loop installs a packet
 * filter with which the kernel drops the SYNs of addresses that would be refused. The filter is
 * updated when an address is added, when a connection shows that another loop has added one, and
 * when an address may connect again; but at most twice per GATE_REST, because the kernel compiles
 * it each time. Twice, so that an address that has just made its one connection is filtered at
 * once. */
#include "server/server.h"

#define GATE_REST (20 * WEIR_MILLISECOND)

/* Without memory for the timer, the filter is updated at the next change. */
static void
change_at(struct server_loop *home, int64_t due)
{
    struct server_gate *gate = &home->gate;

    if (due < gate->told_before + GATE_REST)
        due = gate->told_before + GATE_REST;
    if (gate->timer.slot > 0 && gate->timer.due <= due)
        return;
    (void)!loop_timer_start(home->loop, &gate->timer, due);
}

static void
tell_kernel(struct loop_timer *timer)
{
    struct server_loop *home = container_of(timer, struct server_loop, gate.timer);
    struct net_origin origins[NET_SHUT_OUT_MAX];
    int64_t now = loop_now(home->loop), until;
    size_t count =
        server_penalty_list(&home->server->penalties, now, origins, NET_SHUT_OUT_MAX, &until);

    home->gate.told_before = home->gate.told_at;
    home->gate.told_at = now;
    for (size_t i = 0; i < home->listeners.count; i++)
        net_listener_shut_out(home->listeners.items[i], origins, count);
    if (count > 0 && home->listeners.count > 0)
        change_at(home, until);
}

void
server_gate_init(struct server_loop *home)
{
    loop_timer_init(&home->gate.timer, tell_kernel);
}

void
server_gate_changed(struct server_loop *home)
{
    change_at(home, loop_now(home->loop));
}

bool
server_gate_admits(void *owner, const struct net_address *peer)
{
    struct server_loop *home = owner;
    enum server_verdict verdict =
        server_penalty_judge(&home->server->penalties, peer, loop_now(home->loop));

    if (verdict == SERVER_WELCOME)
        return true;
    server_gate_changed(home);
    if (verdict == SERVER_HELD_BACK)
        return true;
    counter_add(&home->stats.accepted, 1);
    counter_add(&home->stats.refused, 1);
    counter_add(&home->stats.limit_hits[WEIR_LIMIT_PENALTY], 1);
    return false;
}
