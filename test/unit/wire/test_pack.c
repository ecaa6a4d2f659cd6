/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the writing of messages: protobuf-c must write the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kinds.pb-c.h"
#include "likeness.h"
#include "random_message.h"
#include "required.pb-c.h"

#define ROUNDS 2000

static void
test_random_messages(void **state)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &kinds__all__descriptor, &required__some__descriptor, &required__many__descriptor};
    uint64_t seed = 0x9e3779b97f4a7c15;
    struct arena arena;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        arena_init(&arena, NULL, 0);
        assert_true(likeness_packs(roll_message(&seed, &arena, types[i % 3], 3)));
        arena_fini(&arena);
    }
}

static void
test_an_empty_message(void **state)
{
    Kinds__All all = KINDS__ALL__INIT;
    uint8_t room[1], *bytes = NULL;

    (void)state;
    assert_true(wire_message_pack(&all.base, room, sizeof room, &bytes));
    assert_ptr_equal(bytes, room + sizeof room);
}

static void
test_extremes(void **state)
{
    Kinds__All all = KINDS__ALL__INIT, inner = KINDS__ALL__INIT;

    (void)state;
    all.int32_field = INT32_MIN;
    all.sint32_field = INT32_MIN;
    all.sfixed32_field = INT32_MIN;
    all.int64_field = INT64_MIN;
    all.sint64_field = INT64_MIN;
    all.uint32_field = UINT32_MAX;
    all.uint64_field = UINT64_MAX;
    all.enum_field = KINDS__COLOR__BLUE;
    all.message_field = &inner;
    assert_true(likeness_packs(&all.base));
}

/* What a user may leave out: texts that are NULL; and texts that are empty. */
static void
test_null_texts(void **state)
{
    char *texts[] = {(char *)"", (char *)""};
    ProtobufCBinaryData data[] = {{0, NULL}};
    Kinds__All all = KINDS__ALL__INIT;

    (void)state;
    all.string_field = NULL;
    all.n_strings = 2;
    all.strings = texts;
    all.n_bytess = 1;
    all.bytess = data;
    all.choice_case = KINDS__ALL__CHOICE_CHOSEN_STRING;
    all.chosen_string = NULL;
    assert_true(likeness_packs(&all.base));
}

/* Proto2 sends a default that was set, but for a text that is the default's own. */
static void
test_defaults(void **state)
{
    Required__Some some = REQUIRED__SOME__INIT;

    (void)state;
    assert_true(likeness_packs(&some.base));
    some.text = (char *)"x";
    some.greeting = (char *)"hi";
    assert_true(likeness_packs(&some.base));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_an_empty_message),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_null_texts),
        cmocka_unit_test(test_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
