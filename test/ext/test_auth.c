/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptor that checks tokens: all kinds of calls, streams that outlive their token, and
 * keys that change. */
#include "kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <weir/signer.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct running running;
static weir_loop *loop;
static weir_channel *channel;
static weir_auth *auth;
static weir_signer *signers[3];
static char folder[] = "/tmp/weir-auth-XXXXXX";
static char jwks_path[64];

static atomic_bool revoking;
static atomic_uint asked, reported_good, reported_bad;
static char report_text[256];

/* What an interceptor inside saw. */
static char seen_subject[64];
static atomic_uint passed;

static weir_code
intercept(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_auth_intercept(auth, call, next);
}

static weir_code
look_at_claims(void *self, weir_call *call, weir_next *next)
{
    const struct weir_claims *claims = weir_auth_claims(call);

    (void)self;
    snprintf(seen_subject, sizeof(seen_subject), "%s", claims == NULL ? "-" : claims->subject);
    atomic_fetch_add(&passed, 1);
    return weir_proceed(next, call);
}

static bool
is_revoked(void *self, const struct weir_claims *claims)
{
    (void)self;
    (void)claims;
    atomic_fetch_add(&asked, 1);
    return atomic_load(&revoking);
}

static void
report(void *self, weir_code code, const char *text)
{
    (void)self;
    snprintf(report_text, sizeof(report_text), "%s", text);
    atomic_fetch_add(code == WEIR_OK ? &reported_good : &reported_bad, 1);
}

/* ---- a server, keys, tokens ---- */

static int
make_keys(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(jwks_path, sizeof(jwks_path), "%s/keys.json", folder);
    for (size_t i = 0; i < COUNT(signers); i++)
        assert_int_equal(weir_signer_generate(i == 0 ? "EdDSA" : "ES256", &signers[i]), WEIR_OK);
    return 0;
}

static int
free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(signers); i++)
        weir_signer_free(signers[i]);
    unlink(jwks_path);
    rmdir(folder);
    return 0;
}

/* Put a file in the place of the one that is there, in one step. */
static void
replace_file(const char *text)
{
    char path[80];
    FILE *file;

    snprintf(path, sizeof(path), "%s.new", jwks_path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(path, jwks_path), 0);
}

/* A set of one or two keys; second may be NULL. */
static void
write_jwks(const weir_signer *first, const weir_signer *second)
{
    static const char head[] = "{\n  \"keys\": [\n";
    char *one = weir_signer_jwks(first);
    char *two = second == NULL ? NULL : weir_signer_jwks(second);
    char text[4096];

    if (two == NULL)
        snprintf(text, sizeof(text), "%s", one);
    else
        snprintf(text, sizeof(text), "%.*s, %s", (int)(strrchr(one, ']') - one), one,
            two + sizeof(head) - 1);
    replace_file(text);
    free(one);
    free(two);
}

static int
open_with(const struct weir_auth_options *wanted)
{
    struct weir_auth_options options = *wanted;
    struct weir_auth_error error = {""};
    char *pem = weir_signer_public_pem(signers[0]);

    if (options.jwks_file == NULL)
        options.public_keys = pem;
    options.revoked = is_revoked;
    options.report = report;
    if (weir_auth_new(&options, &auth, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    free(pem);
    revoking = false;
    asked = passed = reported_good = reported_bad = 0;
    running_start_with(
        &running, "127.0.0.1:0", NULL, (weir_interceptor *[]){intercept, look_at_claims, NULL});
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, running.address, NULL, &channel), WEIR_OK);
    return 0;
}

static int
open_plain(void **state)
{
    (void)state;
    return open_with(&(struct weir_auth_options){.cache_tokens = 16});
}

static int
open_strict(void **state)
{
    static const char *const skip[] = {"/rpctest.Test/Unary", "/other.Service/", NULL};

    (void)state;
    return open_with(&(struct weir_auth_options){
        .skip = skip, .issuer = "i", .audience = "a", .max_token = 1000});
}

static int
open_eager(void **state)
{
    (void)state;
    return open_with(&(struct weir_auth_options){.recheck = 5 * WEIR_MILLISECOND});
}

