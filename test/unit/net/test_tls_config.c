/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/net/tls_config.c and src/net/tls_load.c: which files are taken, what is said of the
 * others, when they are read again. */

#include "net/tls.h"
#include "tls_support.h"
#include <sys/resource.h>

static struct authority authority;

static int
make_certs(void **state)
{
    (void)state;
    authority_new(&authority, "Authority");
    authority_issue(&authority, "a", "a", "DNS:a.example.com", 3600);
    authority_issue(&authority, "b", "b", "DNS:b.example.com", 3600);
    authority_write(&authority, "empty", "");
    authority_write(&authority, "text", "this is no certificate\n");
    authority_write(
        &authority, "broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    authority_write(&authority, "ed25519.key",
        "-----BEGIN PRIVATE "
        "KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
        "-----END PRIVATE KEY-----\n");
    authority_write(&authority, "locked.key",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
        "-----END EC PRIVATE KEY-----\n");
    return 0;
}

static int
remove_certs(void **state)
{
    (void)state;
    authority_free(&authority);
    return 0;
}

/* `file` is the one that the error begins with. */
static void
expect_error(const char *cert, const char *key, const char *ca, const char *file, const char *why)
{
    struct weir_tls_pair pair = {authority_path(&authority, cert), authority_path(&authority, key)};
    struct weir_tls_server_options options = {.pairs = &pair,
        .pair_count = 1,
        .client_ca_file = ca == NULL ? NULL : authority_path(&authority, ca)};
    char error[WEIR_TLS_ERROR], expected[WEIR_TLS_ERROR];
    weir_tls *tls = (weir_tls *)&pair;

    snprintf(expected, sizeof(expected), "%s: %s", authority_path(&authority, file), why);
    assert_int_equal(weir_tls_server_new(&options, &tls, error), WEIR_INVALID_ARGUMENT);
    assert_ptr_equal(tls, &pair);
    if (strstr(error, expected) == NULL)
        assert_string_equal(error, expected);
}

static void
an_error_names_the_file_and_the_reason(void **state)
{
    const char *none = "nothing in PEM form that belongs here is in it";

    (void)state;
    expect_error("absent.pem", "a.key", NULL, "absent.pem", "No such file or directory");
    expect_error("empty", "a.key", NULL, "empty", none);
    expect_error("text", "a.key", NULL, "text", none);
    expect_error("broken", "a.key", NULL, "broken", "");
    expect_error("a.key", "a.key", NULL, "a.key", none);
    expect_error("a.pem", "absent.key", NULL, "absent.key", "No such file or directory");
    expect_error("a.pem", "text", NULL, "text", "");
    expect_error("a.pem", "locked.key", NULL, "locked.key", "the key is encrypted");
    expect_error("a.pem", "b.key", NULL, "b.key", "the key does not belong to the certificate in ");
    expect_error("a.pem", "ed25519.key", NULL, "ed25519.key",
        "the key does not belong to the certificate in ");
    expect_error("a.pem", "a.key", "absent.pem", "absent.pem", "No such file or directory");
    expect_error("a.pem", "a.key", "text", "text", "");
}

static void
options_that_make_no_sense_are_refused(void **state)
{
    struct weir_tls_pair half = {.cert_file = "a.pem"};
    struct weir_tls_client_options client = {.pair = half};
    char error[WEIR_TLS_ERROR];
    weir_tls *tls = NULL;

    (void)state;
    assert_int_equal(weir_tls_server_new(&(struct weir_tls_server_options){0}, &tls, error),
        WEIR_INVALID_ARGUMENT);
    assert_string_equal(error, "a server needs a certificate and its key");
    assert_int_equal(
        weir_tls_server_new(
            &(struct weir_tls_server_options){.pairs = &half, .pair_count = 1}, &tls, error),
        WEIR_INVALID_ARGUMENT);
    assert_string_equal(error, "a certificate and its key go together");
    assert_int_equal(weir_tls_client_new(&client, &tls, error), WEIR_INVALID_ARGUMENT);
    client = (struct weir_tls_client_options){.min_version = (weir_tls_version)2};
    assert_int_equal(weir_tls_client_new(&client, &tls, error), WEIR_INVALID_ARGUMENT);
    assert_memory_equal(error, "min_version", strlen("min_version"));
    client = (struct weir_tls_client_options){.check_interval = -1};
    assert_int_equal(weir_tls_client_new(&client, &tls, error), WEIR_INVALID_ARGUMENT);
    assert_int_equal(
        weir_tls_server_new(&(struct weir_tls_server_options){.check_interval = -1}, &tls, error),
        WEIR_INVALID_ARGUMENT);
    assert_memory_equal(error, "min_version", strlen("min_version"));
    assert_null(tls);
}

