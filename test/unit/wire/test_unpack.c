/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reading of messages: as protobuf-c, but for what only we refuse. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kinds.h"
#include "likeness.h"
#include "random_message.h"

#define ROUNDS 1000

/* The bytes as they are, cut off, and with bytes changed. */
static void
check_near(uint64_t *seed, const ProtobufCMessageDescriptor *type, uint8_t *bytes, size_t len)
{
    assert_true(likeness_unpacks(type, bytes, len));
    if (len == 0)
        return;
    assert_true(likeness_unpacks(type, bytes, (size_t)(roll(seed) % len)));
    for (int i = 0; i < 20; i++) {
        bytes[roll(seed) % len] = (uint8_t)roll(seed);
        assert_true(likeness_unpacks(type, bytes, len));
    }
}

static void
test_random_messages(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1d;
    struct arena arena;

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = 0;
        uint8_t *bytes;

        arena_init(&arena, NULL, 0);
        bytes = likeness_pack(roll_message(&seed, &arena, kinds_types[i % KINDS_TYPES], 3), &len);
        assert_non_null(bytes);
        check_near(&seed, kinds_types[i % KINDS_TYPES], bytes, len);
        free(bytes);
        arena_fini(&arena);
    }
}

struct reading {
    struct arena arena;
    enum wire_unpacked result;
    const char *field;
    ProtobufCMessage *message;
};

static struct reading
read_as(const ProtobufCMessageDescriptor *type, const void *bytes, size_t len)
{
    struct reading reading = {.message = NULL};
    struct wire_unpacking unpacking;

    arena_init(&reading.arena, NULL, 0);
    unpacking = wire_message_unpack(type, bytes, len, &reading.arena, &reading.message);
    reading.result = unpacking.result;
    reading.field = unpacking.field;
    return reading;
}

#define READ_ALL(text) read_as(&kinds__all__descriptor, text, sizeof(text) - 1)
#define READ_SOME(text) read_as(&required__some__descriptor, text, sizeof(text) - 1)
#define READ_PLAIN(text) read_as(&kinds__plain__descriptor, text, sizeof(text) - 1)
#define ALL(reading) ((const Kinds__All *)(const void *)(reading).message)
#define PLAIN(reading) ((const Kinds__Plain *)(const void *)(reading).message)
#define SOME(reading) ((const Required__Some *)(const void *)(reading).message)

static void
assert_result(struct reading reading, enum wire_unpacked expected)
{
    assert_int_equal(reading.result, expected);
    arena_fini(&reading.arena);
}

static void
assert_has_nul(struct reading reading, const char *field)
{
    assert_non_null(reading.field);
    assert_string_equal(reading.field, field);
    assert_result(reading, WIRE_HAS_NUL);
}

static void
test_an_empty_message(void **state)
{
    struct reading reading = read_as(&kinds__all__descriptor, NULL, 0);

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_string_equal(ALL(reading)->string_field, "");
    assert_result(reading, WIRE_UNPACKED);
}

