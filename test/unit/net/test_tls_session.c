/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/tls_session.c, and of TLS in src/net/conn.c. */

#include "tls_support.h"
#include <netinet/tcp.h>

static struct authority authority, other;

static int
make_certs(void **state)
{
    (void)state;
    authority_new(&authority, "Authority");
    authority_new(&other, "Another authority");
    authority_issue(
        &authority, "server", "server", "DNS:localhost,DNS:*.example.com,IP:127.0.0.1", 3600);
    authority_issue(&authority, "expired", "server", "DNS:localhost", -60);
    authority_issue(&authority, "alice", "alice",
        "DNS:alice.example.com,URI:spiffe://example.org/alice,DNS:second.example.com", 3600);
    authority_issue(&other, "mallory", "mallory", NULL, 3600);
    return 0;
}

static int
remove_certs(void **state)
{
    (void)state;
    authority_free(&authority);
    authority_free(&other);
    return 0;
}

/* ---- two ends ---- */

struct pair {
    weir_loop *loop;
    struct end server, client;
};

static void
connect_pair(struct pair *pair, weir_tls *server, weir_tls *client, const char *host)
{
    int ends[2];

    tcp_pair(ends);
    assert_int_equal(fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) | O_NONBLOCK), 0);
    end_open(&pair->server, pair->loop, ends[0], server, NULL);
    end_open(&pair->client, pair->loop, ends[1], client, host);
}

static void
set_up(struct pair *pair, weir_tls *server, weir_tls *client, const char *host)
{
    *pair = (struct pair){.loop = new_loop()};
    connect_pair(pair, server, client, host);
}

static void
disconnect(struct pair *pair)
{
    weir_loop *loop = pair->loop;

    end_free(&pair->server);
    end_free(&pair->client);
    *pair = (struct pair){.loop = loop};
}

static void
tear_down(struct pair *pair)
{
    disconnect(pair);
    weir_loop_free(pair->loop);
}

/* Both write before the handshake is over: it waits for it. */
static void
greet(struct pair *pair)
{
    struct net_span hello = {"hello", 5}, welcome = {"welcome", 7};

    assert_int_equal(net_conn_write(pair->client.conn, &hello, 1), 0);
    turn_until(pair->loop, pair->client.writables == 1);
    assert_int_equal(net_conn_write(pair->client.conn, &hello, 1), 5);
    turn_until(pair->loop, pair->server.len == 5);
    assert_int_equal(net_conn_write(pair->server.conn, &welcome, 1), 7);
    turn_until(pair->loop, pair->client.len == 7);
    assert_memory_equal(pair->server.bytes, "hello", 5);
    assert_memory_equal(pair->client.bytes, "welcome", 7);
}

static struct weir_tls_counts
counts_of(const weir_tls *tls)
{
    struct weir_tls_counts counts;

    weir_tls_count(tls, &counts);
    return counts;
}

static void
both_sides_talk(void **state)
{
    static const char *const hosts[] = {"localhost", "localhost.", "www.example.com", "127.0.0.1"};
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct weir_peer_identity *identity;
        struct pair pair;

        set_up(&pair, server, client, hosts[i]);
        greet(&pair);
        identity = net_conn_identity(pair.server.conn);
        assert_non_null(identity);
        assert_true(identity->is_tls);
        assert_string_equal(identity->tls_version, "TLSv1.3");
        assert_false(identity->is_verified);
        assert_false(identity->is_unix);
        tear_down(&pair);
    }
    assert_int_equal(counts_of(server).handshakes, 4);
    assert_int_equal(counts_of(server).failed, 0);
    weir_tls_free(server);
    weir_tls_free(client);
}

