/* SPDX-License-Identifier: Apache-2.0 */
/* Calls over TLS: who the peer is, what a call is told of a connection that fails, what a server
 * is. */
#include "service.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "certs.h"

static struct authority authority;
static struct running running;
static weir_loop *loop;

static int
make_certs(void **state)
{
    (void)state;
    authority_new(&authority, "Authority");
    authority_issue(&authority, "server", "server", "DNS:localhost,IP:127.0.0.1", 3600);
    authority_issue(&authority, "alice", "alice", "URI:spiffe://example.org/alice", 3600);
    authority_issue(&authority, "bob", "bob", NULL, 3600);
    return weir_loop_new(&loop) == WEIR_OK ? 0 : -1;
}

static int
remove_certs(void **state)
{
    (void)state;
    weir_loop_free(loop);
    authority_free(&authority);
    return 0;
}

/* ---- both sides ---- */

/* What the server was told of connections that failed. */
static struct {
    atomic_uint count;
    char peer[64], why[256];
} failed;

static void
note_failure(void *self, const char *peer, const char *why)
{
    (void)self;
    snprintf(failed.peer, sizeof(failed.peer), "%s", peer);
    snprintf(failed.why, sizeof(failed.why), "%s", why);
    atomic_fetch_add(&failed.count, 1);
}

/* A policy on certificates: alice may call, and is told who she is. */
static weir_code
only_alice(void *self, weir_call *call, weir_next *next)
{
    const struct weir_peer_identity *peer = weir_call_peer_identity(call);

    (void)self;
    if (peer == NULL)
        return weir_fail(call, WEIR_INTERNAL, "no identity");
    assert_ptr_equal(weir_call_peer_identity(call), peer);
    if (peer->is_tls) {
        if (!peer->is_verified || strcmp(peer->common_name, "alice") != 0)
            return weir_fail(call, WEIR_PERMISSION_DENIED, "%s is not alice",
                peer->is_verified ? peer->common_name : "nobody");
        WEIR_TRY(weir_call_add_header(call, "x-subject", weir_str_of(peer->subject)));
        WEIR_TRY(weir_call_add_header(call, "x-uri", weir_str_of(peer->uris[0])));
        WEIR_TRY(weir_call_add_header(call, "x-version", weir_str_of(peer->tls_version)));
    } else if (!peer->is_unix || peer->uid != getuid() || peer->pid != getpid()) {
        return weir_fail(call, WEIR_PERMISSION_DENIED, "from elsewhere");
    }
    return weir_proceed(next, call);
}

static weir_tls *
server_tls(void)
{
    struct weir_tls_pair pair = {
        authority_path(&authority, "server.pem"), authority_path(&authority, "server.key")};
    struct weir_tls_server_options options = {.pairs = &pair,
        .pair_count = 1,
        .client_ca_file = authority_path(&authority, "ca.pem"),
        .client_cert_optional = true};
    char error[WEIR_TLS_ERROR];
    weir_tls *tls = NULL;

    assert_int_equal(weir_tls_server_new(&options, &tls, error), WEIR_OK);
    return tls;
}

/* name: of the certificate to show; NULL: none. */
static weir_tls *
client_tls(const char *name)
{
    char cert[32], key[32], error[WEIR_TLS_ERROR];
    struct weir_tls_client_options options = {.ca_file = authority_path(&authority, "ca.pem")};
    weir_tls *tls = NULL;

    if (name != NULL) {
        snprintf(cert, sizeof(cert), "%s.pem", name);
        snprintf(key, sizeof(key), "%s.key", name);
        options.pair = (struct weir_tls_pair){
            authority_path(&authority, cert), authority_path(&authority, key)};
    }
    assert_int_equal(weir_tls_client_new(&options, &tls, error), WEIR_OK);
    return tls;
}

static void
start_at(const char *address, int64_t handshake_timeout)
{
    weir_tls *tls = server_tls();

    atomic_store(&failed.count, 0);
    running_start(&running, address,
        &(struct weir_server_options){
            .tls = tls, .handshake_timeout = handshake_timeout, .connection_failed = note_failure},
        only_alice);
    weir_tls_free(tls); /* the server has its own */
}