static void
test_what_is_malformed(void **state)
{
    (void)state;
    assert_result(READ_ALL("\x08"), WIRE_MALFORMED);             /* no value */
    assert_result(READ_ALL("\x08\x80"), WIRE_MALFORMED);         /* half a number */
    assert_result(READ_ALL("\x7a\5abcd"), WIRE_MALFORMED);       /* less than its length */
    assert_result(READ_ALL("\x0f\x01"), WIRE_MALFORMED);         /* no wire type */
    assert_result(READ_ALL("\x8a\1\3abc"), WIRE_MALFORMED);      /* broken inside */
    assert_result(READ_ALL("\x8a\1\3abcd\1\1"), WIRE_MALFORMED); /* ends beyond its message */
    assert_result(READ_ALL("\x8a\x01\x03\x08\x01\x08\x01"), WIRE_MALFORMED);
    assert_result(READ_ALL("\x8a\1\5\x7a\3abcd"), WIRE_MALFORMED); /* text beyond its message */
    assert_result(READ_ALL("\x8a\1\xff\xff\xff\xff\x0f"), WIRE_MALFORMED);
    assert_result(
        READ_ALL("\x8a\1\4\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), WIRE_MALFORMED);
    assert_result(READ_ALL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        WIRE_MALFORMED);                                         /* 11 bytes */
    assert_result(READ_ALL("\xfa\1\3\1\1\x80"), WIRE_MALFORMED); /* packed, half a number */
    assert_result(READ_ALL("\x8a\1\0\x8a\1"), WIRE_MALFORMED);
}

/* A peer's newer schema may have some. The tags of group 100 are a3 06 and a4 06. */
static void
test_groups_are_unknown_fields(void **state)
{
    static const char whole[] = "\x08\x05"             /* int32_field */
                                "\xa3\x06"             /* the group: */
                                "\x08\x01"             /*   numbers, */
                                "\x12\x02\xa4\x06"     /* a text that looks like its end, */
                                "\x1b\x25\1\2\3\4\x1c" /* and a group */
                                "\xa4\x06"
                                "\x20\x07"; /* int64_field */
    struct reading reading = READ_ALL(whole);
    uint8_t room[64], *bytes;
    static const char expected[] = "\x08\x05\x20\x07\xa3\x06\x08\x01\x12\x02\xa4\x06\x1b\x25"
                                   "\1\2\3\4\x1c\xa4\x06";

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->int32_field, 5);
    assert_int_equal(ALL(reading)->int64_field, 7);
    assert_true(wire_message_pack(reading.message, room, sizeof room, &bytes));
    assert_int_equal(room + sizeof room - bytes, sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
    arena_fini(&reading.arena);
    assert_result(READ_ALL("\x8b\1\x08\1\x8c\1"), WIRE_UNPACKED); /* of a known message */
}

static void
test_groups_that_are_malformed(void **state)
{
    uint8_t deep[101];

    (void)state;
    assert_result(READ_ALL("\x0b"), WIRE_MALFORMED);             /* without an end */
    assert_result(READ_ALL("\x0c"), WIRE_MALFORMED);             /* without a start */
    assert_result(READ_ALL("\x0b\x14"), WIRE_MALFORMED);         /* another one's end */
    assert_result(READ_ALL("\x0b\x08\x0c"), WIRE_MALFORMED);     /* half a number in it */
    assert_result(READ_ALL("\x0b\0\0\x0c"), WIRE_MALFORMED);     /* field 0 in it */
    assert_result(READ_ALL("\x0b\x0f\x0c"), WIRE_MALFORMED);     /* no wire type in it */
    assert_result(READ_ALL("\x8a\1\1\x0b\x0c"), WIRE_MALFORMED); /* ends beyond its message */
    memset(deep, 0x0b, sizeof deep);
    assert_result(read_as(&kinds__all__descriptor, deep, sizeof deep), WIRE_TOO_DEEP);
    assert_result(read_as(&kinds__all__descriptor, deep, sizeof deep - 1), WIRE_MALFORMED);
}

static void
test_numbers_at_their_limits(void **state)
{
    struct reading reading = READ_ALL("\x08\x80\x80\x80\x80\xf8\xff\xff\xff\xff\1"
                                      "\x10\xff\xff\xff\xff\x0f"
                                      "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"
                                      "\x70\xf9\xff\xff\xff\xff\xff\xff\xff\xff\1");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->int32_field, INT32_MIN);
    assert_int_equal(ALL(reading)->sint32_field, INT32_MIN);
    assert_true(ALL(reading)->sint64_field == INT64_MIN);
    assert_int_equal(ALL(reading)->enum_field, KINDS__COLOR__BLUE);
    arena_fini(&reading.arena);
}

static void
test_texts_with_nul_are_refused_wherever_they_lie(void **state)
{
    (void)state;
    assert_has_nul(READ_ALL("\x7a\3a\0b"), "string_field");
    assert_has_nul(READ_ALL("\x8a\1\5\x7a\3a\0b"), "string_field");
    assert_has_nul(READ_ALL("\xaa\2\2a\0"), "strings");
    assert_result(READ_ALL("\x8a\1\0"), WIRE_UNPACKED);     /* message_field = 17, empty */
    assert_result(READ_ALL("\x82\1\2\0\0"), WIRE_UNPACKED); /* bytes may */
}

/* The first of them is told; and something else that is wrong is, wherever it lies. */
static void
test_a_message_with_nul_is_read_to_its_end(void **state)
{
    (void)state;
    assert_has_nul(READ_ALL("\xaa\2\2a\0\x7a\3a\0b\x08\1"), "strings");
    assert_has_nul(READ_ALL("\x8a\1\5\x7a\3a\0b\xaa\2\2a\0"), "string_field");
    assert_result(READ_ALL("\x7a\3a\0b\x7a\3a"), WIRE_MALFORMED);
    assert_result(READ_ALL("\x8a\1\5\x7a\3a\0b\x0f"), WIRE_MALFORMED);
    assert_result(READ_ALL("\x8a\1\7\x7a\3a\0b\x0b\x0a"), WIRE_MALFORMED);
    assert_result(READ_SOME("\x12\2a\0"), WIRE_MALFORMED); /* what must come does not */
}

/* In memory that ends with them. */
static struct reading
read_text_of(size_t len, size_t nul_at)
{
    uint8_t *bytes = malloc(len + 3), *at = bytes;
    struct reading reading;

    assert_non_null(bytes);
    *at++ = 0x12; /* name = 2 */
    *at++ = (uint8_t)(len < 0x80 ? len : len | 0x80);
    if (len >= 0x80)
        *at++ = (uint8_t)(len >> 7);
    memset(at, 'x', len);
    if (nul_at < len)
        at[nul_at] = '\0';
    reading = read_as(&kinds__plain__descriptor, bytes, (size_t)(at - bytes) + len);
    free(bytes);
    return reading;
}

static void
test_texts_of_every_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < 200; len++) {
        struct reading reading = read_text_of(len, len);

        assert_int_equal(reading.result, WIRE_UNPACKED);
        assert_int_equal(strlen(PLAIN(reading)->name), len);
        assert_int_equal(strspn(PLAIN(reading)->name, "x"), len);
        arena_fini(&reading.arena);
        for (size_t nul_at = 0; nul_at < len; nul_at++)
            assert_has_nul(read_text_of(len, nul_at), "name");
    }
}

