/* SPDX-License-Identifier: Apache-2.0 */
/* Listening addresses as the user writes them: are they valid, and can other machines reach them?
 */
/* Threads: safe from any thread; address_is_local may block while it resolves a name. */
#pragma once

#include <stdbool.h>

/* The valid forms of an address, for messages. */
#define ADDRESS_FORMS "HOST:PORT, [V6]:PORT or unix:PATH"

bool address_valid(const char *text);

/* True for loopback addresses, names that resolve only to such, and Unix sockets. A name that
 * cannot be resolved counts as local too, because the server cannot listen on it. The address must
 * be valid. */
bool address_is_local(const char *text);

/* Does weir_server_error say that the address is in use by another socket? */
bool address_is_taken(const char *error);
