/* SPDX-License-Identifier: Apache-2.0 */
/* The public statistics: each loop has its own counters, which the reader adds up. */
#include "server/server.h"

/* h2's limits come first, in its order. */
_Static_assert((int)WEIR_LIMIT_HEADER_LIST == (int)H2_LIMIT_HEADER_LIST, "the same numbers");
_Static_assert((int)WEIR_LIMIT_UNREAD == (int)H2_LIMIT_UNREAD, "the same numbers");
_Static_assert((int)WEIR_LIMIT_HELD == (int)H2_LIMIT_HELD, "the same numbers");
_Static_assert((int)WEIR_LIMIT_HANDSHAKE == (int)H2_LIMIT_COUNT, "the others come after");

const char *
weir_limit_name(enum weir_limit limit)
{
    static const char *const names[WEIR_LIMIT_COUNT] = {
        [WEIR_LIMIT_HEADER_LIST] = "header_list",
        [WEIR_LIMIT_CONTINUATIONS] = "continuations",
        [WEIR_LIMIT_STREAMS] = "streams",
        [WEIR_LIMIT_RESETS] = "resets",
        [WEIR_LIMIT_LOCAL_RESETS] = "local_resets",
        [WEIR_LIMIT_CONTROL_FRAMES] = "control_frames",
        [WEIR_LIMIT_EMPTY_FRAMES] = "empty_frames",
        [WEIR_LIMIT_PRIORITY] = "priority",
        [WEIR_LIMIT_SETTINGS] = "settings",
        [WEIR_LIMIT_PINGS] = "pings",
        [WEIR_LIMIT_UNREAD] = "unread",
        [WEIR_LIMIT_HELD] = "held",
        [WEIR_LIMIT_HANDSHAKE] = "handshake",
        [WEIR_LIMIT_CONNECTIONS] = "connections",
        [WEIR_LIMIT_ADDRESS] = "address",
        [WEIR_LIMIT_PENALTY] = "penalty",
        [WEIR_LIMIT_STALL] = "stall",
        [WEIR_LIMIT_WINDOW] = "window",
        [WEIR_LIMIT_MESSAGE] = "message",
        [WEIR_LIMIT_MESSAGE_TIME] = "message_time",
        [WEIR_LIMIT_LINGER] = "linger",
        [WEIR_LIMIT_TLS] = "tls",
        [WEIR_LIMIT_HTTP_CONNECTIONS] = "http_connections",
        [WEIR_LIMIT_HTTP_TIME] = "http_time",
        [WEIR_LIMIT_HTTP_REQUEST] = "http_request",
        [WEIR_LIMIT_HTTP_MALFORMED] = "http_malformed",
    };

    return (unsigned)limit < WEIR_LIMIT_COUNT ? names[limit] : NULL;
}

static void
add_limits(const struct server_loop *home, struct weir_server_stats *sum)
{
    const struct server_counters *stats = &home->stats;

    for (int i = 0; i < WEIR_LIMIT_COUNT; i++) {
        sum->limit_hits[i] += counter_read(&stats->limit_hits[i]);
        if (i < H2_LIMIT_COUNT)
            sum->limit_hits[i] += counter_read(&stats->h2.limit_hits[i]);
    }
    sum->limit_hits[WEIR_LIMIT_HELD] += counter_read(&home->unread.denied);
    sum->limit_hits[WEIR_LIMIT_LINGER] += counter_read(&stats->net.unlingered);
    sum->limit_hits[WEIR_LIMIT_TLS] += counter_read(&stats->net.tls_talkers);
}

static void
add_loop(const struct server_loop *home, struct weir_server_stats *sum)
{
    const struct server_counters *stats = &home->stats;
    struct fiber_stats fibers = fiber_stats(home->loop);

    sum->connections_accepted += counter_read(&stats->accepted);
    sum->connections_refused += counter_read(&stats->refused);
    sum->connections_live += counter_read(&stats->live);
    sum->handshakes_failed += counter_read(&stats->handshakes_failed);
    sum->protocol_errors += counter_read(&stats->h2.protocol_errors);
    sum->calls_started += counter_read(&stats->calls_started);
    sum->calls_succeeded += counter_read(&stats->calls_succeeded);
    sum->calls_failed += counter_read(&stats->calls_failed);
    sum->calls_refused += counter_read(&stats->calls_refused);
    sum->calls_live += counter_read(&stats->calls_live);
    sum->bytes_in += counter_read(&stats->traffic.in);
    sum->bytes_out += counter_read(&stats->traffic.out);
    sum->fibers_live += fibers.live;
    sum->timers_live += loop_timer_count(home->loop);
    sum->fiber_stacks += fibers.stacks;
    sum->fibers_refused += fibers.refused;
    sum->http_requests += counter_read(&stats->http_requests);
    sum->http_connections_live += counter_read(&stats->http_live);
    sum->connections_futile += counter_read(&stats->offences[SERVER_FUTILE]);
    sum->connections_harmful += counter_read(&stats->offences[SERVER_HARMFUL]);
    add_limits(home, sum);
    if ((int64_t)counter_read(&stats->last_call) > sum->last_call)
        sum->last_call = (int64_t)counter_read(&stats->last_call);
}

void
weir_server_stats(const weir_server *server, struct weir_server_stats *out_stats)
{
    *out_stats = (struct weir_server_stats){0};
    for (unsigned i = 0; i < server->options.loops; i++)
        add_loop(&server->loops[i], out_stats);
    out_stats->addresses_held_back =
        server_penalty_count(&server->loops[0].server->penalties, weir_now());
    out_stats->limit_hits[WEIR_LIMIT_MESSAGE] += counter_read(&server->too_large);
}
