/* SPDX-License-Identifier: Apache-2.0 */
/* The dynamic table of HPACK (RFC 7541, section 2.3.2), for decoder and encoder. */
/* Threads: one owner at a time. */
#pragma once

#include <weir/base.h>

enum { HPACK_FIRST_SIZE = 4096, HPACK_ENTRY_OVERHEAD = 32 };

struct hpack_entry {
    uint32_t at; /* where its name begins, the value right behind it; see hpack_table.bytes_at */
    uint32_t name_len, value_len;
    union {
        struct { /* of the decoder */
            uint8_t token;
            uint8_t flaws;
        };
        struct { /* of the encoder: hashes, and the entry before it in each one's bucket */
            uint32_t hash[2];
            uint32_t older[2];
        };
    };
};

/* Entries are numbered in the order they came. The last `count` of them live in a ring, their text
 * in one run of bytes, oldest first:
 *
 *   text            head                     tail         cap
 *   |  evicted      |  name value name value |  room      |
 *
 * Memory grows with use; there is none before the first insertion. */
struct hpack_table {
    char *text;
    size_t head, tail, cap;
    uint32_t text_at; /* the `at` of the byte at head; wraps around */

    struct hpack_entry *ring;
    uint32_t mask; /* of the ring */
    uint32_t next; /* the number of the next entry; wraps around */
    uint32_t count;

    size_t size, max; /* as RFC 7541, 4.1, counts: 32 bytes more than the text of each entry */
};

void hpack_table_init(struct hpack_table *table, uint32_t max);
void hpack_table_fini(struct hpack_table *table);

/* Set the maximum, and evict down to it (RFC 7541, 4.3). */
void hpack_table_resize(struct hpack_table *table, uint32_t max);

/* Add an entry, evicting for it (RFC 7541, 4.4). The strings must not lie in the table. *out_entry
 * is NULL when the entry is larger than the table, which then is empty. False: no memory; nothing
 * has changed. */
bool hpack_table_insert(
    struct hpack_table *table, weir_str name, weir_str value, struct hpack_entry **out_entry);

/* The entry with a number, NULL when there is none or it was evicted. */
static inline struct hpack_entry *
hpack_table_numbered(const struct hpack_table *table, uint32_t number)
{
    return table->next - 1 - number < table->count ? &table->ring[number & table->mask] : NULL;
}

/* Borrowed until the next insertion. */
static inline weir_str
hpack_entry_name(const struct hpack_table *table, const struct hpack_entry *entry)
{
    weir_str name = {table->text + table->head + (entry->at - table->text_at), entry->name_len};
    return name;
}

static inline weir_str
hpack_entry_value(const struct hpack_table *table, const struct hpack_entry *entry)
{
    weir_str name = hpack_entry_name(table, entry);
    weir_str value = {name.data + name.len, entry->value_len};
    return value;
}
