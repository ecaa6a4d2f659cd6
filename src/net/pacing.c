/* SPDX-License-Identifier: Apache-2.0 */
/* Connections within the machine are not paced.
 *
 * If the system's congestion control is BBR, the kernel paces output at its estimate of the
 * bandwidth: a timer interrupt for every piece of a long run of bytes, and on the loopback device a
 * wake-up of the receiver for each. There is no link to protect, and pacing doubles the cost of a
 * large message on both sides. */

#include "net/private.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

#define PACED "bbr"

/* Built into every kernel, and available to every user. */
#define PLAIN "reno"

static bool
is_paced(int fd)
{
    char name[16] = ""; /* TCP_CA_NAME_MAX */
    socklen_t len = sizeof(name);

    return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 &&
           strncmp(name, PACED, strlen(PACED)) == 0;
}

void
net_spare_pacing(int fd, const struct net_address *peer)
{
    if (peer->any.sa_family != AF_UNIX && net_address_is_loopback(peer) && is_paced(fd))
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, PLAIN, strlen(PLAIN));
}
