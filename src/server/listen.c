/* SPDX-License-Identifier: Apache-2.0 */
/* Listening: one socket per loop for a TCP port; for a Unix socket the first loop accepts and
 * distributes the connections over the loops. */
#include "server/http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_RESOLVED 16

static void
accepted(void *owner, struct net_conn *net)
{
    server_conn_start(owner, net);
}

/* A connection being passed to another loop. */
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

    if (handover->home->idle) /* the loop has ended */
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

static bool
accept_screened(struct server_loop *home, int *fd)
{
    struct server_listeners *listeners = &home->listeners;

    if (!accept_on(home, listeners, fd, accepted))
        return false;
    net_listener_screen(listeners->items[listeners->count - 1], server_gate_admits);
    return true;
}

void
server_listeners_close(const struct weir_server *server, struct server_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (atomic_load(&server->shared))
            net_listener_keep_path(listeners->items[i]);
        net_listener_close(listeners->items[i]);
    }
    free(listeners->items);
    *listeners = (struct server_listeners){NULL, 0};
}

/* Accept on every loop, or only on the first one. */
static bool
accept_at(struct weir_server *server, const struct server_address *address)
{
    struct server_loop *first = &server->loops[0];
    bool good = true;

    for (size_t i = 0; i < address->fd_count && good; i++) {
        struct server_loop *home = &server->loops[i % server->options.loops];

        if (address->kind == SERVER_HTTP)
            good = accept_on(first, &first->http_listeners, &address->fds[i], accepted_http);
        else if (address->kind == SERVER_UNIX)
            good = accept_on(first, &first->listeners, &address->fds[i], accepted_for_all);
        else
            good = accept_screened(home, &address->fds[i]);
    }
    return good;
}

bool
server_accept_on_all(struct weir_server *server)
{
    for (size_t i = 0; i < server->address_count; i++) {
        if (!accept_at(server, server->addresses[i]))
            return false;
    }
    return true;
}

static void
close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(fds);
}

void
server_addresses_free(struct weir_server *server)
{
    for (size_t i = 0; i < server->address_count; i++) {
        close_all(server->addresses[i]->fds, server->addresses[i]->fd_count);
        free(server->addresses[i]);
    }
    free(server->addresses);
    for (size_t i = 0; i < server->inherited_count; i++)
        close(server->inherited[i].fd);
    free(server->inherited);
}

/* The first socket determines the port and finds out whether it is free; those of the other loops
 * share the port. */
static bool
bind_each(int *fds, size_t count, const struct net_address *wanted, struct net_address *out_bound,
    int *out_errno)
{
    struct net_address bound = *wanted;

    for (size_t i = 0; i < count; i++) {
        if (net_bind(&bound, i > 0, &fds[i], out_bound, out_errno) != WEIR_OK)
            return false;
        bound = *out_bound;
    }
    return true;
}

static size_t
count_inherited(const struct weir_server *server, const char *text)
{
    size_t found = 0;

    for (size_t i = 0; i < server->inherited_count; i++)
        found += strcmp(server->inherited[i].text, text) == 0;
    return found;
}

/* Move the adopted sockets of an address to `fds`. */
static void
take_inherited(struct weir_server *server, const char *text, int *fds)
{
    size_t found = 0, left = 0;

    for (size_t i = 0; i < server->inherited_count; i++) {
        const struct server_inherited one = server->inherited[i];

        if (strcmp(one.text, text) == 0)
            fds[found++] = one.fd;
        else
            server->inherited[left++] = one;
    }
    server->inherited_count = left;
}

/* Every loop needs a socket: loops without one share those of others. */
static bool
share_each(int *fds, size_t had, size_t count, int *out_errno)
{
    for (size_t i = had; i < count; i++) {
        fds[i] = fcntl(fds[i % had], F_DUPFD_CLOEXEC, 0);
        if (fds[i] < 0) {
            *out_errno = errno;
            return false;
        }
    }
    return true;
}