static void
a_client_believes_the_system_by_default(void **state)
{
    char error[WEIR_TLS_ERROR];
    weir_tls *tls = NULL;

    (void)state;
    assert_int_equal(weir_tls_client_new(NULL, &tls, error), WEIR_OK);
    weir_tls_error(tls, error);
    assert_string_equal(error, "");
    weir_tls_free(tls);
    weir_tls_free(NULL);
}

/* ---- reading again ---- */

struct observed {
    unsigned good, bad;
    char error[WEIR_TLS_ERROR];
};

static void
observe(void *self, const char *error)
{
    struct observed *observed = self;

    *(error == NULL ? &observed->good : &observed->bad) += 1;
    snprintf(observed->error, sizeof(observed->error), "%s", error == NULL ? "" : error);
}

static weir_tls *
new_observed(struct observed *observed, const char *ca)
{
    struct weir_tls_pair pair = {
        authority_path(&authority, "live.pem"), authority_path(&authority, "live.key")};
    struct weir_tls_server_options options = {.pairs = &pair,
        .pair_count = 1,
        .client_ca_file = ca == NULL ? NULL : authority_path(&authority, ca),
        .check_interval = 1,
        .reloaded = observe,
        .reloaded_self = observed};
    char error[WEIR_TLS_ERROR];
    weir_tls *tls = NULL;

    authority_issue(&authority, "live", "first", NULL, 3600);
    assert_int_equal(weir_tls_server_new(&options, &tls, error), WEIR_OK);
    return tls;
}

/* Whose certificate a handshake that begins now shows. */
static void
expect_current(weir_tls *tls, const char *common_name)
{
    struct tls_set *set = tls_current_set(tls);
    X509_NAME *subject = X509_get_subject_name(SSL_CTX_get0_certificate(set->contexts[0]));
    char name[64];

    assert_true(X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name)) > 0);
    assert_string_equal(name, common_name);
    tls_set_unref(set);
}

static void
changed_files_are_read_again(void **state)
{
    struct observed observed = {0};
    weir_tls *tls = new_observed(&observed, NULL);

    (void)state;
    expect_current(tls, "first");
    expect_current(tls, "first");
    assert_int_equal(observed.good + observed.bad, 0);
    authority_issue(&authority, "next", "second", NULL, 3600);
    authority_move(&authority, "next.pem", "live.pem");
    expect_current(tls, "first"); /* the key is still the former one */
    assert_int_equal(observed.bad, 1);
    assert_non_null(strstr(observed.error, "does not belong"));
    expect_current(tls, "first");
    assert_int_equal(observed.bad, 1); /* nothing has changed since: not told again */
    authority_move(&authority, "next.key", "live.key");
    expect_current(tls, "second");
    assert_int_equal(observed.good, 1);
    weir_tls_free(tls);
}

/* That there is no descriptor for a new certificate passes without a change of the file. */
static void
files_that_cannot_be_opened_are_tried_again(void **state)
{
    struct observed observed = {0};
    weir_tls *tls = new_observed(&observed, NULL);
    struct rlimit limit, none;

    (void)state;
    authority_issue(&authority, "live", "second", NULL, 3600);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    expect_current(tls, "first");
    expect_current(tls, "first");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(observed.bad, 1);
    assert_non_null(strstr(observed.error, "Too many open files"));
    expect_current(tls, "second");
    assert_int_equal(observed.good, 1);
    weir_tls_free(tls);
}