static int
open_jwks(void **state)
{
    (void)state;
    write_jwks(signers[0], NULL);
    return open_with(
        &(struct weir_auth_options){.jwks_file = jwks_path, .recheck = 20 * WEIR_MILLISECOND});
}

static int
close_all(void **state)
{
    (void)state;
    weir_channel_free(channel);
    weir_loop_free(loop);
    running_stop(&running, 10 * WEIR_SECOND);
    weir_auth_free(auth);
    return 0;
}

static char *
sign(const weir_signer *signer, int64_t lifetime)
{
    const struct weir_token token = {.subject = "42",
        .issuer = "i",
        .audience = "a",
        .issued_at = weir_unix_seconds(),
        .expires = weir_unix_seconds() + lifetime};
    char *text;

    assert_int_equal(weir_jwt_sign(signer, &token, &text), WEIR_OK);
    return text;
}

/* ---- calls ---- */

/* header: the whole value; NULL: none. */
static weir_call *
begin(const char *header)
{
    weir_call *call = weir_call_new(channel, NULL);

    if (header != NULL)
        assert_int_equal(weir_call_add_header(call, "authorization", weir_str_of(header)), WEIR_OK);
    return call;
}

static weir_call *
begin_with(const char *token)
{
    char header[4096];

    snprintf(header, sizeof(header), "Bearer %s", token);
    return begin(header);
}

static weir_code
try_token(const char *token)
{
    weir_call *call = begin_with(token);
    weir_code code = kinds_try(call, WEIR_UNARY);

    weir_call_free(call);
    return code;
}

/* A call of each kind with this header ends with this text. */
static void
expect_refused(const char *header, const char *text)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        weir_call *call = begin(header);

        assert_int_equal(kinds_try(call, kinds[i]), WEIR_UNAUTHENTICATED);
        assert_string_equal(weir_call_message(call), text);
        weir_call_free(call);
    }
}

static uint64_t
all_refused(const struct weir_auth_stats *stats)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < WEIR_AUTH_REFUSALS; i++)
        sum += stats->refused[i];
    return sum;
}

/* ---- tests ---- */

static void
good_tokens_pass(void **state)
{
    static const char *const schemes[] = {"Bearer ", "bearer ", "BEARER   "};
    char *token = sign(signers[0], 60);
    struct weir_auth_stats stats;
    char header[1024];

    (void)state;
    for (size_t i = 0; i < COUNT(kinds) * COUNT(schemes); i++) {
        weir_call *call;

        snprintf(header, sizeof(header), "%s%s", schemes[i % COUNT(schemes)], token);
        call = begin(header);
        snprintf(seen_subject, sizeof(seen_subject), "?");
        assert_int_equal(kinds_try(call, kinds[i / COUNT(schemes)]), WEIR_OK);
        assert_string_equal(seen_subject, "42");
        weir_call_free(call);
    }
    weir_auth_read_stats(auth, &stats);
    assert_int_equal(stats.verified, 1);
    assert_int_equal(stats.cached, COUNT(kinds) * COUNT(schemes) - 1);
    assert_int_equal(all_refused(&stats), 0);
    assert_int_equal(asked, 1);
    free(token);
}

static void
bad_tokens_do_not_pass(void **state)
{
    struct weir_auth_stats stats;
    char *token = sign(signers[1], 60), *late = sign(signers[0], -1);
    char header[1024];

    (void)state;
    expect_refused(NULL, "no authorization header");
    expect_refused("Basic QTpC", "invalid token: the scheme Bearer is required");
    expect_refused("Bearer", "invalid token: the scheme Bearer is required");
    expect_refused("Bearertoken", "invalid token: the scheme Bearer is required");
    expect_refused("Bearer x.y", "invalid token: not of three parts");
    snprintf(header, sizeof(header), "Bearer %s", token);
    expect_refused(header, "invalid token: no key fits");
    snprintf(header, sizeof(header), "Bearer %s", late);
    expect_refused(header, "invalid token: expired");
    weir_auth_read_stats(auth, &stats);
    assert_int_equal(all_refused(&stats), 7 * COUNT(kinds));
    assert_int_equal(stats.refused[WEIR_AUTH_MISSING], 4 * COUNT(kinds));
    assert_int_equal(stats.refused[WEIR_AUTH_MALFORMED], COUNT(kinds));
    assert_int_equal(stats.refused[WEIR_AUTH_SIGNATURE], COUNT(kinds));
    assert_int_equal(stats.refused[WEIR_AUTH_EXPIRED], COUNT(kinds));
    assert_int_equal(stats.verified, 0);
    assert_int_equal(passed, 0);
    free(token);
    free(late);
}

