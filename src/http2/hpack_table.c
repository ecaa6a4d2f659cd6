/* SPDX-License-Identifier: Apache-2.0 */
/* The dynamic table: a ring of entries and a buffer of their text. */
#include "http2/hpack_table.h"

#include "base/copy.h"

#include <stdlib.h>

enum { FIRST_RING = 8, FIRST_TEXT = 256 };

void
hpack_table_init(struct hpack_table *table, uint32_t max)
{
    *table = (struct hpack_table){.max = max};
}

void
hpack_table_fini(struct hpack_table *table)
{
    free(table->text);
    free(table->ring);
    hpack_table_init(table, 0);
}

static size_t
text_len(const struct hpack_entry *entry)
{
    return (size_t)entry->name_len + entry->value_len;
}

static struct hpack_entry *
oldest(const struct hpack_table *table, uint32_t younger_by)
{
    return &table->ring[(table->next - table->count + younger_by) & table->mask];
}

/* Evict until at most `size` is left. */
static void
evict(struct hpack_table *table, size_t size)
{
    while (table->size > size) {
        size_t len = text_len(oldest(table, 0));

        table->head += len;
        table->text_at += (uint32_t)len;
        table->size -= len + HPACK_ENTRY_OVERHEAD;
        table->count--;
    }
}

void
hpack_table_resize(struct hpack_table *table, uint32_t max)
{
    table->max = max;
    evict(table, max);
}

/* How much text evict(size) would leave. */
static size_t
text_after(const struct hpack_table *table, size_t size)
{
    size_t left = table->size, text = table->tail - table->head;

    for (uint32_t i = 0; left > size; i++) {
        size_t len = text_len(oldest(table, i));

        text -= len;
        left -= len + HPACK_ENTRY_OVERHEAD;
    }
    return text;
}

/* Reallocate the text with room for `more` bytes at its end, and at least `cap` bytes in total. */
static bool
grow_text(struct hpack_table *table, size_t more, size_t cap)
{
    size_t len = table->tail - table->head, next = FIRST_TEXT;
    char *text;

    while (next < len + more || next < cap)
        next *= 2;
    text = malloc(next);
    if (text == NULL)
        return false;
    if (table->text != NULL)
        memcpy(text, table->text + table->head, len);
    free(table->text);
    table->text = text;
    table->head = 0;
    table->tail = len;
    table->cap = next;
    return true;
}

static bool
grow_ring(struct hpack_table *table)
{
    uint32_t slots = table->ring == NULL ? FIRST_RING : (table->mask + 1) * 2;
    struct hpack_entry *ring = calloc(slots, sizeof(*ring));

    if (ring == NULL)
        return false;
    for (uint32_t i = 0; table->ring != NULL && i < table->count; i++) {
        uint32_t number = table->next - table->count + i;

        ring[number & (slots - 1)] = table->ring[number & table->mask];
    }
    free(table->ring);
    table->ring = ring;
    table->mask = slots - 1;
    return true;
}

/* Evict down to `size` and make room for `len` bytes of text. The buffer is kept twice as large as
 * its live text, so that moving it to the front has a low amortised cost. False: no memory. */
static bool
evict_for(struct hpack_table *table, size_t size, size_t len)
{
    bool fits = table->text != NULL && table->cap - table->tail >= len;
    size_t need = fits ? 0 : text_after(table, size) + len;

    if (!fits && (table->text == NULL || need * 2 > table->cap)) {
        if (!grow_text(table, len, need * 2))
            return false;
        fits = true;
    }
    evict(table, size);
    if (!fits) {
        memmove(table->text, table->text + table->head, table->tail - table->head);
        table->tail -= table->head;
        table->head = 0;
    }
    return true;
}

static void
append(struct hpack_table *table, weir_str text)
{
    copy_bytes((uint8_t *)table->text + table->tail, (const uint8_t *)text.data, text.len);
    table->tail += text.len;
}

bool
hpack_table_insert(
    struct hpack_table *table, weir_str name, weir_str value, struct hpack_entry **out_entry)
{
    size_t len = name.len + value.len, size = len + HPACK_ENTRY_OVERHEAD;
    struct hpack_entry *entry;

    if (size > table->max) {
        evict(table, 0);
        *out_entry = NULL;
        return true;
    }
    if ((table->ring == NULL || table->count > table->mask) && !grow_ring(table))
        return false;
    if (!evict_for(table, table->max - size, len))
        return false;
    entry = &table->ring[table->next & table->mask];
    entry->at = table->text_at + (uint32_t)(table->tail - table->head);
    entry->name_len = (uint32_t)name.len;
    entry->value_len = (uint32_t)value.len;
    append(table, name);
    append(table, value);
    table->next++;
    table->count++;
    table->size += size;
    *out_entry = entry;
    return true;
}