static void
bad_files_change_nothing(void **state)
{
    struct observed observed = {0};
    weir_tls *tls = new_observed(&observed, NULL);
    struct weir_tls_counts counts;
    char error[WEIR_TLS_ERROR];

    (void)state;
    authority_write(&authority, "live.pem", "-----BEGIN CERTIFICATE-----\nhalf of it");
    expect_current(tls, "first");
    assert_int_equal(weir_tls_reload(tls), WEIR_INVALID_ARGUMENT);
    weir_tls_error(tls, error);
    assert_string_equal(error, observed.error);
    assert_non_null(strstr(error, "live.pem: "));
    assert_int_equal(unlink(authority_path(&authority, "live.pem")), 0);
    expect_current(tls, "first");
    assert_non_null(strstr(observed.error, "No such file"));
    authority_issue(&authority, "live", "third", NULL, 3600);
    assert_int_equal(weir_tls_reload(tls), WEIR_OK);
    expect_current(tls, "third");
    weir_tls_error(tls, error);
    assert_string_equal(error, "");
    weir_tls_count(tls, &counts);
    assert_int_equal(counts.reloads, 1);
    assert_int_equal(counts.reload_failures, 3);
    weir_tls_free(tls);
}

static void
the_client_authorities_are_read_again(void **state)
{
    struct observed observed = {0};
    weir_tls *tls;

    (void)state;
    authority_issue(&authority, "clients", "clients", NULL, 3600);
    tls = new_observed(&observed, "clients.pem");
    expect_current(tls, "first");
    authority_write(&authority, "clients.pem", "gone\n");
    expect_current(tls, "first");
    assert_int_equal(observed.bad, 1);
    authority_issue(&authority, "clients", "clients again", NULL, 3600);
    expect_current(tls, "first");
    assert_int_equal(observed.good, 1);
    weir_tls_free(tls);
}

/* ---- threads ---- */

static void *
use_sets(void *arg)
{
    weir_tls *tls = arg;

    for (unsigned i = 0; i < 2000; i++) {
        struct tls_set *set = tls_current_set(tls);

        assert_int_equal(set->count, 1);
        tls_set_unref(set);
    }
    return NULL;
}

static void
sets_are_replaced_while_threads_use_them(void **state)
{
    struct observed observed = {0};
    weir_tls *tls = new_observed(&observed, NULL);
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_sets, tls), 0);
    for (unsigned i = 0; i < 50; i++) {
        if (i % 10 == 0)
            authority_issue(&authority, "live", "another", NULL, 3600);
        assert_int_equal(weir_tls_reload(tls), WEIR_OK);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    expect_current(tls, "another");
    weir_tls_free(tls);
}

/* ---- SNI ---- */

static void
a_name_chooses_the_certificate(void **state)
{
    static const struct {
        const char *host;
        const char *why; /* NULL: it is the right one */
    } cases[] = {{"a.example.com", NULL}, {"b.example.com", NULL}, {"B.EXAMPLE.com", NULL},
        {"c.example.com", "hostname mismatch: it is not for c.example.com"}};
    struct weir_tls_pair pairs[] = {
        {authority_path(&authority, "a.pem"), authority_path(&authority, "a.key")},
        {authority_path(&authority, "b.pem"), authority_path(&authority, "b.key")}};
    weir_tls *server = NULL, *client = new_client_tls(&authority, NULL);
    char error[WEIR_TLS_ERROR];

    (void)state;
    assert_int_equal(
        weir_tls_server_new(
            &(struct weir_tls_server_options){.pairs = pairs, .pair_count = 2}, &server, error),
        WEIR_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct end here = {0}, there = {0};
        weir_loop *loop = new_loop();
        struct net_span hello = {"hi", 2};
        int ends[2];

        tcp_pair(ends);
        assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
        end_open(&here, loop, ends[0], server, NULL);
        end_open(&there, loop, ends[1], client, cases[i].host);
        assert_int_equal(net_conn_write(there.conn, &hello, 1), 0);
        turn_until(loop, there.writables == 1 || there.closes == 1);
        if (cases[i].why != NULL)
            assert_non_null(strstr(there.why, cases[i].why));
        else
            assert_int_equal(there.closes, 0);
        end_free(&here);
        end_free(&there);
        weir_loop_free(loop);
    }
    weir_tls_free(server);
    weir_tls_free(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_names_the_file_and_the_reason),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(a_client_believes_the_system_by_default),
        cmocka_unit_test(changed_files_are_read_again),
        cmocka_unit_test(files_that_cannot_be_opened_are_tried_again),
        cmocka_unit_test(bad_files_change_nothing),
        cmocka_unit_test(the_client_authorities_are_read_again),
        cmocka_unit_test(sets_are_replaced_while_threads_use_them),
        cmocka_unit_test(a_name_chooses_the_certificate),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
