/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of TLS that come in pieces after the handshake, from a server that OpenSSL alone makes:
 * a ticket that is larger than its records. */

#include "tls_support.h"
#include <openssl/err.h>
#include <openssl/ssl.h>

#define TICKET_DATA 2000
#define SMALLEST_RECORD 512

static struct authority authority;

static int
make_certs(void **state)
{
    (void)state;
    authority_new(&authority, "Authority");
    authority_issue(&authority, "server", "server", "DNS:localhost", 3600);
    return 0;
}

static int
remove_certs(void **state)
{
    (void)state;
    authority_free(&authority);
    return 0;
}

/* ---- the server ---- */

struct peer {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out;
    int fd;
};

static int
choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *offered,
    unsigned int offered_len, void *arg)
{
    (void)ssl;
    (void)arg;
    assert_int_equal(offered_len, 3);
    assert_memory_equal(offered, "\2h2", 3);
    *out = offered + 1;
    *out_len = 2;
    return SSL_TLSEXT_ERR_OK;
}

static int
enlarge_ticket(SSL *ssl, void *arg)
{
    static const uint8_t data[TICKET_DATA];

    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), data, sizeof(data));
}

static SSL_TICKET_RETURN
accept_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
    SSL_TICKET_STATUS status, void *arg)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_len;
    (void)status;
    (void)arg;
    return SSL_TICKET_RETURN_IGNORE;
}

static void
peer_open(struct peer *peer, int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate_file(
                         context, authority_path(&authority, "server.pem"), SSL_FILETYPE_PEM),
        1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(
                         context, authority_path(&authority, "server.key"), SSL_FILETYPE_PEM),
        1);
    SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
    assert_int_equal(SSL_CTX_set_num_tickets(context, 0), 1);
    assert_int_equal(SSL_CTX_set_max_send_fragment(context, SMALLEST_RECORD), 1);
    assert_int_equal(
        SSL_CTX_set_session_ticket_cb(context, enlarge_ticket, accept_ticket, NULL), 1);
    *peer = (struct peer){.context = context,
        .ssl = SSL_new(context),
        .in = BIO_new(BIO_s_mem()),
        .out = BIO_new(BIO_s_mem()),
        .fd = fd};
    assert_non_null(peer->ssl);
    SSL_set_bio(peer->ssl, peer->in, peer->out);
    SSL_set_accept_state(peer->ssl);
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static void
peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    close(peer->fd);
}

/* What has come, to OpenSSL. */
static void
peer_take(struct peer *peer)
{
    char bytes[4096];
    ssize_t got;

    while ((got = recv(peer->fd, bytes, sizeof(bytes), 0)) > 0)
        assert_int_equal(BIO_write(peer->in, bytes, (int)got), got);
}

/* Of what OpenSSL has to say, the first `len` bytes. */
static void
peer_give(struct peer *peer, size_t len)
{
    char bytes[4096];

    while (len > 0) {
        int some = BIO_read(peer->out, bytes, (int)(len < sizeof(bytes) ? len : sizeof(bytes)));

        assert_true(some > 0);
        assert_int_equal(send(peer->fd, bytes, (size_t)some, MSG_NOSIGNAL), some);
        len -= (size_t)some;
    }
}

static size_t
peer_has(const struct peer *peer)
{
    return (size_t)BIO_pending(peer->out);
}

static bool
peer_shakes(struct peer *peer)
{
    bool done;

    peer_take(peer);
    done = SSL_do_handshake(peer->ssl) == 1;
    peer_give(peer, peer_has(peer));
    return done;
}

/* The bytes of the first record that OpenSSL has to say. */
static size_t
first_record(const struct peer *peer)
{
    const uint8_t *bytes;

    assert_true(BIO_get_mem_data(peer->out, &bytes) > SSL3_RT_HEADER_LENGTH);
    return SSL3_RT_HEADER_LENGTH + ((size_t)bytes[3] << 8 | bytes[4]);
}

/* ---- the client ---- */

