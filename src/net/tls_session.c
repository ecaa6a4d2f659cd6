/* SPDX-License-Identifier: Apache-2.0 */
/* TLS on one connection.
 *
 * Reading: OpenSSL receives as much as fits into its own buffer (read-ahead) and decrypts from
 * there into the loop's scratch memory: one copy more than without TLS, which it requires. Polling
 * does not report what it has buffered: tls_session_has_input does.
 *
 * Writing: each SSL_write makes one record, of up to 16 KiB, from a span in place or from small
 * spans gathered. The part of a record that the socket does not accept is kept here and sent first,
 * so a record is never encrypted twice, and accepted bytes are no longer the caller's concern. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD ((size_t)SSL3_RT_MAX_PLAIN_LENGTH)

/* TLS messages (KeyUpdate, renegotiation requests) that a peer may send without application data
 * between them. OpenSSL would process any number of them without returning. */
#define TALKS_MAX 32u

/* More unsent bytes than one record are only replies to a peer that does not read. */
#define OUTPUT_MAX ((size_t)64 * 1024)

struct tls_session {
    SSL *ssl;
    weir_tls *tls;
    struct tls_set *set;
    char *host; /* the server that a client wants to reach */
    int fd;
    int error; /* see tls_session_error */
    bool open;
    bool eof;         /* the peer has closed its sending side */
    bool dry;         /* the last read was short: no more input until the next poll */
    bool write_waits; /* for the rest of a TLS message of the peer, such as a KeyUpdate */
    unsigned talks;   /* TLS messages since the last application data */
    uint8_t *output;
    size_t output_at, output_len, output_size;
    char why[224];
};

static bool
would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* ---- the BIO ---- */

static int
bio_read(BIO *bio, char *room, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    ssize_t got = -1;

    BIO_clear_retry_flags(bio);
    if (session->talks > TALKS_MAX)
        return -1;
    errno = EAGAIN;
    while (!session->dry && (got = recv(session->fd, room, (size_t)size, 0)) < 0 && errno == EINTR)
        continue;
    session->dry = got < size;
    if (got == 0)
        session->eof = true;
    else if (got < 0 && would_block(errno))
        BIO_set_retry_read(bio);
    else if (got < 0)
        session->error = errno;
    return (int)got;
}

