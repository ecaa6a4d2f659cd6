/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/chat_hub.c: names, seats, letters, limits, many threads. */
#include "userd/chat_hub.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int
set_up(void **state)
{
    *state = chat_hub_new();
    return *state == NULL ? -1 : 0;
}

/* Whatever a test did, nothing is left in the hub. */
static int
tear_down(void **state)
{
    struct chat_stats stats = chat_hub_stats(*state);

    chat_hub_free(*state);
    return stats.seats == 0 && stats.participants == 0 ? 0 : -1;
}

static struct chat_seat *
sit(struct chat_hub *hub, const char *name)
{
    struct chat_seat *seat = chat_seat_open(hub);

    assert_non_null(seat);
    assert_int_equal(chat_seat_name(seat, name), WEIR_OK);
    return seat;
}

static size_t
post(struct chat_hub *hub, const char *to, const char *content)
{
    struct chat_letter *letter = chat_letter_new("me", to, content, 1);
    size_t count;

    assert_non_null(letter);
    count = chat_hub_deliver(hub, letter);
    chat_letter_unref(letter);
    return count;
}

static void
expect(struct chat_seat *seat, const char *content)
{
    struct chat_letter *letter = chat_seat_take(seat);

    if (content == NULL) {
        assert_null(letter);
        return;
    }
    assert_non_null(letter);
    assert_string_equal(letter->content, content);
    chat_letter_unref(letter);
}

static void
letters_reach_every_seat_of_a_name(void **state)
{
    struct chat_hub *hub = *state;
    struct chat_seat *desk = sit(hub, "ada"), *phone = sit(hub, "ada"), *bob = sit(hub, "bob");

    assert_int_equal(post(hub, "ada", "one"), 2);
    assert_int_equal(post(hub, "bob", "two"), 1);
    assert_int_equal(post(hub, "eve", "three"), 0);
    assert_int_equal(post(hub, "", "four"), 0);
    expect(desk, "one");
    expect(desk, NULL);
    expect(phone, "one");
    expect(bob, "two");
    expect(bob, NULL);
    chat_seat_close(desk);
    assert_int_equal(post(hub, "ada", "five"), 1);
    chat_seat_close(phone); /* with a letter in it */
    assert_int_equal(post(hub, "ada", "six"), 0);
    chat_seat_close(bob);
    chat_seat_close(NULL);
}

static void
a_seat_may_have_several_names(void **state)
{
    struct chat_hub *hub = *state;
    struct chat_seat *seat = chat_seat_open(hub);
    char name[16];

    for (int i = 0; i < CHAT_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(chat_seat_name(seat, name), WEIR_OK);
        assert_int_equal(chat_seat_name(seat, name), WEIR_OK);
        assert_int_equal(post(hub, name, name), 1);
    }
    assert_int_equal(chat_hub_stats(hub).participants, CHAT_NAMES_MAX);
    assert_int_equal(chat_hub_stats(hub).forgotten, 0);
    for (int i = 0; i < CHAT_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        expect(seat, name);
    }
    chat_seat_close(seat);
}

static void
of_too_many_names_the_one_unused_for_longest_goes(void **state)
{
    struct chat_hub *hub = *state;
    struct chat_seat *seat = chat_seat_open(hub), *other = chat_seat_open(hub);
    char name[16];

    assert_int_equal(chat_seat_name(other, "n1"), WEIR_OK);
    for (int i = 0; i < CHAT_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(chat_seat_name(seat, name), WEIR_OK);
    }
    assert_int_equal(chat_seat_name(seat, "n0"), WEIR_OK);
    assert_int_equal(chat_seat_name(seat, "one more"), WEIR_OK);
    assert_int_equal(chat_seat_name(seat, "and more"), WEIR_OK);
    assert_int_equal(chat_hub_stats(hub).forgotten, 2);
    assert_int_equal(post(hub, "n0", "used again"), 1);
    assert_int_equal(post(hub, "n1", "the other's alone"), 1);
    assert_int_equal(post(hub, "n2", "nobody's"), 0);
    assert_int_equal(post(hub, "and more", "the newest"), 1);
    expect(seat, "used again");
    expect(seat, "the newest");
    expect(other, "the other's alone");
    chat_seat_close(seat);
    chat_seat_close(other);
    assert_int_equal(chat_hub_stats(hub).participants, 0);
}

