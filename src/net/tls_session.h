/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on one connection, as conn.c sees it. */
/* Threads: belongs to the connection's loop's thread. */
#pragma once

#include "base/arena.h"
#include "net/net.h"
#include <sys/types.h>

struct tls_session;

enum tls_progress { TLS_WAITS, TLS_OPEN, TLS_FAILED };

/* Refers to tls. host: whom a client means to reach, NULL on a server. NULL: no memory. */
struct tls_session *tls_session_new(weir_tls *tls, int fd, const char *host);
void tls_session_free(struct tls_session *session);

/* Go on with the handshake. TLS_WAITS: for the peer. */
enum tls_progress tls_session_shake(struct tls_session *session);
bool tls_session_is_open(const struct tls_session *session);

/* As recv: EAGAIN when there is nothing, 0 when the peer has finished, EPROTO for an error of TLS.
 */
ssize_t tls_session_read(struct tls_session *session, void *room, size_t size);

/* Are there bytes that no poll will tell of? */
bool tls_session_has_input(const struct tls_session *session);

/* Has the peer finished, or is the session broken? The next read says so, and no poll may. */
bool tls_session_is_over(const struct tls_session *session);

/* How many bytes were taken: fewer than all when the socket is full, or after an error, which
 * tls_session_error then has. */
size_t tls_session_write(struct tls_session *session, const struct net_span *spans, size_t count);

/* Could the last write not go on before more has come from the peer? Then write again when it has.
 */
bool tls_session_write_waits(const struct tls_session *session);

/* What was encrypted and the socket did not take: is there some; send it. */
bool tls_session_has_output(const struct tls_session *session);
void tls_session_flush(struct tls_session *session);

/* Say goodbye (close_notify). */
void tls_session_finish(struct tls_session *session);

/* Give back the buffers of a quiet connection until there is something for them. */
void tls_session_trim(struct tls_session *session);

/* Did the peer keep TLS busy with itself? Then it is broken. */
bool tls_session_talks_too_much(const struct tls_session *session);

/* 0, or why it is broken, as errno: EPROTO for an error of TLS; and the same in words. */
int tls_session_error(const struct tls_session *session);
const char *tls_session_why(const struct tls_session *session);

/* Of an open session: "TLSv1.3", and the cipher's standard name. Static. */
void tls_session_cipher(
    const struct tls_session *session, const char **out_version, const char **out_cipher);

/* What the session proves of the peer, in the arena. False: no memory. */
bool tls_session_identify(const struct tls_session *session, struct arena *arena,
    struct weir_peer_identity *out_identity);