static size_t
send_some(struct tls_session *session, const void *data, size_t len)
{
    ssize_t sent;

    do
        sent = send(session->fd, data, len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return (size_t)sent;
    if (!would_block(errno))
        session->error = errno;
    return 0;
}

/* Keep output that the socket did not accept. False: no memory, or too much. */
static bool
keep_output(struct tls_session *session, const char *data, size_t len)
{
    size_t size = session->output_len + len;
    uint8_t *larger;

    if (size > OUTPUT_MAX)
        return false;
    if (size > session->output_size) {
        larger = realloc(session->output, size);
        if (larger == NULL)
            return false;
        session->output = larger;
        session->output_size = size;
    }
    memcpy(session->output + session->output_len, data, len);
    session->output_len = size;
    return true;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
    struct tls_session *session = BIO_get_data(bio);
    size_t sent = 0, size = (size_t)len;

    BIO_clear_retry_flags(bio);
    if (session->error != 0)
        return -1;
    if (session->output_len == 0)
        sent = send_some(session, data, size);
    if (session->error == 0 && sent < size && !keep_output(session, data + sent, size - sent))
        session->error = ENOBUFS;
    return session->error == 0 ? len : -1;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls_session *session = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return session->eof;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *
tls_bio_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "weir");

    if (method != NULL && BIO_meth_set_read(method, bio_read) == 1 &&
        BIO_meth_set_write(method, bio_write) == 1 && BIO_meth_set_ctrl(method, bio_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- errors ---- */

/* The peer does not speak TLS. */
static bool
is_other_protocol(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
           reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG;
}

static void
explain_verify(struct tls_session *session, long verify)
{
    const char *reason = X509_verify_cert_error_string(verify);

    if (verify == X509_V_ERR_HOSTNAME_MISMATCH || verify == X509_V_ERR_IP_ADDRESS_MISMATCH)
        snprintf(session->why, sizeof(session->why),
            "TLS: certificate verify failed: %s: it is not for %.100s", reason, session->host);
    else
        snprintf(session->why, sizeof(session->why), "TLS: certificate verify failed: %s", reason);
}

/* Clearer texts than OpenSSL's. NULL: use OpenSSL's. */
static const char *
better_text(const struct tls_session *session, int reason)
{
    if (is_other_protocol(reason) && !session->open)
        return "the peer does not speak TLS";
    if (reason == SSL_R_NO_APPLICATION_PROTOCOL && SSL_is_server(session->ssl))
        return "no application protocol: the client does not offer h2 by ALPN";
    return NULL;
}

/* Reasons from SSL_AD_REASON_OFFSET are received alerts: the peer refused. */
static void
explain_ssl(struct tls_session *session, unsigned long code)
{
    bool is_ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    int reason = ERR_GET_REASON(code);
    bool refused = is_ssl && reason >= SSL_AD_REASON_OFFSET;
    const char *text = is_ssl ? better_text(session, reason) : NULL;

    if (text == NULL)
        text = ERR_reason_error_string(code);
    snprintf(session->why, sizeof(session->why), "TLS: %s%s",
        refused ? "refused by the peer: " : "", text == NULL ? "unknown error" : text);
}

static void
explain(struct tls_session *session)
{
    long verify = SSL_get_verify_result(session->ssl);

    if (verify != X509_V_OK && !session->open)
        explain_verify(session, verify);
    else
        explain_ssl(session, ERR_peek_error());
}

/* The last OpenSSL call failed permanently. */
static void
fail(struct tls_session *session)
{
    if (session->error != 0) {
        snprintf(session->why, sizeof(session->why), "%s", strerror(session->error));
    } else if (session->talks > TALKS_MAX) {
        session->error = EPROTO;
        snprintf(session->why, sizeof(session->why), "TLS: too many messages without content");
    } else if (session->eof && !session->open) {
        session->error = EPROTO;
        snprintf(session->why, sizeof(session->why),
            "TLS: the peer closed the connection during the handshake");
    } else {
        session->error = EPROTO;
        explain(session);
    }
    ERR_clear_error();
}

/* Errors left in this thread's queue by others would be mistaken for ours. */
static void
clear_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* ---- creation ---- */

/* A ticket was received: keep it for the next connection to the same server. */
static int
on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct tls_session *session = SSL_get_app_data(ssl);

    if (SSL_SESSION_is_resumable(ticket) != 1)
        return 0;
    tls_ticket_put(session->set, session->host, ticket);
    return 1; /* we keep the reference */
}

/* A server's tickets after the handshake are not counted. */
static void
on_message(int is_written, int version, int type, const void *data, size_t len, SSL *ssl, void *arg)
{
    struct tls_session *session = arg;

    (void)version;
    (void)data;
    (void)len;
    (void)ssl;
    if (is_written == 0 && type == SSL3_RT_HANDSHAKE && session->open)
        session->talks++;
}

static bool
is_ip(const char *host)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* Set the name that the server's certificate must have (RFC 6125). IP addresses are not sent as SNI
 * (RFC 6066, section 3). */
static bool
expect(struct tls_session *session)
{
    const char *host = session->host;
    SSL_SESSION *ticket;

    SSL_set_hostflags(session->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (is_ip(host)) {
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session->ssl), host) != 1)
            return false;
    } else if (SSL_set1_host(session->ssl, host) != 1 ||
               SSL_set_tlsext_host_name(session->ssl, host) != 1) {
        return false;
    }
    if ((ticket = tls_ticket_take(session->set, host)) != NULL) {
        SSL_set_session(session->ssl, ticket);
        SSL_SESSION_free(ticket);
    }
    return true;
}