/* Whichever order they come in, and with unknown ones among them. */
static void
test_fields_in_any_order(void **state)
{
    struct reading reading = READ_PLAIN("\x7a\4last\x12\1b\x28\1\x08\7\xf8\7\5\x12\2bc\x82\1\1z"
                                        "\x3a\4\x1a\0\x08\3\xa0\x1f\x96\1\x30\xff\1");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_string_equal(PLAIN(reading)->last, "last");
    assert_string_equal(PLAIN(reading)->name, "bc");
    assert_true(PLAIN(reading)->flag);
    assert_int_equal(PLAIN(reading)->id, 7);
    assert_string_equal(PLAIN(reading)->beyond, "z");
    assert_int_equal(PLAIN(reading)->inner->id, 3);
    assert_int_equal(PLAIN(reading)->way_beyond, 150);
    assert_true(PLAIN(reading)->created_at == 255);
    assert_int_equal(reading.message->n_unknown_fields, 1); /* 127 */
    arena_fini(&reading.arena);
}

/* A message may end, or be cut off, behind any byte of a plain field. */
static void
test_plain_fields_cut_off(void **state)
{
    (void)state;
    assert_result(READ_PLAIN("\x08"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x12"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x12\1"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x12\0"), WIRE_UNPACKED);
    assert_result(READ_PLAIN("\x12\2a"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x30\xff"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), WIRE_MALFORMED);
    assert_result(READ_PLAIN("\x08\1\0\1"), WIRE_MALFORMED); /* number 0 */
}

/* Field 17 in field 17 in ... */
static struct reading
read_nested(unsigned depth)
{
    static uint8_t bytes[8192];
    uint8_t *at = bytes + sizeof bytes;

    for (unsigned i = 0; i < depth; i++) {
        size_t len = (size_t)(bytes + sizeof bytes - at);

        *--at = (uint8_t)(len >> 7);
        *--at = (uint8_t)(len | 0x80);
        *--at = 0x01;
        *--at = 0x8a;
    }
    return read_as(&kinds__all__descriptor, at, (size_t)(bytes + sizeof bytes - at));
}

static void
test_depth_is_bounded(void **state)
{
    (void)state;
    assert_result(read_nested(100), WIRE_UNPACKED);
    assert_result(read_nested(101), WIRE_TOO_DEEP);
    assert_result(read_nested(1000), WIRE_TOO_DEEP);
}

static void
test_siblings_are_not_deep(void **state)
{
    uint8_t bytes[3 * 500];
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i += 3)
        memcpy(bytes + i, "\xba\2\0", 3); /* messages = 39 */
    reading = read_as(&kinds__all__descriptor, bytes, sizeof bytes);
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->n_messages, 500);
    assert_int_equal(ALL(reading)->messages[499]->n_messages, 0);
    arena_fini(&reading.arena);
}

/* protobuf.dev, Encoding: the last number counts, messages are merged, lists are joined. */
static void
test_what_comes_twice(void **state)
{
    struct reading reading = READ_ALL("\x08\1\x08\2"
                                      "\x8a\1\2\x08\5"
                                      "\xfa\1\2\1\2"
                                      "\x8a\1\2\x20\6"
                                      "\xf8\1\3"
                                      "\xfa\1\1\4");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->int32_field, 2);
    assert_int_equal(ALL(reading)->message_field->int32_field, 5);
    assert_int_equal(ALL(reading)->message_field->int64_field, 6);
    assert_int_equal(ALL(reading)->n_int32s, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ALL(reading)->int32s[i], i + 1);
    arena_fini(&reading.arena);
}

static void
test_of_a_oneof_the_last_counts(void **state)
{
    struct reading reading = READ_ALL("\x8a\x7d\3abc"
                                      "\xa0\x7d\1");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->choice_case, KINDS__ALL__CHOICE_CHOSEN_BOOL);
    assert_true(ALL(reading)->chosen_bool);
    arena_fini(&reading.arena);
    reading = READ_ALL("\xa0\x7d\1"
                       "\x8a\x7d\3abc");
    assert_int_equal(ALL(reading)->choice_case, KINDS__ALL__CHOICE_CHOSEN_STRING);
    assert_string_equal(ALL(reading)->chosen_string, "abc");
    arena_fini(&reading.arena);
}

