/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: one socket per loop on a TCP port; of a Unix socket the first loop
 * accepts, and hands the connections around. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_RESOLVED 16

static void
accepted(void *owner, struct net_conn *net)
{
    server_conn_start(owner, net);
}

/* A connection on its way to another loop. */
struct handover {
    struct loop_task task;
    struct server_loop *home;
    int fd;
};

static void
handed_over(struct loop_task *task)
{
    struct handover *handover = container_of(task, struct handover, task);
    struct net_conn *net;

    if (handover->home->draining)
        close(handover->fd);
    else if (net_conn_adopt(handover->home->loop, handover->fd, &net) == WEIR_OK)
        server_conn_start(handover->home, net);
    free(handover);
}

static void
accepted_for_all(void *owner, struct net_conn *net)
{
    struct server_loop *first = owner;
    struct weir_server *server = first->server;
    struct server_loop *home = &server->loops[server->next_loop++ % server->options.loops];
    struct handover *handover = home == first ? NULL : malloc(sizeof(*handover));

    if (handover == NULL) {
        server_conn_start(first, net);
        return;
    }
    loop_task_init(&handover->task, handed_over);
    handover->home = home;
    handover->fd = net_conn_release_fd(net);
    loop_send(home->loop, &handover->task);
}

static bool
accept_on(struct server_loop *home, int *fd, void (*callback)(void *owner, struct net_conn *conn))
{
    size_t count = home->listener_count;
    struct net_listener **listeners =
        realloc(home->listeners, (count + 1) * sizeof(struct net_listener *));
    int owned = *fd;

    if (listeners == NULL)
        return false;
    home->listeners = listeners;
    *fd = -1;
    if (net_listener_new(home->loop, owned, callback, home, &listeners[count]) != WEIR_OK)
        return false;
    home->listener_count++;
    return true;
}

bool
server_accept_on_all(struct weir_server *server)
{
    for (size_t i = 0; i < server->address_count; i++) {
        struct server_address *address = &server->addresses[i];

        if (address->is_unix) {
            if (!accept_on(&server->loops[0], &address->fds[0], accepted_for_all))
                return false;
            continue;
        }
        for (unsigned l = 0; l < server->options.loops; l++) {
            if (!accept_on(&server->loops[l], &address->fds[l], accepted))
                return false;
        }
    }
    return true;
}

static void
close_all(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(fds);
}

void
server_addresses_free(struct weir_server *server)
{
    for (size_t i = 0; i < server->address_count; i++)
        close_all(server->addresses[i].fds, server->options.loops);
    free(server->addresses);
}

/* The first socket settles the port and finds out whether it is free; those of the other loops join
 * it. */
static bool
bind_each(int *fds, unsigned count, const struct net_address *wanted, struct net_address *out_bound,
    int *out_errno)
{
    struct net_address bound = *wanted;

    for (unsigned i = 0; i < count; i++) {
        if (net_bind(&bound, i > 0, &fds[i], out_bound, out_errno) != WEIR_OK)
            return false;
        bound = *out_bound;
    }
    return true;
}

/* The sockets of one address, one per loop; of a Unix path only the first. NULL: *out_errno says
 * why. */
static int *
bind_all(struct weir_server *server, const struct net_address *wanted, bool is_unix,
    struct net_address *out_bound, int *out_errno)
{
    unsigned loops = server->options.loops;
    int *fds = malloc(loops * sizeof(*fds));

    *out_errno = ENOMEM;
    if (fds == NULL)
        return NULL;
    for (unsigned i = 0; i < loops; i++)
        fds[i] = -1;
    if (bind_each(fds, is_unix ? 1 : loops, wanted, out_bound, out_errno))
        return fds;
    close_all(fds, loops);
    return NULL;
}

static weir_code
add_address(struct weir_server *server, const char *text, int *fds, bool is_unix,
    const struct net_address *bound)
{
    struct server_address *addresses =
        realloc(server->addresses, (server->address_count + 1) * sizeof(*addresses));
    struct server_address *added;

    if (addresses == NULL) {
        close_all(fds, server->options.loops);
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, text, "no memory");
    }
    server->addresses = addresses;
    added = &addresses[server->address_count++];
    added->fds = fds;
    added->is_unix = is_unix;
    net_address_format(bound, false, added->text);
    return WEIR_OK;
}

weir_code
weir_server_listen(weir_server *server, const char *address)
{
    struct net_endpoint endpoint;
    struct net_address wanted[MAX_RESOLVED], bound;
    size_t count;
    const char *why;
    int errno_code = 0;
    int *fds;

    if (server->runs)
        return server_fail(
            server, WEIR_FAILED_PRECONDITION, address, "the server is running already");
    if (net_endpoint_parse(address, &endpoint) != WEIR_OK)
        return server_fail(server, WEIR_INVALID_ARGUMENT, address,
            "not an address; give HOST:PORT, [V6]:PORT or unix:PATH");
    if (net_resolve(&endpoint, wanted, MAX_RESOLVED, &count, &why) != WEIR_OK)
        return server_fail(server, WEIR_UNAVAILABLE, address, why);
    fds = bind_all(server, &wanted[0], endpoint.is_unix, &bound, &errno_code);
    if (fds == NULL)
        return server_fail(server, WEIR_UNAVAILABLE, address, strerror(errno_code));
    return add_address(server, address, fds, endpoint.is_unix, &bound);
}

const char *
weir_server_address(const weir_server *server, size_t index)
{
    return index < server->address_count ? server->addresses[index].text : NULL;
}