static void
a_full_seat_drops_what_is_new(void **state)
{
    struct chat_hub *hub = *state;
    struct chat_seat *seat = sit(hub, "slow");
    char content[16];

    for (int i = 0; i < CHAT_LETTERS_MAX + 10; i++) {
        snprintf(content, sizeof(content), "%d", i);
        assert_int_equal(post(hub, "slow", content), 1);
    }
    assert_int_equal(chat_seat_dropped(seat), 10);
    assert_int_equal(chat_hub_stats(hub).dropped, 10);
    assert_int_equal(chat_hub_stats(hub).crowded, 0);
    assert_int_equal(chat_hub_stats(hub).delivered, CHAT_LETTERS_MAX);
    for (int i = 0; i < CHAT_LETTERS_MAX; i++) {
        snprintf(content, sizeof(content), "%d", i);
        expect(seat, content);
    }
    expect(seat, NULL);
    post(hub, "slow", "again");
    expect(seat, "again");
    chat_seat_close(seat);
}

static void
large_letters_fill_a_seat_sooner(void **state)
{
    struct chat_hub *hub = *state;
    struct chat_seat *seat = sit(hub, "slow");
    char *content = calloc(1, 65537);

    memset(content, 'x', 65536);
    for (int i = 0; i < 20; i++)
        post(hub, "slow", content);
    assert_int_equal(chat_seat_dropped(seat), 5);
    post(hub, "slow", "a small one has room");
    for (int i = 0; i < 15; i++)
        expect(seat, content);
    expect(seat, "a small one has room");
    expect(seat, NULL);
    free(content);
    chat_seat_close(seat);
}

/* Slow receivers have all that the hub holds: who takes each letter as it comes gets it still. */
static void
a_full_hub_leaves_room_for_who_keeps_up(void **state)
{
    enum { LETTER = 64 * 1024, SLOW = CHAT_HUB_BYTES_MAX / CHAT_BYTES_MAX + 16 };
    struct chat_seat *slow[SLOW], *quick = sit(*state, "quick");
    char *content = malloc(LETTER + 1);

    memset(content, 'x', LETTER);
    content[LETTER] = '\0';
    for (int i = 0; i < SLOW; i++)
        slow[i] = sit(*state, "slow");
    for (int i = 0; i < CHAT_BYTES_MAX / LETTER; i++)
        post(*state, "slow", content);
    assert_true(chat_seat_dropped(slow[0]) > 1);
    assert_int_equal(chat_hub_stats(*state).crowded, chat_hub_stats(*state).dropped);
    post(*state, "quick", "first");
    post(*state, "quick", content);
    free(content);
    expect(quick, "first");
    expect(quick, NULL);
    post(*state, "quick", "second");
    expect(quick, "second");
    for (int i = 0; i < SLOW; i++)
        chat_seat_close(slow[i]);
    post(*state, "quick", "there is");
    post(*state, "quick", "room again");
    expect(quick, "there is");
    expect(quick, "room again");
    chat_seat_close(quick);
}

/* ---- many threads ---- */

#define TALKERS 8
#define ROUNDS 3000

struct talker {
    struct chat_hub *hub;
    int number;
};

/* Wait for one's own letter, unless others' took its room. */
static void
hear_own(struct chat_seat *seat, const char *own, uint64_t dropped)
{
    struct chat_letter *letter;
    bool heard = false;

    while (!heard && chat_seat_dropped(seat) == dropped) {
        while ((letter = chat_seat_take(seat)) != NULL) {
            heard = heard || strcmp(letter->content, own) == 0;
            chat_letter_unref(letter);
        }
        if (!heard && weir_event_wait(chat_seat_event(seat), NULL) != WEIR_OK)
            abort();
    }
}

/* Each writes to the next and to itself and waits for that; names come and go. */
static void *
talk(void *arg)
{
    struct talker *talker = arg;
    char name[16], next[16], passing[16];
    struct chat_seat *seat;
    uint64_t dropped;

    snprintf(name, sizeof(name), "t%d", talker->number);
    snprintf(next, sizeof(next), "t%d", (talker->number + 1) % TALKERS);
    seat = sit(talker->hub, name);
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(passing, sizeof(passing), "p%d", i % 50);
        chat_seat_close(sit(talker->hub, passing));
        post(talker->hub, passing, "whoever sits there");
        post(talker->hub, next, "by the way");
        dropped = chat_seat_dropped(seat);
        post(talker->hub, name, name);
        hear_own(seat, name, dropped);
    }
    chat_seat_close(seat);
    return NULL;
}

static void
many_talk_at_once(void **state)
{
    struct talker talkers[TALKERS];
    pthread_t threads[TALKERS];

    for (int i = 0; i < TALKERS; i++) {
        talkers[i] = (struct talker){.hub = *state, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &talkers[i]), 0);
    }
    for (int i = 0; i < TALKERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(chat_hub_stats(*state).delivered > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(letters_reach_every_seat_of_a_name),
        TEST(a_seat_may_have_several_names),
        TEST(of_too_many_names_the_one_unused_for_longest_goes),
        TEST(a_full_seat_drops_what_is_new),
        TEST(large_letters_fill_a_seat_sooner),
        TEST(a_full_hub_leaves_room_for_who_keeps_up),
        TEST(many_talk_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
