/* SPDX-License-Identifier: Apache-2.0 */
/* A read from a terminal or a pipe may block forever, and a signal that another thread handles does
 * not interrupt it; so poll for both. */
#define _GNU_SOURCE /* fopencookie */
#include "userctl/source.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static ssize_t
read_source(void *cookie, char *buffer, size_t size)
{
    struct source *source = cookie;
    struct pollfd fds[] = {{.fd = source->fd, .events = POLLIN},
        {.fd = interrupt_descriptor(source->interrupt), .events = POLLIN}};
    ssize_t len;

    do {
        if (poll(fds, 2, -1) > 0 && fds[1].revents != 0)
            return 0;
        len = read(source->fd, buffer, size);
    } while (len < 0 && errno == EINTR);
    return len;
}

FILE *
source_read(struct source *source)
{
    return fopencookie(source, "r", (cookie_io_functions_t){.read = read_source});
}
