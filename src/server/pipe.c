/* SPDX-License-Identifier: Apache-2.0 */
/* Connections from channels in the same process: sent to a loop, which must take them before it
 * ends. */
#include "server/server.h"

#include <stdlib.h>

void
server_expect_pipes(struct weir_server *server)
{
    atomic_store(&server->in_process, true);
}

struct arrival {
    struct loop_task task;
    struct server_loop *home;
    struct net_pipe_end *end;
};

/* If the server never ran, this is called when it is freed. */
static void
arrive(struct loop_task *task)
{
    struct arrival *arrival = container_of(task, struct arrival, task);
    struct server_loop *home = arrival->home;
    struct net_conn *net;

    if (!home->server->runs || home->draining)
        net_pipe_close(arrival->end);
    else if (net_pipe_open(arrival->end, home->loop, &net) == WEIR_OK)
        server_conn_start(home, net);
    free(arrival);
    pthread_mutex_lock(&home->survey_lock);
    home->asked--;
    pthread_mutex_unlock(&home->survey_lock);
    server_loop_check_done(home);
}

static bool
send_arrival(struct server_loop *home, struct arrival *arrival)
{
    bool takes;

    pthread_mutex_lock(&home->survey_lock);
    takes = !home->gone;
    if (takes) {
        home->asked++;
        loop_send(home->loop, &arrival->task);
    }
    pthread_mutex_unlock(&home->survey_lock);
    return takes;
}

bool
server_take_pipe(struct weir_server *server, struct net_pipe_end *end)
{
    unsigned next = atomic_fetch_add(&server->next_pipe, 1) % server->options.loops;
    struct arrival *arrival = malloc(sizeof(*arrival));

    if (arrival != NULL) {
        *arrival = (struct arrival){.home = &server->loops[next], .end = end};
        loop_task_init(&arrival->task, arrive);
        if (send_arrival(arrival->home, arrival))
            return true;
    }
    free(arrival);
    net_pipe_close(end);
    return false;
}
