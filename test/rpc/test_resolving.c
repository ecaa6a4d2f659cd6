/* SPDX-License-Identifier: Apache-2.0 */
/* A resolver of one's own, whose list changes while calls go on. */
#include "kinds.h"
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PATIENCE (100 * WEIR_SECOND)
#define SERVERS 3

/* "book:NAME": one page, which the test writes. The test's thread turns the loop with its calls, so
 * it may also tell while no call is under way: on a fiber of the loop. */
struct book {
    weir_resolver *resolver;
    struct weir_endpoint endpoints[SERVERS];
    size_t count;
    const char *why; /* not NULL: nothing can be found */
    unsigned asked;
    bool closed;
    bool told;
    weir_code code; /* of that */
};

static weir_code
open_book(void *registered, const struct weir_resolver_target *target, weir_resolver *resolver,
    void **out_self)
{
    struct book *book = registered;

    if (strcmp(target->name, "servers") != 0)
        return WEIR_INVALID_ARGUMENT;
    book->resolver = resolver;
    *out_self = book;
    return WEIR_OK;
}

static void
tell(void *self)
{
    struct book *book = self;

    book->told = true;
    book->code = WEIR_OK;
    if (book->why != NULL)
        weir_resolver_fail(book->resolver, book->why);
    else
        book->code = weir_resolver_update(book->resolver,
            &(struct weir_resolution){.endpoints = book->endpoints, .endpoint_count = book->count});
}

static void
look_up(void *self)
{
    ((struct book *)self)->asked++;
    tell(self);
}

static void
close_book(void *self)
{
    ((struct book *)self)->closed = true;
}

static const struct weir_resolver_type book_type = {
    .scheme = "book", .open = open_book, .resolve = look_up, .close = close_book};

struct fixture {
    struct running servers[SERVERS];
    char addresses[SERVERS][64]; /* also of servers that are gone */
    struct book book;
    weir_catalog *catalog;
    weir_loop *loop;
    weir_channel *channel;
};

static void
open_fixture(struct fixture *it, const char *balancer)
{
    struct weir_channel_options options = {.balancer = balancer};

    memset(it, 0, sizeof(*it));
    for (size_t i = 0; i < SERVERS; i++) {
        running_start(&it->servers[i], "127.0.0.1:0", NULL, NULL);
        snprintf(it->addresses[i], sizeof(it->addresses[i]), "%s", it->servers[i].address);
        it->book.endpoints[i].address = it->addresses[i];
    }
    it->catalog = weir_catalog_new();
    assert_int_equal(weir_catalog_add_resolver(it->catalog, &book_type, &it->book), WEIR_OK);
    options.catalog = it->catalog;
    assert_int_equal(weir_loop_new(&it->loop), WEIR_OK);
    assert_int_equal(weir_channel_new(it->loop, "book:servers", &options, &it->channel), WEIR_OK);
}

static void
close_fixture(struct fixture *it)
{
    weir_channel_free(it->channel);
    assert_true(it->book.closed);
    weir_catalog_free(it->catalog);
    weir_loop_free(it->loop);
    for (size_t i = 0; i < SERVERS; i++)
        running_stop(&it->servers[i], PATIENCE);
}

/* The list is another one from now on. */
static weir_code
try_change(struct fixture *it, size_t count)
{
    it->book.count = count;
    it->book.told = false;
    assert_int_equal(weir_loop_spawn(it->loop, tell, &it->book), WEIR_OK);
    EVENTUALLY((weir_loop_turn(it->loop), it->book.told));
    return it->book.code;
}

static void
change(struct fixture *it, size_t count)
{
    assert_int_equal(try_change(it, count), WEIR_OK);
}

static unsigned
started(const struct fixture *it, size_t server)
{
    return atomic_load(&it->servers[server].seen.started);
}

static weir_code
call(struct fixture *it)
{
    return kinds_call(it->channel, WEIR_UNARY, PATIENCE).code;
}

static void
newcomers_get_their_share(void **state)
{
    struct fixture it;
    unsigned before;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.count = 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(started(&it, 0), 10);
    change(&it, 3);
    while (started(&it, 1) == 0 || started(&it, 2) == 0)
        assert_int_equal(call(&it), WEIR_OK);
    before = started(&it, 2);
    for (int i = 0; i < 30; i++)
        assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(started(&it, 2) - before, 10);
    close_fixture(&it);
}

static void
those_that_left_get_no_calls(void **state)
{
    struct fixture it;
    unsigned before;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.count = 3;
    while (started(&it, 0) == 0 || started(&it, 1) == 0 || started(&it, 2) == 0)
        assert_int_equal(call(&it), WEIR_OK);
    change(&it, 2);
    before = started(&it, 2);
    for (int i = 0; i < 30; i++)
        assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(started(&it, 2), before);
    close_fixture(&it);
}

/* pick_first keeps its connection while the list has it, and goes elsewhere when not. */
static void
pick_first_follows_the_list(void **state)
{
    struct fixture it;

    (void)state;
    open_fixture(&it, "pick_first");
    it.book.count = 1;
    assert_int_equal(call(&it), WEIR_OK);
    change(&it, 3);
    assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(started(&it, 0), 2);
    it.book.endpoints[0].address = it.addresses[2];
    change(&it, 2);
    for (int i = 0; i < 5; i++)
        assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(started(&it, 0), 2);
    close_fixture(&it);
}

