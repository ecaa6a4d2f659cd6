/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server listens: one socket per loop on a TCP port; of a Unix socket the first loop
 * accepts, and hands the connections around. */
#include "server/http.h"

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

static void
accepted_http(void *owner, struct net_conn *net)
{
    server_http_start(owner, net);
}

static bool
accept_on(struct server_loop *home, struct server_listeners *listeners, int *fd,
    void (*callback)(void *owner, struct net_conn *conn))
{
    size_t count = listeners->count;
    struct net_listener **items = realloc(listeners->items, (count + 1) * sizeof(*items));
    int owned = *fd;

    if (items == NULL)
        return false;
    listeners->items = items;
    *fd = -1;
    if (net_listener_new(home->loop, owned, callback, home, &items[count]) != WEIR_OK)
        return false;
    listeners->count++;
    return true;
}

void
server_listeners_close(struct server_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        net_listener_close(listeners->items[i]);
    free(listeners->items);
    *listeners = (struct server_listeners){NULL, 0};
}

/* On every loop, or on the first alone. */
static bool
accept_at(struct weir_server *server, const struct server_address *address)
{
    struct server_loop *first = &server->loops[0];

    if (address->kind == SERVER_HTTP)
        return accept_on(first, &first->http_listeners, &address->fds[0], accepted_http);
    if (address->kind == SERVER_UNIX)
        return accept_on(first, &first->listeners, &address->fds[0], accepted_for_all);
    for (unsigned i = 0; i < server->options.loops; i++) {
        struct server_loop *home = &server->loops[i];

        if (!accept_on(home, &home->listeners, &address->fds[i], accepted))
            return false;
    }
    return true;
}

bool
server_accept_on_all(struct weir_server *server)
{
    for (size_t i = 0; i < server->address_count; i++) {
        if (!accept_at(server, &server->addresses[i]))
            return false;
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

/* The sockets of one address, one per loop or only the first. NULL: *out_errno says why. */
static int *
bind_all(struct weir_server *server, const struct net_address *wanted,
    enum server_address_kind kind, struct net_address *out_bound, int *out_errno)
{
    unsigned loops = server->options.loops;
    int *fds = malloc(loops * sizeof(*fds));

    *out_errno = ENOMEM;
    if (fds == NULL)
        return NULL;
    for (unsigned i = 0; i < loops; i++)
        fds[i] = -1;
    if (bind_each(fds, kind == SERVER_TCP ? loops : 1, wanted, out_bound, out_errno))
        return fds;
    close_all(fds, loops);
    return NULL;
}

static weir_code
add_address(struct weir_server *server, const char *text, int *fds, enum server_address_kind kind,
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
    added->kind = kind;
    net_address_format(bound, false, added->text);
    return WEIR_OK;
}

static weir_code
listen_on(weir_server *server, const char *address, bool http)
{
    enum server_address_kind kind;
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
    kind = http ? SERVER_HTTP : endpoint.is_unix ? SERVER_UNIX : SERVER_TCP;
    fds = bind_all(server, &wanted[0], kind, &bound, &errno_code);
    if (fds == NULL)
        return server_fail(server, WEIR_UNAVAILABLE, address, strerror(errno_code));
    return add_address(server, address, fds, kind, &bound);
}

weir_code
weir_server_listen(weir_server *server, const char *address)
{
    return listen_on(server, address, false);
}

weir_code
weir_server_listen_http(weir_server *server, const char *address)
{
    return listen_on(server, address, true);
}

/* The nth address for calls, or for HTTP. */
static const char *
nth_address(const weir_server *server, bool http, size_t index)
{
    for (size_t i = 0; i < server->address_count; i++) {
        if ((server->addresses[i].kind == SERVER_HTTP) == http && index-- == 0)
            return server->addresses[i].text;
    }
    return NULL;
}

const char *
weir_server_address(const weir_server *server, size_t index)
{
    return nth_address(server, false, index);
}

const char *
weir_server_http_address(const weir_server *server, size_t index)
{
    return nth_address(server, true, index);
}
