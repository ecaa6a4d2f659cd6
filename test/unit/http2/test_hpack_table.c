/* SPDX-License-Identifier: Apache-2.0 */
/* The dynamic table against a plain model of it. */
#include "http2/hpack_table.h"

#include "hpack_tools.h"

enum { MODEL = 200 };

/* The newest first; text is "name=value". */
struct model {
    char *text[MODEL];
    size_t name_len[MODEL];
    size_t count, size, max;
};

static void
model_evict(struct model *model, size_t size)
{
    while (model->size > size) {
        char *text = model->text[--model->count];

        model->size -= strlen(text) - 1 + 32;
        free(text);
    }
}

static void
model_insert(struct model *model, weir_str name, weir_str value)
{
    size_t size = name.len + value.len + 32;
    char *text;

    if (size > model->max) {
        model_evict(model, 0);
        return;
    }
    model_evict(model, model->max - size);
    memmove(&model->text[1], &model->text[0], model->count * sizeof(model->text[0]));
    memmove(&model->name_len[1], &model->name_len[0], model->count * sizeof(model->name_len[0]));
    text = malloc(name.len + value.len + 2);
    assert_non_null(text);
    memcpy(text, name.data, name.len);
    text[name.len] = '=';
    memcpy(text + name.len + 1, value.data, value.len);
    text[name.len + 1 + value.len] = '\0';
    model->text[0] = text;
    model->name_len[0] = name.len;
    model->count++;
    model->size += size;
}

static void
expect_same(const struct hpack_table *table, const struct model *model)
{
    assert_int_equal(table->count, model->count);
    assert_int_equal(table->size, model->size);
    for (uint32_t i = 0; i < model->count; i++) {
        const struct hpack_entry *entry = hpack_table_numbered(table, table->next - 1 - i);
        weir_str text = {model->text[i], strlen(model->text[i])};
        size_t len = model->name_len[i];

        assert_non_null(entry);
        assert_true(weir_str_equal(hpack_entry_name(table, entry), (weir_str){text.data, len}));
        assert_true(weir_str_equal(
            hpack_entry_value(table, entry), (weir_str){text.data + len + 1, text.len - len - 1}));
    }
    assert_null(hpack_table_numbered(table, table->next));
    assert_null(hpack_table_numbered(table, table->next - 1 - table->count));
}

static uint32_t
roll(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void
insert_random(struct hpack_table *table, struct model *model, uint32_t *seed, size_t longest)
{
    char text[6000];
    weir_str name = {text, roll(seed) % 20}, value = {text + name.len, roll(seed) % longest};
    struct hpack_entry *entry;

    for (size_t i = 0; i < name.len + value.len; i++)
        text[i] = (char)('a' + roll(seed) % 26);
    assert_true(hpack_table_insert(table, name, value, &entry));
    assert_int_equal(entry == NULL, name.len + value.len + 32 > model->max);
    model_insert(model, name, value);
}

static void
test_against_the_model(void **state)
{
    static const uint16_t sizes[] = {0, 31, 32, 64, 100, 256, 1000, 4096};
    uint32_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct model model = {.max = sizes[i]};
        struct hpack_table table;

        hpack_table_init(&table, sizes[i]);
        table.next = 0xfffffff0; /* numbers wrap around */
        table.text_at = 0xffffff00;
        for (int round = 0; round < 3000; round++) {
            if (roll(&seed) % 100 == 0) {
                model.max = sizes[roll(&seed) % 8];
                model_evict(&model, model.max);
                hpack_table_resize(&table, (uint32_t)model.max);
            } else {
                insert_random(&table, &model, &seed, round % 50 == 0 ? 5000 : 60);
            }
            expect_same(&table, &model);
        }
        assert_true(table.cap <= 8192);
        model_evict(&model, 0);
        hpack_table_fini(&table);
    }
}

/* RFC 7541, 4.1: 32 bytes more than its text for each. */
static void
test_sizes(void **state)
{
    struct hpack_table table;
    struct hpack_entry *entry;

    (void)state;
    hpack_table_init(&table, 68);
    assert_true(hpack_table_insert(&table, STR("a"), STR("1"), &entry));
    assert_true(hpack_table_insert(&table, STR("b"), STR("2"), &entry));
    assert_int_equal(table.count, 2);
    assert_int_equal(table.size, 68);
    assert_true(hpack_table_insert(&table, STR(""), STR(""), &entry));
    assert_int_equal(table.count, 2);
    assert_int_equal(table.size, 66);
    hpack_table_resize(&table, 33);
    assert_int_equal(table.count, 1);
    hpack_table_resize(&table, 31);
    assert_int_equal(table.count, 0);
    hpack_table_fini(&table);
}

static void
test_no_memory_before_the_first_entry(void **state)
{
    struct hpack_table table;
    struct hpack_entry *entry;

    (void)state;
    hpack_table_init(&table, 0);
    assert_true(hpack_table_insert(&table, STR(""), STR(""), &entry));
    assert_null(entry);
    assert_null(table.text);
    assert_null(table.ring);
    hpack_table_fini(&table);
}

static void
test_an_empty_entry_comes_first(void **state)
{
    struct hpack_table table;
    struct hpack_entry *entry;

    (void)state;
    hpack_table_init(&table, 4096);
    assert_true(hpack_table_insert(&table, STR(""), STR(""), &entry));
    assert_int_equal(hpack_entry_name(&table, entry).len, 0);
    assert_non_null(hpack_entry_name(&table, entry).data);
    hpack_table_fini(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_model),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_an_empty_entry_comes_first),
        cmocka_unit_test(test_no_memory_before_the_first_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
