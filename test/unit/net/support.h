/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of src/net share: turning a loop until something has happened, and pairs of
 * sockets. */
/* Threads: none. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline weir_loop *
new_loop(void)
{
    weir_loop *loop = NULL;

    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    return loop;
}

/* As a program does that embeds the loop: sleep on its descriptor no longer than its timeout. */
static inline void
turn_once(weir_loop *loop, int longest_ms)
{
    struct pollfd ready = {.fd = weir_loop_fd(loop), .events = POLLIN};
    int64_t timeout = weir_loop_timeout(loop);
    int64_t longest = longest_ms * WEIR_MILLISECOND;
    int64_t rounded = (timeout < longest ? timeout : longest) + WEIR_MILLISECOND - 1;

    poll(&ready, 1, timeout == 0 ? 0 : (int)(rounded / WEIR_MILLISECOND));
    weir_loop_turn(loop);
}

#define turn_until(loop, condition)                     \
    do {                                                \
        int64_t until_ = weir_now() + 60 * WEIR_SECOND; \
        while (!(condition)) {                          \
            assert_true(weir_now() < until_);           \
            turn_once(loop, 60000);                     \
        }                                               \
    } while (0)

/* Until there is nothing to do but wait for something from outside. */
static inline void
settle(weir_loop *loop)
{
    struct pollfd ready = {.fd = weir_loop_fd(loop), .events = POLLIN};

    do
        weir_loop_turn(loop);
    while (weir_loop_timeout(loop) == 0 || poll(&ready, 1, 20) == 1);
}

static inline struct net_address
address_of(const char *text)
{
    struct net_endpoint endpoint;
    struct net_address address = {0};
    const char *why = NULL;
    size_t count = 0;

    assert_int_equal(net_endpoint_parse(text, &endpoint), WEIR_OK);
    assert_int_equal(net_resolve(&endpoint, &address, 1, &count, &why), WEIR_OK);
    assert_int_equal(count, 1);
    return address;
}

static inline struct net_origin
origin_of(const char *text)
{
    struct net_address address = address_of(text);
    struct net_origin origin;

    assert_true(net_address_origin(&address, &origin));
    return origin;
}

static inline int
bind_to(const char *text, struct net_address *out_bound)
{
    struct net_address address = address_of(text);
    int fd = -1, error = 0;

    assert_int_equal(net_bind(&address, false, &fd, out_bound, &error), WEIR_OK);
    return fd;
}

static inline void
set_blocking(int fd)
{
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

/* A blocking plain socket that is connected to an address. */
static inline int
plain_connect(const struct net_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->any, address->len), 0);
    return fd;
}

/* Two ends of a TCP connection: ends[0] for a net_conn, ends[1] a blocking plain socket. */
static inline void
tcp_pair(int ends[2])
{
    struct net_address bound;
    int listener = bind_to("127.0.0.1:0", &bound);

    set_blocking(listener);
    ends[1] = plain_connect(&bound);
    ends[0] = accept(listener, NULL, NULL);
    assert_true(ends[0] >= 0);
    close(listener);
}