static int
start(void **state)
{
    (void)state;
    start_at("127.0.0.1:0", 0);
    return 0;
}

static int
stop(void **state)
{
    (void)state;
    running_stop(&running, 10 * WEIR_SECOND);
    assert_int_equal(running.result, WEIR_OK);
    return 0;
}

static weir_channel *
channel_of(const char *target, weir_tls *tls)
{
    weir_channel *channel = NULL;

    assert_int_equal(
        weir_channel_new(loop, target, &(struct weir_channel_options){.tls = tls}, &channel),
        WEIR_OK);
    weir_tls_free(tls);
    return channel;
}

/* One call; it is the caller's, with its status. */
static weir_call *
call_on(weir_channel *channel, weir_code expected)
{
    const Rpctest__Payload request = {
        .base = PROTOBUF_C_MESSAGE_INIT(&rpctest__payload__descriptor), .text = "hello"};
    weir_call *call = weir_call_new(channel, NULL);
    const Rpctest__Payload *response = NULL;

    assert_non_null(call);
    assert_int_equal(rpctest_Test_Unary(call, &request, &response), expected);
    if (expected == WEIR_OK)
        assert_string_equal(response->text, "hello");
    return call;
}

/* ---- who it is ---- */

static void
a_certificate_is_used_in_policy(void **state)
{
    weir_channel *channel = channel_of(running.address, client_tls("alice"));
    weir_call *call;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        call = call_on(channel, WEIR_OK);
        assert_true(weir_str_equal(
            weir_call_header(call, "x-subject"), weir_str_of("CN=alice,O=Weir tests")));
        assert_true(weir_str_equal(
            weir_call_header(call, "x-uri"), weir_str_of("spiffe://example.org/alice")));
        assert_true(weir_str_equal(weir_call_header(call, "x-version"), weir_str_of("TLSv1.3")));
        assert_null(weir_call_peer_identity(call)); /* a client's call */
        weir_call_free(call);
    }
    weir_channel_free(channel);
}