static void
a_client_s_certificate_is_its_identity(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", true);
    weir_tls *client = new_client_tls(&authority, "alice");
    const struct weir_peer_identity *identity;
    struct pair pair;

    (void)state;
    set_up(&pair, server, client, "localhost");
    greet(&pair);
    identity = net_conn_identity(pair.server.conn);
    assert_non_null(identity);
    assert_true(identity->is_verified);
    assert_string_equal(identity->subject, "CN=alice,O=Weir tests");
    assert_string_equal(identity->common_name, "alice");
    assert_int_equal(identity->dns_name_count, 2);
    assert_string_equal(identity->dns_names[0], "alice.example.com");
    assert_string_equal(identity->dns_names[1], "second.example.com");
    assert_int_equal(identity->uri_count, 1);
    assert_string_equal(identity->uris[0], "spiffe://example.org/alice");
    assert_ptr_equal(net_conn_identity(pair.server.conn), identity);
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

static void
a_unix_socket_s_peer_is_known(void **state)
{
    weir_loop *loop = new_loop();
    const struct weir_peer_identity *identity;
    struct end end = {0};
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    end_open(&end, loop, ends[0], NULL, NULL);
    identity = net_conn_identity(end.conn);
    assert_non_null(identity);
    assert_true(identity->is_unix);
    assert_false(identity->is_tls);
    assert_int_equal(identity->uid, getuid());
    assert_int_equal(identity->gid, getgid());
    assert_int_equal(identity->pid, getpid());
    end_free(&end);
    close(ends[1]);
    weir_loop_free(loop);
}

/* ---- who is refused ---- */

/* A handshake that fails; both texts are parts of what the ends say. */
static void
expect_refusal(weir_tls *server, weir_tls *client, const char *host, const char *server_why,
    const char *client_why)
{
    struct pair pair;

    set_up(&pair, server, client, host);
    turn_until(pair.loop, pair.server.closes == 1 && pair.client.closes == 1);
    if (strstr(pair.server.why, server_why) == NULL)
        assert_string_equal(pair.server.why, server_why);
    if (strstr(pair.client.why, client_why) == NULL)
        assert_string_equal(pair.client.why, client_why);
    assert_int_equal(pair.server.len, 0);
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

static void
a_server_of_a_foreign_authority_is_refused(void **state)
{
    (void)state;
    expect_refusal(new_server_tls(&authority, "server", false), new_client_tls(&other, NULL),
        "localhost", "TLS: refused by the peer: tlsv1 alert unknown ca",
        "TLS: certificate verify failed: unable to get local issuer certificate");
}

static void
a_server_of_another_name_is_refused(void **state)
{
    static const char *const names[] = {"elsewhere", "a.b.example.com", "127.0.0.2", "example.com"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_refusal(new_server_tls(&authority, "server", false),
            new_client_tls(&authority, NULL), names[i], "TLS: refused by the peer",
            i == 2 ? "IP address mismatch: it is not for 127.0.0.2"
                   : "hostname mismatch: it is not for ");
}

static void
an_expired_server_is_refused(void **state)
{
    (void)state;
    expect_refusal(new_server_tls(&authority, "expired", false), new_client_tls(&authority, NULL),
        "localhost", "TLS: refused by the peer: sslv3 alert certificate expired",
        "TLS: certificate verify failed: certificate has expired");
}

static void
a_client_without_certificate_is_refused(void **state)
{
    (void)state;
    expect_refusal(new_server_tls(&authority, "server", true), new_client_tls(&authority, NULL),
        "localhost", "TLS: peer did not return a certificate",
        "TLS: refused by the peer: tlsv13 alert certificate required");
}

static void
a_client_of_a_foreign_authority_is_refused(void **state)
{
    weir_tls *client = NULL;
    char error[WEIR_TLS_ERROR];
    struct weir_tls_client_options options = {.ca_file = authority_path(&authority, "ca.pem"),
        .pair = {authority_path(&other, "mallory.pem"), authority_path(&other, "mallory.key")}};

    (void)state;
    assert_int_equal(weir_tls_client_new(&options, &client, error), WEIR_OK);
    expect_refusal(new_server_tls(&authority, "server", true), client, "localhost",
        "TLS: certificate verify failed: unable to get local issuer certificate",
        "TLS: refused by the peer: tlsv1 alert unknown ca");
}

static void
a_peer_without_tls_is_refused(void **state)
{
    static const char *const greetings[] = {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff garbage", "\x80\x2e\x01\x03\x01"};
    weir_tls *server = new_server_tls(&authority, "server", false);

    (void)state;
    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        struct end end = {0};
        weir_loop *loop = new_loop();
        int ends[2];

        tcp_pair(ends);
        end_open(&end, loop, ends[0], server, NULL);
        assert_true(write(ends[1], greetings[i], strlen(greetings[i])) > 0);
        shutdown(ends[1], SHUT_WR);
        turn_until(loop, end.closes == 1);
        assert_memory_equal(end.why, "TLS: ", 5);
        if (i < 2)
            assert_string_equal(end.why, "TLS: the peer does not speak TLS");
        end_free(&end);
        close(ends[1]);
        weir_loop_free(loop);
    }
    assert_int_equal(counts_of(server).failed, 4);
    weir_tls_free(server);
}

static void
a_server_without_tls_is_refused(void **state)
{
    weir_tls *client = new_client_tls(&authority, NULL);
    struct end end = {0};
    weir_loop *loop = new_loop();
    int ends[2];

    (void)state;
    tcp_pair(ends);
    end_open(&end, loop, ends[0], client, "localhost");
    assert_int_equal(write(ends[1], "\0\0\0\4\0\0\0\0\0", 9), 9);
    turn_until(loop, end.closes == 1);
    assert_string_equal(end.why, "TLS: the peer does not speak TLS");
    end_free(&end);
    close(ends[1]);
    weir_loop_free(loop);
    weir_tls_free(client);
}

/* Random bytes at a handshake, and in the middle of one that began well: an end, never a hang or a
 * crash. */
static void
random_bytes_end_a_handshake(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        uint8_t bytes[600] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03};
        struct end end = {0};
        weir_loop *loop = new_loop();
        int ends[2];

        for (size_t i = round % 12; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        tcp_pair(ends);
        end_open(&end, loop, ends[0], server, NULL);
        assert_true(write(ends[1], bytes, sizeof(bytes)) > 0);
        shutdown(ends[1], SHUT_WR);
        turn_until(loop, end.closes == 1);
        end_free(&end);
        close(ends[1]);
        weir_loop_free(loop);
    }
    assert_int_equal(counts_of(server).failed, 300);
    weir_tls_free(server);
}

/* ---- much, in either direction ---- */

#define MUCH ((size_t)3 * 1024 * 1024 + 17)

static uint8_t
pattern(size_t place)
{
    return (uint8_t)(place * 7 + (place >> 8));
}

/* Write the pattern in spans of odd sizes, as much as is taken; how far it has come. */
static size_t
write_pattern(struct end *end, size_t from)
{
    static uint8_t bytes[MUCH];
    struct net_span spans[5];
    size_t sizes[] = {9, 20000, 1, 100, 40000}, at = from, count = 0;

    for (size_t i = 0; i < MUCH && bytes[1] == 0; i++)
        bytes[i] = pattern(i);
    if (bytes[1] == 0 || bytes[2] != pattern(2)) {
        for (size_t i = 0; i < MUCH; i++)
            bytes[i] = pattern(i);
    }
    for (size_t i = 0; i < 5 && at < MUCH; i++) {
        size_t some = sizes[i] < MUCH - at ? sizes[i] : MUCH - at;

        spans[count++] = (struct net_span){bytes + at, some};
        at += some;
    }
    return from + net_conn_write(end->conn, spans, count);
}

static void
check_pattern(const struct end *end)
{
    size_t wrong = 0;

    assert_int_equal(end->len, MUCH);
    for (size_t i = 0; i < MUCH; i++)
        wrong += end->bytes[i] != pattern(i);
    assert_int_equal(wrong, 0);
}

/* Write until it is blocked, turn, go on when `writable` comes. */
static void
pump(struct pair *pair, struct end *from, struct end *to)
{
    size_t sent = 0, before;

    while (sent < MUCH) {
        unsigned writables = from->writables;

        before = sent;
        sent = write_pattern(from, sent);
        if (sent == before)
            turn_until(pair->loop, from->writables > writables);
    }
    turn_until(pair->loop, to->len == MUCH);
    check_pattern(to);
}

static void
much_goes_both_ways(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);
    struct pair pair;

    (void)state;
    set_up(&pair, server, client, "localhost");
    greet(&pair);
    pair.server.len = pair.client.len = 0;
    pump(&pair, &pair.client, &pair.server);
    pump(&pair, &pair.server, &pair.client);
    assert_int_equal(pair.server.closes + pair.client.closes, 0);
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

/* What OpenSSL has taken from the socket no poll tells of. */
static void
a_paused_reader_gets_what_waits_inside(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);
    struct pair pair;

    (void)state;
    set_up(&pair, server, client, "localhost");
    greet(&pair);
    pair.server.len = 0;
    for (unsigned i = 0; i < 20; i++) {
        end_write(&pair.client, "first");
        turn_until(pair.loop, pair.server.len == 5);
        net_conn_pause(pair.server.conn);
        end_write(&pair.client, "second");
        end_write(&pair.client, "third");
        settle(pair.loop);
        assert_int_equal(pair.server.len, 5);
        net_conn_resume(pair.server.conn);
        turn_until(pair.loop, pair.server.len == 16);
        net_conn_rest(pair.server.conn);
        net_conn_rest(pair.client.conn);
        pair.server.len = 0;
    }
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

/* A reader that keeps a rest larger than a record, and more input than it takes in one turn. */
static void
a_kept_rest_comes_again(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);
    struct pair pair;
    size_t sent = 0;

    (void)state;
    set_up(&pair, server, client, "localhost");
    greet(&pair);
    pair.server.len = 0;
    pair.server.keep_to = 100000;
    while (sent < 100000) {
        sent = write_pattern(&pair.client, sent);
        turn_once(pair.loop, 10);
    }
    turn_until(pair.loop, pair.server.len >= 100000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(pair.server.bytes[i], pattern(i));
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

/* Closing right after writing: what was taken arrives, however slow the peer is. */
static void
closing_loses_nothing(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);
    struct pair pair;
    size_t sent = 0, before = 1;

    (void)state;
    set_up(&pair, server, client, "localhost");
    greet(&pair);
    pair.client.len = 0;
    net_conn_pause(pair.client.conn);
    while (sent != before && sent < MUCH) {
        before = sent;
        sent = write_pattern(&pair.server, sent);
    }
    net_conn_close(pair.server.conn);
    pair.server.conn = NULL;
    net_conn_resume(pair.client.conn);
    turn_until(pair.loop, pair.client.closes == 1);
    assert_int_equal(pair.client.error, 0);
    assert_int_equal(pair.client.len, sent);
    for (size_t i = 0; i < sent; i++)
        assert_int_equal(pair.client.bytes[i], pattern(i));
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

/* ---- tickets ---- */

static void
a_ticket_resumes_once(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", true);
    weir_tls *client = new_client_tls(&authority, "alice");
    struct pair pair = {.loop = new_loop()};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct weir_peer_identity *identity;

        connect_pair(&pair, server, client, "localhost");
        greet(&pair);
        assert_int_equal(counts_of(server).resumed, i);
        assert_int_equal(counts_of(client).resumed, i);
        identity = net_conn_identity(pair.server.conn);
        assert_non_null(identity);
        assert_true(identity->is_verified);
        assert_string_equal(identity->common_name, "alice");
        disconnect(&pair);
    }
    connect_pair(&pair, server, client, "127.0.0.1"); /* another name is another server */
    greet(&pair);
    assert_int_equal(counts_of(client).resumed, 3);
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

/* Who may come in is judged anew after a reload, so that a withdrawn authority is withdrawn. */
static void
a_reload_ends_tickets(void **state)
{
    weir_tls *server = new_server_tls(&authority, "server", false);
    weir_tls *client = new_client_tls(&authority, NULL);
    struct pair pair = {.loop = new_loop()};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        connect_pair(&pair, server, client, "localhost");
        greet(&pair);
        disconnect(&pair);
        assert_int_equal(weir_tls_reload(i == 0 ? server : client), WEIR_OK);
    }
    assert_int_equal(counts_of(server).handshakes, 3);
    assert_int_equal(counts_of(server).resumed, 0);
    tear_down(&pair);
    weir_tls_free(server);
    weir_tls_free(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_talk),
        cmocka_unit_test(a_client_s_certificate_is_its_identity),
        cmocka_unit_test(a_unix_socket_s_peer_is_known),
        cmocka_unit_test(a_server_of_a_foreign_authority_is_refused),
        cmocka_unit_test(a_server_of_another_name_is_refused),
        cmocka_unit_test(an_expired_server_is_refused),
        cmocka_unit_test(a_client_without_certificate_is_refused),
        cmocka_unit_test(a_client_of_a_foreign_authority_is_refused),
        cmocka_unit_test(a_peer_without_tls_is_refused),
        cmocka_unit_test(a_server_without_tls_is_refused),
        cmocka_unit_test(random_bytes_end_a_handshake),
        cmocka_unit_test(much_goes_both_ways),
        cmocka_unit_test(a_paused_reader_gets_what_waits_inside),
        cmocka_unit_test(a_kept_rest_comes_again),
        cmocka_unit_test(closing_loses_nothing),
        cmocka_unit_test(a_ticket_resumes_once),
        cmocka_unit_test(a_reload_ends_tickets),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
