/* SPDX-License-Identifier: Apache-2.0 */
/* What a channel and a call are told about the way to the server: tokens, authority, patience. */
#include "client/client.h"
#include "kinds.h"
#include "scripted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PATIENCE (100 * WEIR_SECOND)

/* ---- a source of tokens ---- */

struct source {
    atomic_uint asked;
    int64_t life;         /* of each token; 0: for one call */
    int64_t takes;        /* to fetch one */
    weir_code code;       /* other than OK: fail with it */
    const char *value;    /* in place of the numbered ones */
    weir_channel *onward; /* ask there first */
    unsigned together;    /* wait until so many fetch at the same time */
    atomic_uint fetching;
};

static weir_code
ask_onward(struct source *source, weir_call *call)
{
    Rpctest__Payload request = kinds_payload();
    const Rpctest__Payload *response;
    weir_call *onward = weir_call_new(source->onward, call);
    weir_code code = rpctest_Test_Unary(onward, &request, &response);

    weir_call_free(onward);
    return code;
}

static weir_code
fetch(void *self, weir_call *call, struct weir_call_token *out_token)
{
    struct source *source = self;
    unsigned number = ++source->asked;
    char *value = weir_call_keep(call, 64);

    if (source->onward != NULL)
        WEIR_TRY(ask_onward(source, call));
    atomic_fetch_add(&source->fetching, 1);
    while (atomic_load(&source->fetching) < source->together)
        WEIR_TRY(weir_call_sleep(call, WEIR_MILLISECOND));
    if (source->takes > 0)
        WEIR_TRY(weir_call_sleep(call, source->takes));
    if (source->code != WEIR_OK)
        return weir_fail(call, source->code, "no luck");
    snprintf(value, 64, "Bearer %u", number);
    out_token->value = source->value != NULL ? source->value : value;
    if (source->life != 0)
        out_token->expires = source->life == WEIR_NEVER ? WEIR_NEVER : weir_now() + source->life;
    return WEIR_OK;
}

struct fixture {
    struct source source;
    struct scripted server;
    weir_credentials *credentials;
    weir_loop *loop;
    weir_channel *channel;
};

static const struct script_step answer = {.act = SCRIPT_ANSWER};

static void
open_fixture(struct fixture *fixture, const struct weir_credentials_options *options,
    const struct script_step *steps, size_t count)
{
    struct weir_channel_options chosen = {.max_header_list = 0};

    fixture->source = (struct source){.life = WEIR_NEVER};
    scripted_start(&fixture->server, steps, count);
    assert_int_equal(
        weir_credentials_new(fetch, &fixture->source, options, &fixture->credentials), WEIR_OK);
    chosen.credentials = fixture->credentials;
    assert_int_equal(weir_loop_new(&fixture->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(fixture->loop, fixture->server.address, &chosen, &fixture->channel),
        WEIR_OK);
}

static void
close_fixture(struct fixture *fixture)
{
    weir_channel_free(fixture->channel);
    weir_loop_free(fixture->loop);
    weir_credentials_free(fixture->credentials);
    scripted_stop(&fixture->server);
}

static const struct weir_credentials_options insecure = {.insecure = true};

static void
check_token(const struct fixture *fixture, size_t request, const char *token)
{
    assert_int_equal(fixture->server.requests[request].tokens, 1);
    assert_string_equal(fixture->server.requests[request].token, token);
}

/* ---- tokens ---- */

static void
tokens_are_kept(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    for (size_t i = 0; i < 3 * KINDS; i++) {
        struct kinds_outcome outcome = kinds_call(fixture.channel, kinds[i % KINDS], PATIENCE);

        kinds_check_whole(&outcome, kinds[i % KINDS]);
        check_token(&fixture, i, "Bearer 1");
    }
    assert_int_equal(fixture.source.asked, 1);
    close_fixture(&fixture);
}

static void
tokens_without_a_life_are_for_one_call(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.life = 0;
    for (size_t i = 0; i < KINDS; i++)
        assert_int_equal(kinds_call(fixture.channel, kinds[i], PATIENCE).code, WEIR_OK);
    check_token(&fixture, 0, "Bearer 1");
    check_token(&fixture, 3, "Bearer 4");
    close_fixture(&fixture);
}

/* Half of this life is shorter than the default; a token is replaced before it expires. */
static void
tokens_are_replaced_in_time(void **state)
{
    struct fixture fixture;
    int64_t begun;

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.life = 200 * WEIR_MILLISECOND;
    begun = weir_now();
    while (fixture.source.asked < 3 && fixture.server.count < SCRIPT_MOST - 1) {
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
        usleep(20000);
    }
    assert_int_equal(fixture.source.asked, 3);
    assert_true(weir_now() - begun >= 200 * WEIR_MILLISECOND);
    close_fixture(&fixture);
}

/* False: the machine was too slow for a token of this life. */
static bool
old_token_serves(int64_t life)
{
    int64_t begun = weir_now(), half;
    struct fixture fixture;
    weir_code last;
    unsigned asked;
    bool in_time;

    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.life = life;
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    half = weir_now() + life / 2;
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    asked = fixture.source.asked;
    in_time = weir_now() < begun + life / 2;
    while (weir_now() <= half)
        usleep(1000);
    fixture.source.code = WEIR_UNAVAILABLE;
    last = kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code;
    in_time = in_time && weir_now() < begun + life;
    if (in_time) {
        assert_int_equal(asked, 1);
        assert_int_equal(last, WEIR_OK);
        assert_int_equal(fixture.source.asked, 2);
        check_token(&fixture, 2, "Bearer 1");
    }
    close_fixture(&fixture);
    return in_time;
}

/* A source that fails while the old token is good does no harm. */
static void
old_tokens_serve_while_they_can(void **state)
{
    int64_t life = WEIR_SECOND;

    (void)state;
    while (!old_token_serves(life))
        life *= 2;
}

static void *
call_once(void *arg)
{
    struct kinds_outcome outcome = kinds_call(arg, WEIR_BIDI_STREAM, PATIENCE);

    kinds_check_whole(&outcome, WEIR_BIDI_STREAM);
    return NULL;
}

static void
one_fetches_for_all(void **state)
{
    struct fixture fixture;
    pthread_t threads[8];

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.takes = 50 * WEIR_MILLISECOND;
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_once, fixture.channel), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture.source.asked, 1);
    for (size_t i = 0; i < COUNT(threads); i++)
        check_token(&fixture, i, "Bearer 1");
    close_fixture(&fixture);
}

