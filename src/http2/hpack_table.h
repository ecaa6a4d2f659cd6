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
        struct { /* decoder */
            uint8_t token;
            uint8_t flaws;
        };
        struct { /* encoder: hashes, and the previous entry in the bucket of each */
            uint32_t hash[2];
            uint32_t older[2];
        };
    };
};

/* Entries are numbered in order of insertion. The last `count` of them are in a ring, their text
 * in one buffer, oldest first:
 *
 *   text            head                     tail         cap
 *   |  evicted      |  name value name value |  room      |
 *
 * Memory grows with use; none is allocated before the first insertion. */
struct hpack_table {
    char *text;
    size_t head, tail, cap;
    uint32_t text_at; /* `at` of the byte at head; wraps around */

    struct hpack_entry *ring;
    uint32_t mask; /* size of the ring - 1 */
    uint32_t next; /* the number of the next entry; wraps around */
    uint32_t count;

    size_t size, max; /* as in RFC 7541, section 4.1: text plus 32 bytes for each entry */
};

void hpack_table_init(struct hpack_table *table, uint32_t max);
void hpack_table_fini(struct hpack_table *table);

/* Set the maximum size, and evict down to it (RFC 7541, section 4.3). */
void hpack_table_resize(struct hpack_table *table, uint32_t max);

/* Insert an entry, evicting others as needed (RFC 7541, section 4.4). The strings must not point
 * into the table. *out_entry is NULL if the entry is larger than the table, which is then empty.
 * False: no memory; nothing has changed. */
bool hpack_table_insert(
    struct hpack_table *table, weir_str name, weir_str value, struct hpack_entry **out_entry);

/* The entry with a number, NULL if it does not exist or was evicted. */
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
