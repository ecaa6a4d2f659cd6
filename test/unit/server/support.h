/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of src/server share: addresses. */
/* Threads: none. */
#pragma once

#include "server/server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline struct net_address
address_of(const char *text)
{
    struct net_address address = {.len = sizeof(struct sockaddr_in6)};
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&address.storage;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&address.storage;

    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
        six->sin6_family = AF_INET6;
    }
    return address;
}