static void
two_headers_are_refused(void **state)
{
    char *token = sign(signers[0], 60);
    weir_call *call = begin_with(token);

    (void)state;
    assert_int_equal(weir_call_add_header(call, "authorization", weir_str_of("Bearer x")), WEIR_OK);
    assert_int_equal(kinds_try(call, WEIR_UNARY), WEIR_UNAUTHENTICATED);
    assert_string_equal(
        weir_call_message(call), "invalid token: more than one authorization header");
    weir_call_free(call);
    free(token);
}

static void
some_methods_are_open(void **state)
{
    static const struct weir_method absent = {.path = "/other.Service/Any",
        .input = &rpctest__payload__descriptor,
        .output = &rpctest__payload__descriptor};
    Rpctest__Payload request = RPCTEST__PAYLOAD__INIT;
    ProtobufCMessage *response;
    weir_call *call = begin(NULL);

    (void)state;
    assert_int_equal(kinds_try(call, WEIR_UNARY), WEIR_OK);
    assert_string_equal(seen_subject, "-");
    weir_call_free(call);
    call = begin(NULL);
    assert_int_equal(kinds_try(call, WEIR_BIDI_STREAM), WEIR_UNAUTHENTICATED);
    weir_call_free(call);
    call = begin(NULL);
    assert_int_equal(weir_call_unary(call, &absent, &request.base, &response), WEIR_UNIMPLEMENTED);
    weir_call_free(call);
}

static void
long_tokens_are_counted(void **state)
{
    struct weir_auth_stats stats;
    char header[1024];
    weir_call *call;

    (void)state;
    memset(header, 'A', sizeof(header));
    memcpy(header, "Bearer ", 7);
    header[1008] = '\0';
    call = begin(header);
    assert_int_equal(kinds_try(call, WEIR_BIDI_STREAM), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(call), "invalid token: too long");
    weir_call_free(call);
    header[1007] = '\0';
    call = begin(header);
    assert_int_equal(kinds_try(call, WEIR_BIDI_STREAM), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(call), "invalid token: not of three parts");
    weir_call_free(call);
    weir_auth_read_stats(auth, &stats);
    assert_int_equal(stats.refused[WEIR_AUTH_TOO_LONG], 1);
    assert_int_equal(stats.refused[WEIR_AUTH_MALFORMED], 1);
}

/* More tokens than there is room for: each is good all the same. */
static void
the_cache_may_overflow(void **state)
{
    struct weir_auth_stats stats;

    (void)state;
    for (int64_t i = 0; i < 200; i++) {
        char *token = sign(signers[0], 1000 + i % 100);

        assert_int_equal(try_token(token), WEIR_OK);
        free(token);
    }
    weir_auth_read_stats(auth, &stats);
    assert_int_equal(stats.cached + stats.verified, 200);
    assert_true(stats.evicted >= 100 - 64);
}