static bool
begin(struct tls_session *session)
{
    BIO *bio = BIO_new(tls_bio_method(session->tls));

    session->ssl = SSL_new(session->set->contexts[0]);
    if (bio == NULL || session->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    SSL_set_app_data(session->ssl, session);
    SSL_set_msg_callback(session->ssl, on_message);
    SSL_set_msg_callback_arg(session->ssl, session);
    if (session->host == NULL) {
        SSL_set_accept_state(session->ssl);
        return true;
    }
    SSL_set_connect_state(session->ssl);
    return expect(session);
}

/* Names in certificates and SNI have no trailing dot (RFC 6066, section 3). */
static char *
copy_host(const char *host)
{
    size_t len = strlen(host);

    return strndup(host, len > 1 && host[len - 1] == '.' ? len - 1 : len);
}

struct tls_session *
tls_session_new(weir_tls *tls, int fd, const char *host)
{
    struct tls_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->fd = fd;
    session->tls = net_tls_ref(tls);
    session->set = tls_current_set(tls);
    clear_errors();
    if ((host == NULL || (session->host = copy_host(host)) != NULL) && begin(session))
        return session;
    ERR_clear_error();
    tls_session_free(session);
    return NULL;
}

void
tls_session_free(struct tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl);
    tls_set_unref(session->set);
    weir_tls_free(session->tls);
    free(session->host);
    free(session->output);
    free(session);
}

void
tls_keep_tickets(SSL_CTX *context)
{
    SSL_CTX_sess_set_new_cb(context, on_ticket);
}

/* ---- the handshake ---- */

/* A server has already refused clients that do not offer h2; a client must check that the server
 * selected it (RFC 9113, section 3.2). */