static void
failures_say_why_and_keep_the_list(void **state)
{
    struct kinds_outcome outcome;
    struct fixture it;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.why = "the book is lent";
    outcome = kinds_call(it.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    assert_string_equal(
        outcome.message, "cannot reach book:servers: resolver error: the book is lent");
    assert_int_equal(it.book.asked, 1);
    assert_int_equal(call(&it), WEIR_UNAVAILABLE); /* from the backoff: it is not asked again */
    assert_int_equal(it.book.asked, 1);
    it.book.why = NULL;
    change(&it, 2);
    assert_int_equal(call(&it), WEIR_OK);
    it.book.why = "the book is lent";
    change(&it, 2);
    assert_int_equal(call(&it), WEIR_OK);
    it.book.why = NULL;
    change(&it, 0); /* nor does an empty one count */
    assert_int_equal(call(&it), WEIR_OK);
    close_fixture(&it);
}

static void
bad_addresses_are_refused(void **state)
{
    struct fixture it;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.count = 1;
    assert_int_equal(call(&it), WEIR_OK);
    it.book.endpoints[1].address = "nonsense";
    assert_int_equal(try_change(&it, 2), WEIR_INVALID_ARGUMENT);
    assert_int_equal(call(&it), WEIR_OK);
    close_fixture(&it);
}

/* A server's own name is looked up when it is connected to, and why that fails is told. */
static void
names_that_nobody_knows_are_told(void **state)
{
    static const char said[] = "the last one, to no-such-host.invalid:50051: ";
    struct kinds_outcome outcome;
    const char *why;
    struct fixture it;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.endpoints[0].address = "no-such-host.invalid:50051";
    it.book.count = 1;
    outcome = kinds_call(it.channel, WEIR_UNARY, PATIENCE);
    assert_int_equal(outcome.code, WEIR_UNAVAILABLE);
    why = strstr(outcome.message, said);
    assert_non_null(why);
    assert_int_not_equal(why[sizeof(said) - 1], '\0');
    close_fixture(&it);
}

/* A server that is lost may have a successor elsewhere: the resolver is asked. */
static void
lost_servers_make_it_ask(void **state)
{
    struct fixture it;

    (void)state;
    open_fixture(&it, "round_robin");
    it.book.count = 2;
    while (started(&it, 0) == 0 || started(&it, 1) == 0)
        assert_int_equal(call(&it), WEIR_OK);
    assert_int_equal(it.book.asked, 1);
    running_stop(&it.servers[0], PATIENCE);
    while (it.book.asked == 1)
        assert_int_equal(call(&it), WEIR_OK);
    running_start(&it.servers[0], "127.0.0.1:0", NULL, NULL);
    close_fixture(&it);
}

static void
schemes_and_names_are_taken_once(void **state)
{
    static const struct weir_resolver_type none = {.scheme = "Book"}, own = {.scheme = "dns",
                                                                          .open = open_book,
                                                                          .resolve = look_up,
                                                                          .close = close_book};
    static const struct weir_balancer_type first = {.name = "pick_first", .together = true},
                                           nameless = {.together = true}, idle = {.name = "x"};
    weir_catalog *catalog = weir_catalog_new();
    struct book book;

    (void)state;
    assert_int_equal(weir_catalog_add_resolver(catalog, &book_type, &book), WEIR_OK);
    assert_int_equal(weir_catalog_add_resolver(catalog, &book_type, &book), WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_catalog_add_resolver(catalog, &own, &book), WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_catalog_add_resolver(catalog, &none, &book), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_catalog_add_balancer(catalog, &first), WEIR_ALREADY_EXISTS);
    assert_int_equal(weir_catalog_add_balancer(catalog, &nameless), WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_catalog_add_balancer(catalog, &idle), WEIR_INVALID_ARGUMENT);
    weir_catalog_free(catalog);
}

static void
targets_are_looked_at_at_once(void **state)
{
    struct fixture it;
    weir_channel *channel;

    (void)state;
    open_fixture(&it, NULL);
    it.book.count = 1;
    assert_int_equal(weir_channel_new(it.loop, "book:nonsense",
                         &(struct weir_channel_options){.catalog = it.catalog}, &channel),
        WEIR_INVALID_ARGUMENT);
    assert_int_equal(weir_channel_new(it.loop, "film:servers",
                         &(struct weir_channel_options){.catalog = it.catalog}, &channel),
        WEIR_INVALID_ARGUMENT);
    close_fixture(&it);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newcomers_get_their_share),
        cmocka_unit_test(those_that_left_get_no_calls),
        cmocka_unit_test(pick_first_follows_the_list),
        cmocka_unit_test(failures_say_why_and_keep_the_list),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(names_that_nobody_knows_are_told),
        cmocka_unit_test(lost_servers_make_it_ask),
        cmocka_unit_test(schemes_and_names_are_taken_once),
        cmocka_unit_test(targets_are_looked_at_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