static void
test_presence(void **state)
{
    struct reading reading = READ_SOME("\x0a\1x\x32\0\xc8\1\0\xba\1\0");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_true(SOME(reading)->has_optional_int32);
    assert_false(SOME(reading)->has_optional_bool);
    assert_string_equal(SOME(reading)->optional_string, "");
    assert_null(SOME(reading)->inner);
    arena_fini(&reading.arena);
}

static void
test_fields_that_must_come(void **state)
{
    struct reading reading = READ_SOME("\x0a\1x\x32\0");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(SOME(reading)->number, 42);
    assert_string_equal(SOME(reading)->greeting, "hello");
    arena_fini(&reading.arena);
    assert_result(READ_SOME("\x0a\1x"), WIRE_MALFORMED);
    assert_result(READ_SOME("\x0a\1x\x32\0\x22\0"), WIRE_MALFORMED); /* in the inner one too */
    assert_result(read_as(&required__many__descriptor, "\x08\1", 2), WIRE_MALFORMED);
    assert_result(read_as(&required__many__descriptor, "\xa0\6\1", 3), WIRE_UNPACKED);
}

static void
test_unknown_fields_are_kept(void **state)
{
    struct reading reading = READ_ALL("\xa0\x38\x96\1\xaa\x38\2ab\x08\1");
    const ProtobufCMessage *message = reading.message;

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(message->n_unknown_fields, 2);
    assert_int_equal(message->unknown_fields[1].tag, 901);
    assert_memory_equal(message->unknown_fields[1].data, "\2ab", 3);
    assert_int_equal(ALL(reading)->int32_field, 1);
    arena_fini(&reading.arena);
}