/* Streams that are open, each kind of them in its own kind of wait. */
static void
expect_streams_end(const char *token, void (*meanwhile)(void), const char *text)
{
    struct rpctest_Test_Talk_client talk = {NULL};
    struct rpctest_Test_Collect_client collect = {NULL};
    weir_call *first = begin_with(token), *second = begin_with(token);
    const Rpctest__Payload *message;
    struct weir_auth_stats stats;

    assert_int_equal(rpctest_Test_Talk(first, &talk), WEIR_OK);
    assert_int_equal(rpctest_Test_Collect(second, &collect), WEIR_OK);
    while (atomic_load(&passed) < 2)
        (void)!weir_call_sleep(first, WEIR_MILLISECOND);
    meanwhile();
    assert_false(rpctest_Test_Talk_client_recv(talk, &message));
    assert_int_equal(weir_call_code(first), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(first), text);
    while (weir_call_code(second) == WEIR_OK)
        (void)!weir_call_sleep(second, WEIR_MILLISECOND);
    assert_int_equal(rpctest_Test_Collect_client_finish(collect, &message), WEIR_UNAUTHENTICATED);
    assert_string_equal(weir_call_message(second), text);
    weir_call_free(first);
    weir_call_free(second);
    weir_auth_read_stats(auth, &stats);
    assert_int_equal(stats.ended, 2);
}

static void
nothing(void)
{
}

static void
a_stream_ends_with_its_token(void **state)
{
    char *token = sign(signers[0], 2);

    (void)state;
    expect_streams_end(token, nothing, "invalid token: expired");
    assert_int_equal(try_token(token), WEIR_UNAUTHENTICATED);
    free(token);
}

static void
revoke_all(void)
{
    atomic_store(&revoking, true);
    weir_auth_recheck(auth);
}

static void
a_revoked_token_ends_at_once(void **state)
{
    char *token = sign(signers[0], 60);

    (void)state;
    expect_streams_end(token, revoke_all, "invalid token: revoked");
    assert_int_equal(try_token(token), WEIR_UNAUTHENTICATED);
    atomic_store(&revoking, false); /* who was refused once is asked about again */
    assert_int_equal(try_token(token), WEIR_OK);
    free(token);
}

static void
take_the_key_away(void)
{
    write_jwks(signers[1], NULL);
}

static void
a_stream_ends_with_its_key(void **state)
{
    char *token = sign(signers[0], 60);

    (void)state;
    expect_streams_end(token, take_the_key_away, "invalid token: no key fits");
    assert_int_equal(try_token(token), WEIR_UNAUTHENTICATED);
    free(token);
}

/* ---- rotation ---- */

struct caller {
    pthread_t thread;
    pthread_mutex_t lock;
    char *token;
    unsigned in_use; /* calls that were made with the current token */
    atomic_bool stop;
    atomic_uint failed;
};

static void *
call_on(void *arg)
{
    struct caller *caller = arg;

    while (!atomic_load(&caller->stop)) {
        pthread_mutex_lock(&caller->lock);
        if (try_token(caller->token) != WEIR_OK)
            atomic_fetch_add(&caller->failed, 1);
        caller->in_use++;
        pthread_mutex_unlock(&caller->lock);
        usleep(50);
    }
    return NULL;
}

/* From here on no call has the old token. */
static void
change_token(struct caller *caller, char *token)
{
    pthread_mutex_lock(&caller->lock);
    free(caller->token);
    caller->token = token;
    caller->in_use = 0;
    pthread_mutex_unlock(&caller->lock);
}

static bool
was_used(struct caller *caller)
{
    bool used;

    pthread_mutex_lock(&caller->lock);
    used = caller->in_use > 3;
    pthread_mutex_unlock(&caller->lock);
    return used;
}

/* The new key is published beside the old one, then used, then the old one goes; again and again,
 * under calls. */
static void
rotation_loses_no_call(void **state)
{
    struct caller caller = {.token = sign(signers[0], 600)};
    struct weir_auth_stats stats;

    (void)state;
    pthread_mutex_init(&caller.lock, NULL);
    assert_int_equal(pthread_create(&caller.thread, NULL, call_on, &caller), 0);
    for (size_t i = 1; i <= 60; i++) {
        write_jwks(signers[(i - 1) % 3], signers[i % 3]);
        change_token(&caller, sign(signers[i % 3], 600));
        EVENTUALLY(was_used(&caller))
        write_jwks(signers[i % 3], NULL);
    }
    atomic_store(&caller.stop, true);
    pthread_join(caller.thread, NULL);
    assert_int_equal(caller.failed, 0);
    weir_auth_read_stats(auth, &stats);
    assert_true(stats.key_reloads >= 60);
    assert_int_equal(stats.key_failures, 0);
    free(caller.token);
    pthread_mutex_destroy(&caller.lock);
}

