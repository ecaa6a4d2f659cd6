/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers and clients that are told things while they read a stream. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAIRS 8
#define NOTES 2000
#define LARGE ((size_t)300000) /* does not fit a stream's first window */

/* What the handler of a stream is told through: a number that others count up. */
struct mailbox {
    weir_event *event;
    atomic_uint notes;
    atomic_bool open;
};

static struct mailbox mailboxes[PAIRS];
static struct running running;

static weir_code
send_number(weir_call *call, const char *text, int32_t number)
{
    Rpctest__Payload payload = RPCTEST__PAYLOAD__INIT;

    payload.text = (char *)text;
    payload.number = number;
    return weir_call_send(call, &payload.base);
}

static weir_code
answer_message(weir_call *call)
{
    const ProtobufCMessage *message;
    const Rpctest__Payload *payload;

    if (!weir_call_receive(call, &message))
        return WEIR_ABORTED;
    payload = (const Rpctest__Payload *)message;
    return send_number(
        call, "message", payload->data.len > 0 ? (int32_t)payload->data.len : payload->number);
}

/* Answers each message, and tells of the notes as they come: "notes", how many in all. */
static weir_code
serve_mailbox(weir_call *call, struct mailbox *mailbox)
{
    weir_code code = WEIR_OK;

    while (code == WEIR_OK) {
        if (weir_call_receivable(call, mailbox->event)) {
            code = answer_message(call);
            continue;
        }
        weir_event_clear(mailbox->event);
        code = send_number(call, "notes", (int32_t)atomic_load(&mailbox->notes));
    }
    return code == WEIR_ABORTED ? weir_call_code(call) : code;
}

/* Takes the place of Talk's handler; the header says which mailbox. */
static weir_code
instead_of_talk(void *self, weir_call *call, weir_next *next)
{
    struct mailbox *mailbox;

    (void)self;
    (void)next;
    mailbox = &mailboxes[weir_call_header(call, "mailbox").data[0] - '0'];
    return serve_mailbox(call, mailbox);
}

static int
start(void **state)
{
    const struct weir_server_options options = {.loops = 3};

    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        mailboxes[i] = (struct mailbox){.event = weir_event_new()};
        assert_non_null(mailboxes[i].event);
    }
    running_start(&running, "127.0.0.1:0", &options, instead_of_talk);
    return 0;
}

static int
stop(void **state)
{
    int result = running_finish(&running);

    (void)state;
    for (int i = 0; i < PAIRS; i++)
        weir_event_unref(mailboxes[i].event);
    return result;
}

struct client {
    weir_loop *loop;
    weir_channel *channel;
    weir_call *call;
    struct rpctest_Test_Talk_client talk;
};

static void
open_client(struct client *client, int mailbox)
{
    const char digit[] = {(char)('0' + mailbox), '\0'};

    assert_int_equal(weir_loop_new(&client->loop), WEIR_OK);
    assert_int_equal(
        weir_channel_new(client->loop, running.address, NULL, &client->channel), WEIR_OK);
    client->call = weir_call_new(client->channel, NULL);
    weir_call_set_timeout(client->call, 100 * WEIR_SECOND);
    assert_int_equal(weir_call_add_header(client->call, "mailbox", weir_str_of(digit)), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk(client->call, &client->talk), WEIR_OK);
}

static void
close_client(struct client *client)
{
    weir_call_free(client->call);
    weir_channel_free(client->channel);
    weir_loop_free(client->loop);
}

static void
expect(struct client *client, const char *text, int32_t number)
{
    const Rpctest__Payload *payload = NULL;

    assert_true(rpctest_Test_Talk_client_recv(client->talk, &payload));
    assert_string_equal(payload->text, text);
    assert_int_equal(payload->number, number);
}

static void
say(struct client *client, int32_t number, size_t data)
{
    Rpctest__Payload payload = RPCTEST__PAYLOAD__INIT;

    payload.text = (char *)"";
    payload.number = number;
    payload.data.len = data;
    payload.data.data = data == 0 ? NULL : calloc(1, data);
    assert_int_equal(rpctest_Test_Talk_client_send(client->talk, &payload), WEIR_OK);
    free(payload.data.data);
}

static void
note(struct mailbox *mailbox)
{
    atomic_fetch_add(&mailbox->notes, 1);
    weir_event_set(mailbox->event);
}

static void
finish(struct client *client)
{
    assert_int_equal(rpctest_Test_Talk_client_close_send(client->talk), WEIR_OK);
    assert_int_equal(rpctest_Test_Talk_client_finish(client->talk), WEIR_OK);
}

static void
messages_and_notes_by_turns(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, 0);
    for (int i = 1; i <= 20; i++) {
        say(&client, i, 0);
        expect(&client, "message", i);
        note(&mailboxes[0]);
        expect(&client, "notes", i);
    }
    finish(&client);
    close_client(&client);
}