static size_t
arena_bytes(const uint8_t *bytes, size_t len, struct reading *out_reading)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;

    *out_reading = read_as(&kinds__all__descriptor, bytes, len);
    return mallinfo2().uordblks + mallinfo2().hblkhd - before;
}

/* Few bytes each, and as many as a message may have: they take no many times as much memory, and
 * pack to what they were. */
static void
test_many_unknown_fields_take_little(void **state)
{
    static uint8_t bytes[3 << 20], packed[3 << 20];
    const size_t last = sizeof bytes - 3 * 255;
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i += 3)
        memcpy(bytes + i, i % 2 == 0 ? "\xa0\x38\1" : "\xa8\x38\2", 3); /* 900 and 901 */
    assert_true(arena_bytes(bytes, sizeof bytes, &reading) < 8 * sizeof bytes);
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(reading.message->n_unknown_fields, 256);
    assert_int_equal(reading.message->unknown_fields[1].tag, 901);
    assert_int_equal(reading.message->unknown_fields[255].len, last - 2);
    assert_int_equal(protobuf_c_message_pack(reading.message, packed), sizeof bytes);
    assert_memory_equal(packed, bytes, sizeof bytes);
    arena_fini(&reading.arena);
}

/* The same in messages within: each has one at most. */
static void
test_many_unknown_fields_in_many_messages(void **state)
{
    static const char one[] = "\xba\2\x06\xa0\x38\1\xa8\x38\2"; /* messages = 39 */
    static uint8_t bytes[9 * 1000], packed[9 * 1000];
    struct reading reading;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i += 9)
        memcpy(bytes + i, one, 9);
    reading = read_as(&kinds__all__descriptor, bytes, sizeof bytes);
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(ALL(reading)->messages[0]->base.n_unknown_fields, 2);
    assert_int_equal(ALL(reading)->messages[999]->base.n_unknown_fields, 1);
    assert_int_equal(protobuf_c_message_pack(reading.message, packed), sizeof bytes);
    assert_memory_equal(packed, bytes, sizeof bytes);
    arena_fini(&reading.arena);
}

/* As for protobuf's own implementations: another wire type is that of a field we do not know. */
static void
test_another_wire_type_is_unknown(void **state)
{
    struct reading reading = READ_ALL("\x0a\2ab\x08\1\x69xxxxxxxx");

    (void)state;
    assert_int_equal(reading.result, WIRE_UNPACKED);
    assert_int_equal(reading.message->n_unknown_fields, 2);
    assert_int_equal(ALL(reading)->int32_field, 1);
    assert_false(ALL(reading)->bool_field);
    arena_fini(&reading.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),
        cmocka_unit_test(test_an_empty_message),
        cmocka_unit_test(test_what_is_malformed),
        cmocka_unit_test(test_groups_are_unknown_fields),
        cmocka_unit_test(test_groups_that_are_malformed),
        cmocka_unit_test(test_numbers_at_their_limits),
        cmocka_unit_test(test_texts_with_nul_are_refused_wherever_they_lie),
        cmocka_unit_test(test_a_message_with_nul_is_read_to_its_end),
        cmocka_unit_test(test_texts_of_every_length),
        cmocka_unit_test(test_fields_in_any_order),
        cmocka_unit_test(test_plain_fields_cut_off),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_siblings_are_not_deep),
        cmocka_unit_test(test_what_comes_twice),
        cmocka_unit_test(test_of_a_oneof_the_last_counts),
        cmocka_unit_test(test_presence),
        cmocka_unit_test(test_fields_that_must_come),
        cmocka_unit_test(test_unknown_fields_are_kept),
        cmocka_unit_test(test_many_unknown_fields_take_little),
        cmocka_unit_test(test_many_unknown_fields_in_many_messages),
        cmocka_unit_test(test_another_wire_type_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
