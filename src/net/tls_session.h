/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on one connection, the interface used by conn.c. */
/* Threads: belongs to the thread of the connection's loop. */
#pragma once

#include "base/arena.h"
#include "net/net.h"
#include <sys/types.h>

struct tls_session;

enum tls_progress { TLS_WAITS, TLS_OPEN, TLS_FAILED };

/* Holds a reference to tls. host: the server that a client wants to reach, NULL on a server. NULL:
 * no memory. */
struct tls_session *tls_session_new(weir_tls *tls, int fd, const char *host);
void tls_session_free(struct tls_session *session);

/* Continue the handshake. TLS_WAITS: for the peer. */
enum tls_progress tls_session_shake(struct tls_session *session);
bool tls_session_is_open(const struct tls_session *session);

/* Like recv: EAGAIN if there is nothing, 0 if the peer has finished, EPROTO for a TLS error. */
ssize_t tls_session_read(struct tls_session *session, void *room, size_t size);

/* Is there buffered input, which polling does not report? */
bool tls_session_has_input(const struct tls_session *session);

/* Has the peer finished, or has the session failed? The next read returns it; polling may not
 * report it. */
bool tls_session_is_over(const struct tls_session *session);

/* Returns the number of bytes accepted: less than all if the socket is full, or after an error
 * (tls_session_error). */
size_t tls_session_write(struct tls_session *session, const struct net_span *spans, size_t count);

/* Must the last write wait for input from the peer? Then write again after reading. */
bool tls_session_write_waits(const struct tls_session *session);

/* Encrypted bytes that the socket did not accept: are there any; send them. */
bool tls_session_has_output(const struct tls_session *session);
void tls_session_flush(struct tls_session *session);

/* Send close_notify. */
void tls_session_finish(struct tls_session *session);

/* Free the buffers of an idle connection until they are needed. */
void tls_session_trim(struct tls_session *session);

/* Did the session fail because of excessive TLS protocol messages? */
bool tls_session_talks_too_much(const struct tls_session *session);

/* 0, or the errno of the session's failure, EPROTO for TLS errors; and the same as text. */
int tls_session_error(const struct tls_session *session);
const char *tls_session_why(const struct tls_session *session);

/* The version of an open session, as "TLSv1.3", and the cipher's standard name. Static. */
void tls_session_cipher(
    const struct tls_session *session, const char **out_version, const char **out_cipher);

/* The peer's verified identity, in the arena. False: no memory. */
bool tls_session_identify(const struct tls_session *session, struct arena *arena,
    struct weir_peer_identity *out_identity);