/* Nobody takes the message before it is whole, yet it must be let in. */
static void
message_larger_than_the_window(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, 0);
    say(&client, 0, LARGE);
    expect(&client, "message", (int32_t)LARGE);
    finish(&client);
    close_client(&client);
}

static void
event_that_is_set_before(void **state)
{
    struct client client;

    (void)state;
    note(&mailboxes[0]);
    open_client(&client, 0);
    expect(&client, "notes", 1);
    finish(&client);
    close_client(&client);
}

static void
end_of_the_call(void **state)
{
    struct client client;

    (void)state;
    open_client(&client, 0);
    say(&client, 1, 0);
    expect(&client, "message", 1);
    close_client(&client); /* the handler wakes and ends, or `stop` finds it */
}

static void
client_that_waits_for_either(void **state)
{
    weir_event *event = weir_event_new();
    const Rpctest__Payload *payload;
    struct client client;
    bool receivable;

    (void)state;
    open_client(&client, 0);
    weir_event_set(event);
    receivable = weir_call_receivable(client.call, event);
    assert_false(receivable);
    weir_event_clear(event);
    say(&client, 3, 0);
    receivable = weir_call_receivable(client.call, event);
    assert_true(receivable);
    weir_event_set(event); /* a message goes first */
    receivable = weir_call_receivable(client.call, event);
    assert_true(receivable);
    expect(&client, "message", 3);
    weir_event_clear(event);
    assert_int_equal(rpctest_Test_Talk_client_close_send(client.talk), WEIR_OK);
    receivable = weir_call_receivable(client.call, event);
    assert_true(receivable);
    assert_false(rpctest_Test_Talk_client_recv(client.talk, &payload));
    assert_int_equal(weir_call_code(client.call), WEIR_OK);
    close_client(&client);
    weir_event_unref(event);
}

/* ---- many at once ---- */

static void *
write_notes(void *arg)
{
    for (int i = 0; i < NOTES; i++)
        note(arg);
    return NULL;
}

struct reader {
    pthread_t thread;
    struct mailbox *mailbox;
    struct client client;
};

/* The last of the notes is always told of, whatever goes on at the same time. */
static void *
read_notes(void *arg)
{
    struct reader *reader = arg;
    const Rpctest__Payload *payload;
    int32_t told = 0, answered = 0;

    say(&reader->client, ++answered, 0);
    while (told < 2 * NOTES) {
        if (!rpctest_Test_Talk_client_recv(reader->client.talk, &payload))
            abort();
        if (strcmp(payload->text, "notes") == 0)
            told = payload->number;
        else if (payload->number == answered && answered < 500)
            say(&reader->client, ++answered, 0);
    }
    return NULL;
}

/* Loops are made and freed by one thread: what libuv closes, TSan takes for open. */
static void
no_note_is_lost(void **state)
{
    struct reader readers[PAIRS];
    pthread_t writers[PAIRS][2];

    (void)state;
    for (int i = 0; i < PAIRS; i++) {
        readers[i].mailbox = &mailboxes[i];
        open_client(&readers[i].client, i);
    }
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_notes, &readers[i]), 0);
        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_create(&writers[i][k], NULL, write_notes, &mailboxes[i]), 0);
    }
    for (int i = 0; i < PAIRS; i++) {
        for (int k = 0; k < 2; k++)
            pthread_join(writers[i][k], NULL);
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(mailboxes[i].notes, 2 * NOTES);
        finish(&readers[i].client);
        close_client(&readers[i].client);
    }
}

/* ---- an event that wanders ---- */

static void *
set_again_and_again(void *arg)
{
    struct mailbox *mailbox = arg;

    while (!atomic_load(&mailbox->open)) {
        note(mailbox);
        usleep(20);
    }
    return NULL;
}

/* Calls of other loops one after the other wait for the same event, while wake-ups travel. */
static void
one_event_on_many_loops(void **state)
{
    struct mailbox *mailbox = &mailboxes[0];
    struct client client;
    pthread_t setter;

    (void)state;
    assert_int_equal(pthread_create(&setter, NULL, set_again_and_again, mailbox), 0);
    for (int i = 0; i < 200; i++) {
        weir_code code;

        if (i % 20 == 0)
            open_client(&client, 1);
        code = weir_event_wait(mailbox->event, client.call);
        assert_int_equal(code, WEIR_OK);
        weir_event_clear(mailbox->event);
        code = weir_event_wait(mailbox->event, NULL);
        assert_int_equal(code, WEIR_OK);
        weir_event_clear(mailbox->event);
        if (i % 20 == 19) {
            finish(&client);
            close_client(&client);
        }
    }
    atomic_store(&mailbox->open, true);
    pthread_join(setter, NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(messages_and_notes_by_turns),
        TEST(message_larger_than_the_window),
        TEST(event_that_is_set_before),
        TEST(end_of_the_call),
        TEST(client_that_waits_for_either),
        TEST(no_note_is_lost),
        TEST(one_event_on_many_loops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
