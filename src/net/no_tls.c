/* SPDX-License-Identifier: Apache-2.0 */
/* Replaces the tls_ files when Weir is built without TLS: a weir_tls cannot be created, so the
 * other functions are never called. */
#include "net/tls_session.h"

#include <errno.h>
#include <stdio.h>

static weir_code
refuse(char out_error[WEIR_TLS_ERROR])
{
    snprintf(out_error, WEIR_TLS_ERROR, "Weir was built without TLS");
    return WEIR_UNIMPLEMENTED;
}

weir_code
weir_tls_server_new(const struct weir_tls_server_options *options, weir_tls **out_tls,
    char out_error[WEIR_TLS_ERROR])
{
    (void)options;
    (void)out_tls;
    return refuse(out_error);
}

weir_code
weir_tls_client_new(const struct weir_tls_client_options *options, weir_tls **out_tls,
    char out_error[WEIR_TLS_ERROR])
{
    (void)options;
    (void)out_tls;
    return refuse(out_error);
}

void
weir_tls_free(weir_tls *tls)
{
    (void)tls;
}

weir_code
weir_tls_reload(weir_tls *tls)
{
    (void)tls;
    return WEIR_UNIMPLEMENTED;
}

void
weir_tls_error(weir_tls *tls, char out_error[WEIR_TLS_ERROR])
{
    (void)tls;
    (void)refuse(out_error);
}

void
weir_tls_count(const weir_tls *tls, struct weir_tls_counts *out_counts)
{
    (void)tls;
    *out_counts = (struct weir_tls_counts){0};
}

weir_tls *
net_tls_ref(weir_tls *tls)
{
    return tls;
}

bool
net_tls_is_server(const weir_tls *tls)
{
    (void)tls;
    return false;
}

const char *
net_tls_server_name(const weir_tls *tls)
{
    (void)tls;
    return NULL;
}

struct tls_session *
tls_session_new(weir_tls *tls, int fd, const char *host)
{
    (void)tls;
    (void)fd;
    (void)host;
    return NULL;
}

void
tls_session_free(struct tls_session *session)
{
    (void)session;
}

enum tls_progress
tls_session_shake(struct tls_session *session)
{
    (void)session;
    return TLS_FAILED;
}

bool
tls_session_is_open(const struct tls_session *session)
{
    (void)session;
    return false;
}

ssize_t
tls_session_read(struct tls_session *session, void *room, size_t size)
{
    (void)session;
    (void)room;
    (void)size;
    errno = EPROTO;
    return -1;
}

bool
tls_session_has_input(const struct tls_session *session)
{
    (void)session;
    return false;
}

bool
tls_session_is_over(const struct tls_session *session)
{
    (void)session;
    return false;
}

size_t
tls_session_write(struct tls_session *session, const struct net_span *spans, size_t count)
{
    (void)session;
    (void)spans;
    (void)count;
    return 0;
}

bool
tls_session_write_waits(const struct tls_session *session)
{
    (void)session;
    return false;
}

bool
tls_session_has_output(const struct tls_session *session)
{
    (void)session;
    return false;
}

void
tls_session_flush(struct tls_session *session)
{
    (void)session;
}

void
tls_session_finish(struct tls_session *session)
{
    (void)session;
}

void
tls_session_trim(struct tls_session *session)
{
    (void)session;
}

bool
tls_session_talks_too_much(const struct tls_session *session)
{
    (void)session;
    return false;
}

int
tls_session_error(const struct tls_session *session)
{
    (void)session;
    return EPROTO;
}

const char *
tls_session_why(const struct tls_session *session)
{
    (void)session;
    return "";
}

void
tls_session_cipher(
    const struct tls_session *session, const char **out_version, const char **out_cipher)
{
    (void)session;
    (void)out_version;
    (void)out_cipher;
}

bool
tls_session_identify(
    const struct tls_session *session, struct arena *arena, struct weir_peer_identity *out_identity)
{
    (void)session;
    (void)arena;
    (void)out_identity;
    return false;
}