struct case_of_pieces {
    weir_loop *loop;
    weir_tls *tls;
    struct end client;
    struct peer peer;
};

/* A ticket is on its way, of which the client has read the first record alone. */
static void
set_up(struct case_of_pieces *it)
{
    int ends[2];

    *it = (struct case_of_pieces){.loop = new_loop(), .tls = new_client_tls(&authority, NULL)};
    tcp_pair(ends);
    peer_open(&it->peer, ends[1]);
    end_open(&it->client, it->loop, ends[0], it->tls, "localhost");
    turn_until(it->loop, peer_shakes(&it->peer));
    settle(it->loop);
    assert_int_equal(SSL_new_session_ticket(it->peer.ssl), 1);
    assert_int_equal(SSL_do_handshake(it->peer.ssl), 1);
    assert_true(peer_has(&it->peer) > TICKET_DATA);
    peer_give(&it->peer, first_record(&it->peer));
    settle(it->loop);
    assert_int_equal(it->client.closes, 0);
}

static void
tear_down(struct case_of_pieces *it)
{
    end_free(&it->client);
    peer_close(&it->peer);
    weir_tls_free(it->tls);
    weir_loop_free(it->loop);
}

static void
expect_hello(struct case_of_pieces *it)
{
    char bytes[16];

    end_write(&it->client, "hello");
    turn_until(it->loop, (peer_take(&it->peer), BIO_pending(it->peer.in) > 0));
    assert_int_equal(SSL_read(it->peer.ssl, bytes, sizeof(bytes)), 5);
    assert_memory_equal(bytes, "hello", 5);
}

static void
write_before_the_rest(struct case_of_pieces *it)
{
    struct net_span hello = {"hello", 5};

    assert_int_equal(net_conn_write(it->client.conn, &hello, 1), 0);
    settle(it->loop);
    assert_int_equal(it->client.closes, 0);
    assert_int_equal(it->client.writables, 0);
}

static void
a_write_waits_for_the_rest(void **state)
{
    struct case_of_pieces it;

    (void)state;
    set_up(&it);
    write_before_the_rest(&it);
    while (peer_has(&it.peer) > 0)
        peer_give(&it.peer, first_record(&it.peer));
    turn_until(it.loop, it.client.writables == 1);
    expect_hello(&it);
    tear_down(&it);
}

/* Who does not want to read must still get to write: it may be the write that he waits for. */
static void
a_paused_reader_writes_on(void **state)
{
    struct case_of_pieces it;

    (void)state;
    set_up(&it);
    net_conn_pause(it.client.conn);
    write_before_the_rest(&it);
    peer_give(&it.peer, first_record(&it.peer));
    turn_until(it.loop, it.client.writables == 1); /* and tries again, in vain */
    it.client.writables = 0;
    write_before_the_rest(&it);
    peer_give(&it.peer, peer_has(&it.peer));
    assert_int_equal(SSL_write(it.peer.ssl, "welcome", 7), 7);
    peer_give(&it.peer, peer_has(&it.peer));
    turn_until(it.loop, it.client.writables == 1);
    expect_hello(&it);
    assert_int_equal(it.client.len, 0);
    net_conn_resume(it.client.conn);
    turn_until(it.loop, it.client.len == 7);
    tear_down(&it);
}

static void
a_peer_that_leaves_is_noticed(void **state)
{
    struct case_of_pieces it;

    (void)state;
    set_up(&it);
    net_conn_pause(it.client.conn);
    write_before_the_rest(&it);
    assert_int_equal(shutdown(it.peer.fd, SHUT_WR), 0);
    turn_until(it.loop, it.client.writables == 1);
    end_write(&it.client, "hello");
    turn_until(it.loop, it.client.closes == 1);
    assert_int_not_equal(it.client.error, 0);
    tear_down(&it);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_waits_for_the_rest),
        cmocka_unit_test(a_paused_reader_writes_on),
        cmocka_unit_test(a_peer_that_leaves_is_noticed),
    };

    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
