/* SPDX-License-Identifier: Apache-2.0 */
/* Inherited listening sockets. */
#include "userd/sockets.h"

#include "usercommon/complain.h"
#include "userd/handover.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_DESCRIPTOR 3

static unsigned
descriptor_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    static const struct flag number = {.max = HANDOVER_SOCKETS_MAX}, any = {.max = UINT32_MAX};
    uint32_t for_whom, how_many;

    if (pid == NULL || count == NULL || !flag_number(&any, pid, &for_whom) ||
        !flag_number(&number, count, &how_many) || for_whom != (uint32_t)getpid())
        return 0;
    return how_many;
}

static bool
has(const struct flag_list *list, const char *address)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], address) == 0)
            return true;
    }
    return false;
}

/* Each address once, although each loop has a socket of its own. */
static void
list_addresses(struct sockets *sockets, const weir_server *server, struct flag_list *listen)
{
    const char *address;

    listen->count = 0;
    for (size_t i = 0; (address = weir_server_inherited(server, i)) != NULL; i++) {
        if (listen->count == FLAG_LIST_MAX || has(listen, address))
            continue;
        snprintf(sockets->addresses[listen->count], SOCKETS_ADDRESS, "%s", address);
        listen->items[listen->count] = sockets->addresses[listen->count];
        listen->count++;
    }
}

bool
sockets_inherit(struct sockets *sockets, weir_server *server, struct flag_list *listen)
{
    unsigned count = descriptor_count();

    for (unsigned i = 0; i < count; i++) {
        if (weir_server_inherit(server, FIRST_DESCRIPTOR + (int)i) == WEIR_OK)
            continue;
        complain(
            "userd", "cannot serve on what LISTEN_FDS tells of: %s", weir_server_error(server));
        return false;
    }
    if (count > 0 && listen != NULL)
        list_addresses(sockets, server, listen);
    sockets->activated = count > 0 && !handover_has_predecessor();
    return true;
}