/* Until a call has made the server look. */
#define CALL_UNTIL(condition, token) \
    EVENTUALLY((assert_int_equal(try_token(token), WEIR_OK), (condition)))

static void
a_bad_file_changes_nothing(void **state)
{
    char *token = sign(signers[0], 600);

    (void)state;
    replace_file("{\"keys\": [\n\n{]}");
    CALL_UNTIL(reported_bad == 1, token)
    assert_non_null(strstr(report_text, "/keys.json: line 3: "));
    replace_file("{\"keys\": []}");
    CALL_UNTIL(reported_bad == 2, token)
    assert_int_equal(unlink(jwks_path), 0);
    CALL_UNTIL(reported_bad == 3, token)
    write_jwks(signers[0], signers[1]);
    CALL_UNTIL(reported_good == 1, token)
    for (int i = 0; i < 100; i++) /* told of once, whatever is called */
        assert_int_equal(try_token(token), WEIR_OK);
    assert_int_equal(reported_bad, 3);
    assert_int_equal(reported_good, 1);
    free(token);
}

/* As an editor does that writes into the file it has: of the same size, and within one tick of the
 * file system's clock. */
static void
a_file_may_change_in_place(void **state)
{
    char *token = sign(signers[2], 600);
    char *text;
    FILE *file;

    (void)state;
    write_jwks(signers[1], NULL);
    assert_int_equal(try_token(token), WEIR_UNAUTHENTICATED);
    text = weir_signer_jwks(signers[2]);
    file = fopen(jwks_path, "r+");
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(try_token(token), WEIR_OK);
    free(text);
    free(token);
}

static void
options_are_judged(void **state)
{
    static const char *const bad_skip[] = {"/a.B/C", "GetUser", NULL};
    const struct {
        struct weir_auth_options options;
        weir_code code;
        const char *text;
    } cases[] = {
        {{0}, WEIR_INVALID_ARGUMENT, "there is no key to verify tokens with"},
        {{.public_keys = "x"}, WEIR_INVALID_ARGUMENT, "there is no public key in PEM"},
        {{.jwks_file = "/nowhere/keys"}, WEIR_NOT_FOUND,
            "/nowhere/keys: No such file or directory"},
        {{.jwks_file = "/tmp"}, WEIR_NOT_FOUND, "/tmp: Is a directory"},
        {{.public_keys = "x", .skip = bad_skip}, WEIR_INVALID_ARGUMENT,
            "not of the form /package.Service/Method: GetUser"},
        {{.public_keys = "x", .clock_skew = -1}, WEIR_INVALID_ARGUMENT, "a duration is below zero"},
    };
    weir_auth *none;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct weir_auth_error error;

        assert_int_equal(weir_auth_new(&cases[i].options, &none, &error), cases[i].code);
        assert_string_equal(error.text, cases[i].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_tokens_pass, open_plain, close_all),
        cmocka_unit_test_setup_teardown(bad_tokens_do_not_pass, open_plain, close_all),
        cmocka_unit_test_setup_teardown(two_headers_are_refused, open_plain, close_all),
        cmocka_unit_test_setup_teardown(some_methods_are_open, open_strict, close_all),
        cmocka_unit_test_setup_teardown(long_tokens_are_counted, open_strict, close_all),
        cmocka_unit_test_setup_teardown(the_cache_may_overflow, open_plain, close_all),
        cmocka_unit_test_setup_teardown(a_stream_ends_with_its_token, open_plain, close_all),
        cmocka_unit_test_setup_teardown(a_revoked_token_ends_at_once, open_eager, close_all),
        cmocka_unit_test_setup_teardown(a_stream_ends_with_its_key, open_jwks, close_all),
        cmocka_unit_test_setup_teardown(rotation_loses_no_call, open_jwks, close_all),
        cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, open_jwks, close_all),
        cmocka_unit_test_setup_teardown(a_file_may_change_in_place, open_jwks, close_all),
        cmocka_unit_test(options_are_judged),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