/* The first one shows that it is so. */
static void
tokens_for_one_call_are_fetched_at_the_same_time(void **state)
{
    struct fixture fixture;
    pthread_t threads[8];
    bool seen[COUNT(threads) + 2] = {false};

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.life = 0;
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    atomic_store(&fixture.source.fetching, 0);
    fixture.source.together = COUNT(threads);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call_once, fixture.channel), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i <= COUNT(threads); i++) {
        const char *token = fixture.server.requests[i].token;
        unsigned long number;

        assert_memory_equal(token, "Bearer ", 7);
        number = strtoul(token + 7, NULL, 10);
        assert_in_range(number, 2, COUNT(threads) + 1);
        assert_false(seen[number]);
        seen[number] = true;
    }
    close_fixture(&fixture);
}

/* A source that goes over to tokens that are kept is asked once again. */
static void
tokens_may_become_lasting(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.life = 0;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    fixture.source.life = WEIR_NEVER;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(fixture.source.asked, 3);
    check_token(&fixture, 4, "Bearer 3");
    close_fixture(&fixture);
}

/* ---- where none is sent ---- */

static void
nothing_is_sent_in_the_clear(void **state)
{
    struct kinds_outcome outcome;
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, NULL, &answer, 1);
    for (size_t i = 0; i < KINDS; i++) {
        outcome = kinds_call(fixture.channel, kinds[i], PATIENCE);
        assert_int_equal(outcome.code, WEIR_UNAUTHENTICATED);
        assert_non_null(strstr(outcome.message, "without TLS"));
    }
    assert_int_equal(fixture.server.count, 0);
    assert_int_equal(fixture.source.asked, 0);
    close_fixture(&fixture);
}