static bool
has_agreed_on_h2(const struct tls_session *session)
{
    const unsigned char *name;
    unsigned int len;

    SSL_get0_alpn_selected(session->ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

static enum tls_progress
shaken(struct tls_session *session)
{
    if (has_agreed_on_h2(session)) {
        session->open = true;
        tls_count_handshake(session->tls, true, SSL_session_reused(session->ssl) == 1);
        return TLS_OPEN;
    }
    session->error = EPROTO;
    snprintf(session->why, sizeof(session->why),
        "TLS: the server does not agree on h2 by ALPN, so it speaks no HTTP/2 here");
    tls_count_handshake(session->tls, false, false);
    return TLS_FAILED;
}

enum tls_progress
tls_session_shake(struct tls_session *session)
{
    int result;

    if (session->error != 0) {
        tls_count_handshake(session->tls, false, false);
        return TLS_FAILED;
    }
    session->dry = false;
    clear_errors();
    result = SSL_do_handshake(session->ssl);
    if (result == 1)
        return shaken(session);
    if (SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ)
        return TLS_WAITS;
    fail(session);
    tls_count_handshake(session->tls, false, false);
    return TLS_FAILED;
}

bool
tls_session_is_open(const struct tls_session *session)
{
    return session->open;
}

/* ---- reading ---- */

/* Read one record; like recv. */
static ssize_t
read_record(struct tls_session *session, void *room, size_t size)
{
    size_t got = 0;
    int result;

    if (session->error != 0) {
        errno = session->error;
        return -1;
    }
    result = SSL_read_ex(session->ssl, room, size, &got);
    if (result == 1) {
        session->talks = 0;
        return (ssize_t)got;
    }
    if (session->talks > TALKS_MAX) {
        fail(session);
        errno = session->error;
        return -1;
    }
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    default:
        break;
    }
    if (session->eof) { /* without close_notify: HTTP/2 detects truncation itself */
        ERR_clear_error();
        return 0;
    }
    fail(session);
    errno = session->error;
    return -1;
}

ssize_t
tls_session_read(struct tls_session *session, void *room, size_t size)
{
    size_t total = 0;
    ssize_t got = 1;

    session->dry = false;
    clear_errors();
    while (total < size && got > 0) {
        got = read_record(session, (uint8_t *)room + total, size - total);
        if (got > 0)
            total += (size_t)got;
    }
    return total > 0 || size == 0 ? (ssize_t)total : got;
}

bool
tls_session_is_over(const struct tls_session *session)
{
    return session->error != 0 || (SSL_get_shutdown(session->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool
tls_session_has_input(const struct tls_session *session)
{
    return session->open && (tls_session_is_over(session) || SSL_has_pending(session->ssl) == 1);
}

/* ---- writing ---- */

struct cursor {
    const struct net_span *spans;
    size_t count;
    size_t offset; /* in the first span */
};

static void
advance(struct cursor *cursor, size_t len)
{
    cursor->offset += len;
    while (cursor->count > 0 && cursor->offset >= cursor->spans->len) {
        cursor->offset -= cursor->spans->len;
        cursor->spans++;
        cursor->count--;
    }
}

/* The bytes of the next record: in place, or gathered. */
static const void *
next_record(struct cursor *cursor, uint8_t room[RECORD], size_t *out_len)
{
    const uint8_t *first = (const uint8_t *)cursor->spans->data + cursor->offset;
    size_t len = cursor->spans->len - cursor->offset;

    if (len >= RECORD || cursor->count == 1) {
        *out_len = len < RECORD ? len : RECORD;
        advance(cursor, *out_len);
        return first;
    }
    *out_len = 0;
    while (cursor->count > 0 && *out_len < RECORD) {
        size_t left = cursor->spans->len - cursor->offset, space = RECORD - *out_len;
        size_t some = left < space ? left : space;

        memcpy(room + *out_len, (const uint8_t *)cursor->spans->data + cursor->offset, some);
        *out_len += some;
        advance(cursor, some);
    }
    return room;
}

/* A TLS message may be split over several records (RFC 8446, section 5.1). Until it is complete,
 * OpenSSL reads in a write instead of writing. */
static bool
waits_for_peer(struct tls_session *session)
{
    session->write_waits =
        session->error == 0 && SSL_get_error(session->ssl, 0) == SSL_ERROR_WANT_READ;
    return session->write_waits;
}

size_t
tls_session_write(struct tls_session *session, const struct net_span *spans, size_t count)
{
    struct cursor cursor = {spans, count, 0};
    uint8_t room[RECORD];
    size_t taken = 0;

    clear_errors();
    if (session->write_waits)
        session->dry = session->write_waits = false;
    advance(&cursor, 0); /* past empty spans */
    while (cursor.count > 0 && session->output_len == 0 && session->error == 0) {
        size_t len, wrote;
        const void *record = next_record(&cursor, room, &len);

        if (SSL_write_ex(session->ssl, record, len, &wrote) == 1)
            taken += wrote;
        else if (!waits_for_peer(session))
            fail(session);
        if (session->write_waits)
            break;
    }
    return taken;
}

bool
tls_session_write_waits(const struct tls_session *session)
{
    return session->write_waits;
}

bool
tls_session_has_output(const struct tls_session *session)
{
    return session->output_len > 0;
}

void
tls_session_flush(struct tls_session *session)
{
    size_t left = session->output_len - session->output_at;
    size_t sent = send_some(session, session->output + session->output_at, left);

    session->output_at += sent;
    if (sent < left && session->error == 0)
        return;
    if (session->error != 0)
        fail(session);
    free(session->output);
    session->output = NULL;
    session->output_at = session->output_len = session->output_size = 0;
}

void
tls_session_finish(struct tls_session *session)
{
    if (!session->open || session->error != 0)
        return;
    clear_errors();
    if (SSL_shutdown(session->ssl) < 0)
        ERR_clear_error();
}

void
tls_session_trim(struct tls_session *session)
{
    if (session->open && session->error == 0)
        (void)SSL_free_buffers(session->ssl);
}

/* ---- accessors ---- */

bool
tls_session_talks_too_much(const struct tls_session *session)
{
    return session->talks > TALKS_MAX;
}

int
tls_session_error(const struct tls_session *session)
{
    return session->error;
}

const char *
tls_session_why(const struct tls_session *session)
{
    return session->why;
}

void
tls_session_cipher(
    const struct tls_session *session, const char **out_version, const char **out_cipher)
{
    *out_version = SSL_get_version(session->ssl);
    *out_cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(session->ssl));
}

/* A certificate that was sent was also verified: the handshake fails otherwise. */
bool
tls_session_identify(
    const struct tls_session *session, struct arena *arena, struct weir_peer_identity *out_identity)
{
    X509 *cert = SSL_get0_peer_certificate(session->ssl);

    out_identity->is_tls = session->open;
    out_identity->tls_version = SSL_get_version(session->ssl);
    out_identity->tls_cipher = SSL_get_cipher_name(session->ssl);
    if (!session->open || cert == NULL || SSL_get_verify_result(session->ssl) != X509_V_OK)
        return true;
    out_identity->is_verified = true;
    return tls_identify(cert, arena, out_identity);
}
