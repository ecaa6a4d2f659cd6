/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses to listen on, as a person writes them: is it one, and can others than this machine
 * reach it? */
/* Threads: safe from any thread; address_is_local may block while it looks a name up. */
#pragma once

#include <stdbool.h>

/* What a good address is, for messages. */
#define ADDRESS_FORMS "HOST:PORT, [V6]:PORT or unix:PATH"

bool address_valid(const char *text);

/* True for loopback addresses, names that stand for nothing else, and Unix sockets. A name that
 * cannot be looked up is local, too: it cannot be listened on. The address is valid. */
bool address_is_local(const char *text);

/* Does weir_server_error say that another socket has the address? */
bool address_is_taken(const char *error);
