/* SPDX-License-Identifier: Apache-2.0 */
/* A server's loops: creation, threads, draining. */
#include "server/http.h"

#include <stdlib.h>

/* The grace period is over: close the remaining connections. */
static void
grace_over(struct loop_timer *timer)
{
    struct server_loop *home = container_of(timer, struct server_loop, grace);

    list_each_safe (link, &home->conns) {
        struct server_conn *conn = container_of(link, struct server_conn, link);

        if (h2_conn_stream_count(conn->transport.h2) > 0)
            home->server->cut = true;
        h2_conn_shutdown(conn->transport.h2, H2_NO_ERROR, "grace time over");
        server_conn_close(conn, "the server is shutting down");
    }
    server_loop_check_done(home);
}

static void
woken(uv_async_t *wake)
{
    server_loop_drain(wake->data);
}

void
server_loop_check_done(struct server_loop *home)
{
    struct weir_server *server = home->server;
    struct server_loop *first = &server->loops[0];

    if (!home->draining || !list_empty(&home->conns) || counter_read(&home->stats.calls_live) > 0)
        return;
    if (!home->idle) {
        home->idle = true;
        if (atomic_fetch_sub(&server->busy_loops, 1) == 1 && home != first)
            uv_async_send(&first->wake);
    }
    if ((home != first || (atomic_load(&server->busy_loops) == 0 && server_http_end(home))) &&
        server_loop_leave(home))
        weir_loop_stop(home->loop);
}

void
server_loop_drain(struct server_loop *home)
{
    int64_t until = atomic_load(&home->server->drain_until);

    if (until == WEIR_NEVER)
        return;
    if (loop_timer_start(home->loop, &home->grace, until) != WEIR_OK)
        grace_over(&home->grace);
    if (home->draining) {
        server_loop_check_done(home);
        return;
    }
    home->draining = true;
    server_listeners_close(home->server, &home->listeners);
    if (atomic_load(&home->server->shared))
        server_listeners_close(home->server, &home->http_listeners);
    list_each_safe (link, &home->conns)
        server_conn_drain(container_of(link, struct server_conn, link), "draining");
    server_loop_check_done(home);
}

/* Each loop's share admits at least one message of maximum size, for which a buffer may have up to
 * twice the memory. */
static void
set_budget(struct server_loop *home, const struct weir_server_options *options)
{
    struct h2_budget *budget = &home->unread;

    budget->limit = options->max_unread / options->loops;
    if (budget->limit < options->max_receive_message)
        budget->limit = options->max_receive_message;
    budget->held_limit = options->max_held / options->loops;
    if (budget->held_limit / 2 < options->max_receive_message)
        budget->held_limit = 2 * (uint64_t)options->max_receive_message;
}

static bool
loop_setup(struct weir_server *server, struct server_loop *home)
{
    list_init(&home->conns);
    list_init(&home->http_conns);
    pthread_mutex_init(&home->survey_lock, NULL);
    loop_timer_init(&home->grace, grace_over);
    loop_timer_init(&home->rest, server_loop_rest);
    server_gate_init(home);
    if (weir_loop_new(&home->loop) != WEIR_OK)
        return false;
    home->server = server;
    set_budget(home, &server->options);
    home->shared = (struct call_shared){.max_receive = server->options.max_receive_message,
        .max_send = server->options.max_send_message,
        .too_large = &server->too_large,
        .budget = &home->unread,
        .compression = server->options.compression};
    list_init(&home->shared.inflaters);
    fiber_set_stack_size(home->loop, server->options.fiber_stack);
    home->wake.data = home;
    return net_count(home->loop, &home->stats.net) == WEIR_OK &&
           uv_async_init(loop_uv(home->loop), &home->wake, woken) == 0;
}

bool
server_loops_new(struct weir_server *server)
{
    server->loops = calloc(server->options.loops, sizeof(*server->loops));
    if (server->loops == NULL)
        return false;
    for (unsigned i = 0; i < server->options.loops; i++) {
        if (!loop_setup(server, &server->loops[i]))
            return false;
    }
    return true;
}

static void
loop_teardown(struct server_loop *home)
{
    if (home->loop == NULL)
        return;
    server_listeners_close(home->server, &home->listeners);
    server_listeners_close(home->server, &home->http_listeners);
    loop_timer_stop(home->loop, &home->grace);
    loop_timer_stop(home->loop, &home->rest);
    loop_timer_stop(home->loop, &home->gate.timer);
    if (home->wake.loop != NULL)
        uv_close((uv_handle_t *)&home->wake, NULL);
    weir_loop_free(home->loop);
    pthread_mutex_destroy(&home->survey_lock);
    call_pool_fini(&home->pool);
    buf_pool_fini(&home->outputs);
    call_shared_fini(&home->shared);
}

void
server_loops_free(struct weir_server *server)
{
    for (unsigned i = 0; server->loops != NULL && i < server->options.loops; i++)
        loop_teardown(&server->loops[i]);
    free(server->loops);
}

static void *
run_loop(void *arg)
{
    struct server_loop *home = arg;

    weir_loop_run(home->loop);
    return NULL;
}

bool
server_loops_run(struct weir_server *server)
{
    unsigned started = 1;

    while (started < server->options.loops && pthread_create(&server->loops[started].thread, NULL,
                                                  run_loop, &server->loops[started]) == 0)
        started++;
    if (started < server->options.loops) {
        atomic_fetch_sub(&server->busy_loops, server->options.loops - started);
        for (unsigned i = started; i < server->options.loops; i++)
            server_loop_leave(&server->loops[i]);
        weir_server_drain(server, 0);
    }
    run_loop(&server->loops[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(server->loops[i].thread, NULL);
    return started == server->options.loops;
}
