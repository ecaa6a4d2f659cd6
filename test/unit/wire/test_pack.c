/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the writing of messages: protobuf-c must write the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kinds.h"
#include "likeness.h"
#include "random_message.h"

#define ROUNDS 2000

static void
test_random_messages(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    struct arena arena;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        arena_init(&arena, NULL, 0);
        assert_true(likeness_packs(roll_message(&seed, &arena, kinds_types[i % KINDS_TYPES], 3)));
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

/* It is not the default, which 0 is. */
static void
test_negative_zero_is_sent(void **state)
{
    static const uint8_t expected[] = {
        0x5d, 0, 0, 0, 0x80, 0x61, 0, 0, 0, 0, 0, 0, 0, 0x80}; /* fields 11 and 12 */
    Kinds__All all = KINDS__ALL__INIT;
    uint8_t room[32], *bytes;

    (void)state;
    all.float_field = -0.0f;
    all.double_field = -0.0;
    assert_true(wire_message_pack(&all.base, room, sizeof room, &bytes));
    assert_int_equal(room + sizeof room - bytes, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    all.float_field = 0;
    all.double_field = 0;
    assert_true(wire_message_pack(&all.base, room, sizeof room, &bytes));
    assert_ptr_equal(bytes, room + sizeof room);
}

/* By protobuf-c as well, in messages within others of all sorts; the message stays as it is. */
static void
test_negative_zero_is_kept_for_protobuf_c(void **state)
{
    Kinds__All all = KINDS__ALL__INIT, inner = KINDS__ALL__INIT, chosen = KINDS__ALL__INIT;
    Kinds__All first = KINDS__ALL__INIT, second = KINDS__ALL__INIT, before;
    Kinds__All *list[] = {&first, &second, &first};
    const Kinds__All *kept;
    struct arena arena;

    (void)state;
    all.message_field = &inner;
    all.messages = list;
    all.n_messages = 3;
    all.choice_case = KINDS__ALL__CHOICE_CHOSEN_MESSAGE;
    all.chosen_message = &chosen;
    arena_init(&arena, NULL, 0);
    list[2] = NULL; /* as good as an empty one */
    assert_ptr_equal(wire_message_keep_zeros(&arena, &all.base), &all);
    list[2] = &first;
    chosen.float_field = second.float_field = -0.0f;
    inner.double_field = second.double_field = -0.0;
    before = all;
    kept = (const Kinds__All *)wire_message_keep_zeros(&arena, &all.base);
    assert_memory_equal(&before, &all, sizeof all);
    assert_ptr_equal(list[1], &second);
    assert_ptr_not_equal(kept, &all);
    assert_ptr_equal(kept->messages[0], &first);
    assert_int_equal(kept->messages[1]->base.n_unknown_fields, 2);
    assert_ptr_equal(wire_message_keep_zeros(&arena, &kept->base), kept);
    arena_fini(&arena);
    assert_true(likeness_keeps_zeros(&all.base));
    all.choice_case = KINDS__ALL__CHOICE_CHOSEN_INT64;
    all.chosen_int64 = -1;
    assert_true(likeness_keeps_zeros(&all.base));
}

/* Of lengths that take one byte and two, copied in every way there is. */
static void
test_texts_of_every_length(void **state)
{
    Kinds__Plain plain = KINDS__PLAIN__INIT;
    char text[301];

    (void)state;
    memset(text, 'x', sizeof text);
    plain.name = plain.beyond = text;
    plain.data.data = (uint8_t *)text;
    for (size_t len = 0; len < sizeof text; len++) {
        text[len] = '\0';
        plain.data.len = len;
        assert_true(likeness_packs(&plain.base));
        text[len] = 'x';
    }
}

/* Of every length that a varint has. */
static void
test_numbers_of_every_length(void **state)
{
    Kinds__Plain plain = KINDS__PLAIN__INIT;

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        plain.size = UINT64_C(1) << bit;
        plain.created_at = (int64_t)(plain.size - 1);
        plain.far = -plain.created_at;
        plain.id = (int32_t)plain.size;
        assert_true(likeness_packs(&plain.base));
    }
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

/* ---- in parts ---- */

static bool
is_in(const uint8_t *at, const void *start, size_t len)
{
    return at >= (const uint8_t *)start && at < (const uint8_t *)start + len;
}

/* The parts together are what protobuf-c writes. How many of them lie outside the room. */
static size_t
check_parts(const ProtobufCMessage *message)
{
    size_t len = 0, at = 0, outside = 0;
    uint8_t *expected = likeness_pack(message, &len), room[512];
    struct wire_parts parts;

    assert_non_null(expected);
    assert_true(wire_message_pack_parts(message, room, sizeof room, &parts));
    assert_int_equal(parts.len, len);
    for (size_t i = parts.first; i < WIRE_PARTS; i++) {
        assert_true(parts.list[i].len > 0 && parts.list[i].len <= len - at);
        assert_memory_equal(parts.list[i].data, expected + at, parts.list[i].len);
        outside += !is_in(parts.list[i].data, room, sizeof room);
        at += parts.list[i].len;
    }
    assert_int_equal(at, len);
    free(expected);
    return outside;
}

static char *
long_text(size_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static void
test_long_texts_stay_where_they_are(void **state)
{
    Kinds__All all = KINDS__ALL__INIT, inner = KINDS__ALL__INIT, innermost = KINDS__ALL__INIT;
    char *text = long_text(100000), *most = long_text(4096);

    (void)state;
    assert_int_equal(check_parts(&all.base), 0);
    all.string_field = text;
    all.int32_field = 5;
    assert_int_equal(check_parts(&all.base), 1);
    all.bytes_field = (ProtobufCBinaryData){4096, (uint8_t *)most};
    assert_int_equal(check_parts(&all.base), 2);
    inner.string_field = most;
    inner.message_field = &innermost;
    innermost.bytes_field = (ProtobufCBinaryData){70000, (uint8_t *)text};
    innermost.uint64_field = UINT64_MAX;
    all.message_field = &inner;
    assert_int_equal(check_parts(&all.base), 4);
    free(text);
    free(most);
}

static void
test_what_does_not_go_in_parts(void **state)
{
    Kinds__All all = KINDS__ALL__INIT;
    char *middling = long_text(4095), *text = long_text(5000), *many[20];
    struct wire_parts parts;
    uint8_t room[512];

    (void)state;
    all.string_field = middling;
    assert_false(wire_message_pack_parts(&all.base, room, sizeof room, &parts));
    all.string_field = text;
    for (size_t i = 0; i < 20; i++)
        many[i] = text;
    all.strings = many;
    all.n_strings = 20;
    assert_false(wire_message_pack_parts(&all.base, room, sizeof room, &parts));
    all.n_strings = 3;
    assert_int_equal(check_parts(&all.base), 4);
    free(middling);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_an_empty_message),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_negative_zero_is_sent),
        cmocka_unit_test(test_negative_zero_is_kept_for_protobuf_c),
        cmocka_unit_test(test_texts_of_every_length),
        cmocka_unit_test(test_numbers_of_every_length),
        cmocka_unit_test(test_null_texts),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_long_texts_stay_where_they_are),
        cmocka_unit_test(test_what_does_not_go_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