static void
another_one_is_not_let_in(void **state)
{
    static const struct {
        const char *name, *message;
    } cases[] = {{"bob", "bob is not alice"}, {NULL, "nobody is not alice"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_channel *channel = channel_of(running.address, client_tls(cases[i].name));
        weir_call *call = call_on(channel, WEIR_PERMISSION_DENIED);

        assert_string_equal(weir_call_message(call), cases[i].message);
        weir_call_free(call);
        weir_channel_free(channel);
    }
}

static void
a_unix_socket_needs_no_certificate(void **state)
{
    char address[128];
    weir_channel *channel;

    (void)state;
    snprintf(address, sizeof(address), "unix:%s/socket", authority.folder);
    start_at(address, 0);
    channel = channel_of(address, NULL);
    weir_call_free(call_on(channel, WEIR_OK));
    weir_channel_free(channel);
    stop(NULL);
}

/* ---- what fails ---- */

static void
expect_unavailable(const char *target, weir_tls *tls, const char *why)
{
    weir_channel *channel = channel_of(target, tls);
    weir_call *call = call_on(channel, WEIR_UNAVAILABLE);

    if (strstr(weir_call_message(call), why) == NULL)
        assert_string_equal(weir_call_message(call), why);
    weir_call_free(call);
    weir_channel_free(channel);
}

static void
a_call_says_why_there_is_no_connection(void **state)
{
    char error[WEIR_TLS_ERROR];
    weir_tls *system = NULL;

    (void)state;
    assert_int_equal(weir_tls_client_new(NULL, &system, error), WEIR_OK);
    expect_unavailable(running.address, system,
        "TLS: certificate verify failed: unable to get local issuer certificate");
    EVENTUALLY(atomic_load(&failed.count) == 1);
    assert_string_equal(failed.why, "TLS: refused by the peer: tlsv1 alert unknown ca");
    assert_memory_equal(failed.peer, "ipv4:127.0.0.1:", 15);
    expect_unavailable(running.address, NULL, "the peer closed the connection");
    EVENTUALLY(atomic_load(&failed.count) == 2);
    assert_string_equal(failed.why, "TLS: the peer does not speak TLS");
}

/* "127.0.0.1:PORT" */
static int
plain_connect(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(strchr(text, ':') + 1, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* An alert, and with it a reset: the connection is gone before it can be said why. */
static void *
refuse_and_reset(void *arg)
{
    static const char alert[] = "\x15\x03\x03\x00\x02\x02\x28"; /* handshake_failure */
    const struct linger at_once = {1, 0};
    int fd = accept(*(int *)arg, NULL, NULL);
    char byte;

    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    assert_int_equal(write(fd, alert, sizeof(alert) - 1), sizeof(alert) - 1);
    close(fd);
    return NULL;
}

/* Whichever of the two the client sees, it has a reason to tell. */
static void
a_server_that_refuses_is_gone_at_once(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char target[32];
    pthread_t thread;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    snprintf(target, sizeof(target), "127.0.0.1:%u", ntohs(address.sin_port));
    for (unsigned i = 0; i < 20; i++) {
        weir_channel *channel = channel_of(target, client_tls(NULL));
        weir_call *call;
        const char *message;

        assert_int_equal(pthread_create(&thread, NULL, refuse_and_reset, &listener), 0);
        call = call_on(channel, WEIR_UNAVAILABLE);
        message = weir_call_message(call);
        assert_true(strstr(message, ": TLS: refused by the peer: ") != NULL ||
                    strstr(message, ": Connection reset by peer") != NULL ||
                    strstr(message, ": the peer closed the connection") != NULL);
        weir_call_free(call);
        weir_channel_free(channel);
        pthread_join(thread, NULL);
    }
    close(listener);
}

/* What is slow in its handshake is cut off in time, wherever it stands. */
static void
a_slow_handshake_is_cut_off(void **state)
{
    static const char *const beginnings[] = {"", "\x16\x03\x01\x02", "\x16\x03\x01\x00\x05\x01"};

    (void)state;
    start_at("127.0.0.1:0", 50 * WEIR_MILLISECOND);
    for (unsigned i = 0; i < 3; i++) {
        int fd = plain_connect(running.address);
        char byte;

        assert_true(write(fd, beginnings[i], strlen(beginnings[i])) >= 0);
        EVENTUALLY(atomic_load(&failed.count) == i + 1);
        assert_string_equal(failed.why, "handshake timeout");
        assert_true(read(fd, &byte, 1) <= 0);
        close(fd);
    }
    stop(NULL);
}

static void
an_ordinary_end_is_no_failure(void **state)
{
    weir_channel *channel = channel_of(running.address, client_tls("alice"));

    weir_call_free(call_on(channel, WEIR_OK));
    weir_channel_free(channel);
    stop(state);
    assert_int_equal(atomic_load(&failed.count), 0);
    start(state);
}

/* ---- what it is for ---- */

static void
each_side_takes_its_own(void **state)
{
    weir_tls *server = server_tls(), *client = client_tls(NULL);
    weir_server *made = NULL;
    weir_channel *channel = NULL;

    (void)state;
    assert_int_equal(weir_server_new(&(struct weir_server_options){.tls = client}, &made),
        WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_channel_new(loop, "localhost:1",
                         &(struct weir_channel_options){.tls = server}, &channel),
        WEIR_INVALID_ARGUMENT);
    assert_null(made);
    assert_null(channel);
    weir_tls_free(server);
    weir_tls_free(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_is_used_in_policy, start, stop),
        cmocka_unit_test_setup_teardown(another_one_is_not_let_in, start, stop),
        cmocka_unit_test(a_unix_socket_needs_no_certificate),
        cmocka_unit_test_setup_teardown(a_call_says_why_there_is_no_connection, start, stop),
        cmocka_unit_test(a_server_that_refuses_is_gone_at_once),
        cmocka_unit_test(a_slow_handshake_is_cut_off),
        cmocka_unit_test_setup_teardown(an_ordinary_end_is_no_failure, start, stop),
        cmocka_unit_test(each_side_takes_its_own),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