static void
calls_choose_for_themselves(void **state)
{
    struct source other = {.value = "Basic dTpw", .life = WEIR_NEVER};
    struct kinds_outcome outcome;
    weir_credentials *credentials;
    struct fixture fixture;
    weir_call *call;

    (void)state;
    open_fixture(&fixture, NULL, &answer, 1);
    assert_int_equal(weir_credentials_new(fetch, &other, &insecure, &credentials), WEIR_OK);
    call = weir_call_new(fixture.channel, NULL);
    weir_call_set_credentials(call, credentials);
    assert_int_equal(kinds_run(call, WEIR_BIDI_STREAM, &outcome), WEIR_OK);
    weir_call_free(call);
    call = weir_call_new(fixture.channel, NULL);
    weir_call_set_credentials(call, NULL);
    assert_int_equal(kinds_run(call, WEIR_UNARY, &outcome), WEIR_OK);
    weir_call_free(call);
    check_token(&fixture, 0, "Basic dTpw");
    assert_int_equal(fixture.server.requests[1].tokens, 0);
    close_fixture(&fixture);
    weir_credentials_free(credentials);
}

/* ---- sources that fail ---- */

static weir_code
code_for(weir_code failure, const char *value, char message[256])
{
    struct kinds_outcome outcome;
    struct fixture fixture;

    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.code = failure;
    fixture.source.value = value;
    outcome = kinds_call(fixture.channel, WEIR_SERVER_STREAM, PATIENCE);
    assert_int_equal(fixture.server.count, 0);
    snprintf(message, 256, "%s", outcome.message);
    close_fixture(&fixture);
    return outcome.code;
}

/* gRFC A54 */
static void
failures_are_what_a_library_may_say(void **state)
{
    static const weir_code illegal[] = {WEIR_INVALID_ARGUMENT, WEIR_NOT_FOUND, WEIR_ALREADY_EXISTS,
        WEIR_FAILED_PRECONDITION, WEIR_ABORTED, WEIR_OUT_OF_RANGE, WEIR_DATA_LOSS};
    char message[256];

    (void)state;
    for (size_t i = 0; i < COUNT(illegal); i++) {
        assert_int_equal(code_for(illegal[i], NULL, message), WEIR_INTERNAL);
        assert_non_null(strstr(message, weir_code_name(illegal[i])));
        assert_non_null(strstr(message, "no luck"));
    }
    assert_int_equal(code_for(WEIR_UNAVAILABLE, NULL, message), WEIR_UNAVAILABLE);
    assert_string_equal(message, "no luck");
    assert_int_equal(code_for(WEIR_UNAUTHENTICATED, NULL, message), WEIR_UNAUTHENTICATED);
    assert_int_equal(code_for(WEIR_OK, "", message), WEIR_UNAUTHENTICATED);
    assert_int_equal(code_for(WEIR_OK, "two\r\nlines", message), WEIR_INTERNAL);
}

static void
slow_sources_keep_the_deadline(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, &insecure, &answer, 1);
    fixture.source.takes = 1000 * PATIENCE;
    for (size_t i = 0; i < KINDS; i++)
        assert_int_equal(kinds_call(fixture.channel, kinds[i], 20 * WEIR_MILLISECOND).code,
            WEIR_DEADLINE_EXCEEDED);
    assert_int_equal(fixture.server.count, 0);
    fixture.source.takes = 0;
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    close_fixture(&fixture);
}

static void
sources_may_call_others(void **state)
{
    struct running running;
    struct fixture fixture;

    (void)state;
    running_start(&running, "127.0.0.1:0", NULL, NULL);
    open_fixture(&fixture, &insecure, &answer, 1);
    assert_int_equal(
        weir_channel_new(fixture.loop, running.address, NULL, &fixture.source.onward), WEIR_OK);
    assert_int_equal(kinds_call(fixture.channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_int_equal(running.seen.ended, 1);
    weir_channel_free(fixture.source.onward);
    close_fixture(&fixture);
    running_stop(&running, PATIENCE);
}

/* ---- attempts ---- */

static weir_code
again(void *self, weir_call *call, weir_next *next)
{
    weir_code code = weir_proceed(next, call);

    (void)self;
    return code == WEIR_UNAVAILABLE ? weir_proceed(next, call) : code;
}

/* Each attempt asks, a transparent one does not. */
static void
attempts_have_a_token_each(void **state)
{
    static const struct script_step steps[] = {{.act = SCRIPT_FAIL, .code = WEIR_UNAVAILABLE},
        {.act = SCRIPT_RESET, .code = H2_REFUSED_STREAM}, {.act = SCRIPT_ANSWER}};

    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct fixture fixture;

        open_fixture(&fixture, &insecure, steps, COUNT(steps));
        fixture.source.life = 0;
        assert_int_equal(weir_channel_wrap(fixture.channel, again, NULL), WEIR_OK);
        assert_int_equal(kinds_call(fixture.channel, kinds[i], PATIENCE).code, WEIR_OK);
        check_token(&fixture, 0, "Bearer 1");
        check_token(&fixture, 1, "Bearer 2");
        check_token(&fixture, 2, "Bearer 2");
        close_fixture(&fixture);
    }
}

/* ---- authority ---- */

static void
authority_can_be_chosen(void **state)
{
    const struct weir_channel_options options = {.authority = "users.example"};
    struct scripted server;
    weir_channel *channel;
    weir_loop *loop;

    (void)state;
    scripted_start(&server, &answer, 1);
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, server.address, &options, &channel), WEIR_OK);
    assert_int_equal(kinds_call(channel, WEIR_UNARY, PATIENCE).code, WEIR_OK);
    assert_string_equal(server.requests[0].authority, "users.example");
    weir_channel_free(channel);
    weir_loop_free(loop);
    scripted_stop(&server);
}

