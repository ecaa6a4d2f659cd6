/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a good part of the expected bytes (SO_RCVLOWAT).
 *
 * A long run of bytes from a fast sender is read in large pieces: each wake-up costs the receiver,
 * and the sender whose bytes cause it, more than copying some KiB. */
#include "net/private.h"

#define LOWAT_LEAST ((uint32_t)32 * 1024)
#define LOWAT_MOST ((uint32_t)512 * 1024)

/* TLS may have buffered this much of a record already. */
#define TLS_PART ((uint32_t)18 * 1024)

/* After this time whatever has arrived is read, since all other data on the connection waits too.
 * Bytes that take longer do not come from a fast sender. */
#define WAIT_TIME (2 * WEIR_MILLISECOND)

static void
set_lowat(struct net_conn *conn, uint32_t lowat)
{
    int value = lowat == 0 ? 1 : (int)lowat;

    if (conn->lowat == lowat)
        return;
    if (setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value)) == 0)
        conn->lowat = lowat;
}

/* 0: wake up for any byte. */
static uint32_t
wanted(const struct net_conn *conn)
{
    uint32_t held = conn->tls == NULL ? 0 : TLS_PART;

    if (conn->expected < LOWAT_LEAST + held)
        return 0;
    return conn->expected - held < LOWAT_MOST ? conn->expected - held : LOWAT_MOST;
}

void
net_conn_wait(struct net_conn *conn, bool any)
{
    uint32_t lowat = any ? 0 : wanted(conn);
    int64_t until = loop_now(conn->loop) + WAIT_TIME;

    if (conn->pipe != NULL || (lowat == 0 && conn->lowat == 0))
        return;
    if (lowat == 0)
        loop_timer_stop(conn->loop, &conn->timer);
    else if (loop_timer_start(conn->loop, &conn->timer, until) != WEIR_OK)
        lowat = 0;
    set_lowat(conn, lowat);
}
