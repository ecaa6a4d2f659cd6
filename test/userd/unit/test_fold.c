/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of userd/fold.c. */
#include "folder.h"
#include "usercommon/utf8.h"
#include "userd/fold.h"
#include <string.h>

static void
folds_each_script(void **state)
{
    static const struct {
        const char *text;
        const char *key;
    } cases[] = {
        {"", ""},
        {"Ann.Lee+X_9@EXAMPLE.org", "ann.lee+x_9@example.org"},
        {"@[`{", "@[`{"},
        {"ÀÉÖØÞ×ÿß", "àéöøþ×ÿß"},
        {"ĀĮĲĶĹŇŊŶŸŹŽ", "āįĳķĺňŋŷÿźž"},
        {"ƠƯǍȘ", "ơưǎș"},
        {"ΆΈΊΌΎΏΑΩΫΣς", "άέίόύώαωϋσσ"},
        {"ЀЏАЯЖѠҊӀӁӐԮ", "ѐџаяжѡҋӏӂӑԯ"},
        {"ԱՖ", "աֆ"},
        {"ḀẔẠỸ", "ḁẕạỹ"},
        {"ＡＺ", "ａｚ"},
        {"ẞƁǄǅȺɎⱯꝐ", "ßɓǆǆⱥɏɐꝑ"},
        {"ἈᾈᾼϐϑϴK", "ἀᾀᾳβθθk"},
        {"ႠꭰⰀ𐐀𞤀", "ⴀᎠⰰ𐐨𞤢"},
        {"İıŉ", "İıŉ"},
        {"日本語😀", "日本語😀"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char key[128];
        fold_case(cases[i].text, strlen(cases[i].text), key);
        assert_string_equal(key, cases[i].key);
    }
}

/* What FOLD_SIZE promises, and that a key is its own key. */
static void
keys_have_room_and_stay(void **state)
{
    (void)state;
    for (uint32_t code_point = 1; code_point <= 0x10FFFF; code_point++) {
        char text[UTF8_MAX], key[8], again[8];
        size_t size = utf8_encode(code_point, text);
        if (!utf8_valid(text, size))
            continue;
        fold_case(text, size, key);
        assert_true(strlen(key) < FOLD_SIZE(size) && strlen(key) > 0);
        fold_case(key, strlen(key), again);
        assert_string_equal(key, again);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_each_script),
        cmocka_unit_test(keys_have_room_and_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