/* ---- patience ---- */

struct patient {
    pthread_t thread;
    weir_channel *channel;
    int64_t timeout;
    bool waits;
    weir_code code;
};

static void *
wait_and_call(void *arg)
{
    struct patient *patient = arg;
    struct kinds_outcome outcome;
    weir_call *call = weir_call_new(patient->channel, NULL);

    weir_call_set_wait_for_ready(call, patient->waits);
    weir_call_set_timeout(call, patient->timeout);
    patient->code = kinds_run(call, WEIR_BIDI_STREAM, &outcome);
    weir_call_free(call);
    return NULL;
}

static void
connect_later(struct patient *patient, bool chained)
{
    struct running running;
    char path[64];
    weir_loop *loop;

    snprintf(path, sizeof(path), "unix:/tmp/weir-patience-%d.sock", (int)getpid());
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(weir_channel_new(loop, path, NULL, &patient->channel), WEIR_OK);
    if (chained)
        assert_int_equal(weir_channel_wrap(patient->channel, again, NULL), WEIR_OK);
    assert_int_equal(pthread_create(&patient->thread, NULL, wait_and_call, patient), 0);
    usleep(50000); /* the first try finds nobody; it would be well if it did */
    running_start(&running, path, NULL, NULL);
    pthread_join(patient->thread, NULL);
    weir_channel_free(patient->channel);
    weir_loop_free(loop);
    running_stop(&running, PATIENCE);
}

static void
the_patient_wait_for_servers(void **state)
{
    struct patient patient = {.timeout = PATIENCE, .waits = true};

    (void)state;
    connect_later(&patient, false);
    assert_int_equal(patient.code, WEIR_OK);
    connect_later(&patient, true);
    assert_int_equal(patient.code, WEIR_OK);
}

static void
patience_ends_at_the_deadline(void **state)
{
    struct patient patient = {.timeout = 50 * WEIR_MILLISECOND, .waits = true};
    weir_loop *loop;

    (void)state;
    assert_int_equal(weir_loop_new(&loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(loop, "unix:/tmp/weir-nobody.sock", NULL, &patient.channel), WEIR_OK);
    wait_and_call(&patient);
    assert_int_equal(patient.code, WEIR_DEADLINE_EXCEEDED);
    patient.waits = false;
    patient.timeout = PATIENCE;
    wait_and_call(&patient);
    assert_int_equal(patient.code, WEIR_UNAVAILABLE);
    weir_channel_free(patient.channel);
    weir_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_kept),
        cmocka_unit_test(tokens_without_a_life_are_for_one_call),
        cmocka_unit_test(tokens_are_replaced_in_time),
        cmocka_unit_test(old_tokens_serve_while_they_can),
        cmocka_unit_test(one_fetches_for_all),
        cmocka_unit_test(tokens_for_one_call_are_fetched_at_the_same_time),
        cmocka_unit_test(tokens_may_become_lasting),
        cmocka_unit_test(nothing_is_sent_in_the_clear),
        cmocka_unit_test(calls_choose_for_themselves),
        cmocka_unit_test(failures_are_what_a_library_may_say),
        cmocka_unit_test(slow_sources_keep_the_deadline),
        cmocka_unit_test(sources_may_call_others),
        cmocka_unit_test(attempts_have_a_token_each),
        cmocka_unit_test(authority_can_be_chosen),
        cmocka_unit_test(the_patient_wait_for_servers),
        cmocka_unit_test(patience_ends_at_the_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