/* Bind the sockets of an address whose text and kind are set. False: *out_errno has the reason. */
static bool
bind_all(struct weir_server *server, struct server_address *address,
    const struct net_address *wanted, int *out_errno)
{
    size_t needed = address->kind == SERVER_TCP ? server->options.loops : 1;
    size_t had = count_inherited(server, address->text), count;
    struct net_address bound = *wanted;
    bool good;
    int *fds;

    *out_errno = ENOMEM;
    count = had > needed ? had : needed;
    fds = malloc(2 * count * sizeof(int));
    if (fds == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        fds[i] = -1;
    take_inherited(server, address->text, fds);
    good = had == 0 ? bind_each(fds, needed, wanted, &bound, out_errno)
                    : share_each(fds, had, count, out_errno);
    if (!good) {
        close_all(fds, count);
        return false;
    }
    memcpy(fds + count, fds, count * sizeof(int));
    address->fds = fds;
    address->fd_count = count;
    address->sockets = fds + count;
    net_address_format(&bound, false, address->text);
    return true;
}

/* A new address, whose memory does not move when others are added. NULL: no memory. */
static struct server_address *
new_address(struct weir_server *server, enum server_address_kind kind)
{
    struct server_address **addresses =
        realloc(server->addresses, (server->address_count + 1) * sizeof(*addresses));
    struct server_address *added;

    if (addresses == NULL)
        return NULL;
    server->addresses = addresses;
    added = calloc(1, sizeof(*added));
    if (added != NULL)
        added->kind = kind;
    return added;
}

static weir_code
add_address(struct weir_server *server, const char *text, const struct net_address *wanted,
    enum server_address_kind kind)
{
    struct server_address *added = new_address(server, kind);
    int errno_code;

    if (added == NULL)
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, text, "no memory");
    net_address_format(wanted, false, added->text);
    if (!bind_all(server, added, wanted, &errno_code)) {
        free(added);
        return server_fail(server, WEIR_UNAVAILABLE, text, strerror(errno_code));
    }
    server->addresses[server->address_count++] = added;
    return WEIR_OK;
}

static weir_code
listen_on(weir_server *server, const char *address, bool http)
{
    enum server_address_kind kind;
    struct net_endpoint endpoint;
    struct net_address wanted[MAX_RESOLVED];
    size_t count;
    const char *why;

    WEIR_TRY(server_check_setup(server, address));
    if (net_endpoint_parse(address, &endpoint) != WEIR_OK)
        return server_fail(server, WEIR_INVALID_ARGUMENT, address,
            "not an address; give HOST:PORT, [V6]:PORT or unix:PATH");
    if (net_resolve(&endpoint, wanted, MAX_RESOLVED, &count, &why) != WEIR_OK)
        return server_fail(server, WEIR_UNAVAILABLE, address, why);
    kind = http ? SERVER_HTTP : endpoint.is_unix ? SERVER_UNIX : SERVER_TCP;
    return add_address(server, address, &wanted[0], kind);
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

/* The nth address, of those for calls or of those for HTTP. */
static const char *
nth_address(const weir_server *server, bool http, size_t index)
{
    for (size_t i = 0; i < server->address_count; i++) {
        if ((server->addresses[i]->kind == SERVER_HTTP) == http && index-- == 0)
            return server->addresses[i]->text;
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

/* ---- sockets shared with other processes ---- */

weir_code
weir_server_inherit(weir_server *server, int fd)
{
    struct server_inherited *inherited =
        realloc(server->inherited, (server->inherited_count + 1) * sizeof(*inherited));
    struct net_address bound;
    char name[24];

    snprintf(name, sizeof(name), "descriptor %d", fd);
    if (inherited == NULL) {
        close(fd);
        return server_fail(server, WEIR_RESOURCE_EXHAUSTED, name, "no memory");
    }
    server->inherited = inherited;
    if (net_check_listening(fd, &bound) != WEIR_OK) {
        close(fd);
        return server_fail(
            server, WEIR_INVALID_ARGUMENT, name, "does not listen for stream connections");
    }
    inherited += server->inherited_count++;
    inherited->fd = fd;
    net_address_format(&bound, false, inherited->text);
    return WEIR_OK;
}

const char *
weir_server_inherited(const weir_server *server, size_t index)
{
    return index < server->inherited_count ? server->inherited[index].text : NULL;
}

int
weir_server_socket(const weir_server *server, size_t index)
{
    for (size_t i = 0; i < server->address_count; i++) {
        const struct server_address *address = server->addresses[i];

        if (index < address->fd_count)
            return address->sockets[index];
        index -= address->fd_count;
    }
    return -1;
}

void
weir_server_share_sockets(weir_server *server)
{
    atomic_store(&server->shared, true);
}
