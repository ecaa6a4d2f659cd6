/* SPDX-License-Identifier: Apache-2.0 */
/* The HPACK encoder.
 *
 * Fields to be indexed are looked up in the dynamic table by hash. Each entry links to the previous
 * one in its bucket; since the oldest entry is always evicted first, a chain ends at the first
 * number that is no longer in the table, and eviction unlinks nothing.
 *
 * The encoding of fixed fields is cached until the table changes. Once all of them are in the
 * tables, a block is encoded only once.
 *
 * Huffman coding costs both sides about 2 ns per character, more than the few bytes are worth on a
 * fast network. So it is used only for strings put into the table, once per connection, and for
 * long strings. */
#include "http2/hpack_names.h"
#include "http2/hpack_table.h"
#include "http2/huffman.h"

#include <stdlib.h>

enum {
    BUCKETS = 32,
    KEPT = 8,                    /* blocks of fixed fields */
    KEPT_BYTES = HPACK_KEPT_MAX, /* of one encoding */
    PLAIN = 64,                  /* shorter strings that are not indexed are not Huffman-coded */
    NUMBER_BYTES = 6             /* maximum size of an integer */
};

enum key { BY_FIELD, BY_NAME };

struct kept {
    const struct h2_field *fixed; /* NULL: the slot is empty */
    uint64_t generation;
    uint32_t count;
    uint32_t len;
    uint8_t bytes[KEPT_BYTES];
};

struct hpack_encoder {
    struct kept *kept;   /* array of KEPT, NULL before the first */
    uint64_t generation; /* counts changes of the table and of its limit */
    unsigned next_kept;
    uint32_t limit;  /* of the table's size: the lower of the peer's SETTINGS and our own limit */
    uint32_t lowest; /* lowest limit since the last block */
    struct hpack_table table;
    uint32_t newest[2][BUCKETS]; /* by enum key: the number of the newest entry */
};

struct hpack_encoder *
hpack_encoder_new(void)
{
    struct hpack_encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder == NULL)
        return NULL;
    hpack_table_init(&encoder->table, HPACK_FIRST_SIZE);
    encoder->limit = encoder->lowest = HPACK_FIRST_SIZE;
    return encoder;
}

void
hpack_encoder_free(struct hpack_encoder *encoder)
{
    if (encoder == NULL)
        return;
    hpack_table_fini(&encoder->table);
    free(encoder->kept);
    free(encoder);
}

void
hpack_encoder_limit(struct hpack_encoder *encoder, uint32_t table_size)
{
    encoder->limit = table_size < HPACK_FIRST_SIZE ? table_size : HPACK_FIRST_SIZE;
    if (encoder->limit < encoder->lowest)
        encoder->lowest = encoder->limit;
    encoder->generation++; /* the next block must announce it, which cached encodings do not */
}

/* ---- representations ---- */

/* RFC 7541, section 5.1: `kind` is the bits before the prefix, `mask` the prefix with all bits set.
 */
static inline uint8_t *
put_number(uint8_t *p, uint8_t kind, uint8_t mask, uint32_t number)
{
    if (number < mask) {
        *p++ = (uint8_t)(kind | number);
        return p;
    }
    *p++ = kind | mask;
    for (number -= mask; number >= 0x80; number >>= 7)
        *p++ = (uint8_t)(0x80 | number);
    *p++ = (uint8_t)number;
    return p;
}

/* RFC 7541, section 5.2. */
static uint8_t *
put_string(uint8_t *p, weir_str text, bool goes_into_table)
{
    if (goes_into_table || text.len >= PLAIN) {
        size_t len = huffman_len(text);

        if (len < text.len)
            return huffman_encode(text, put_number(p, 0x80, 0x7f, (uint32_t)len));
    }
    p = put_number(p, 0, 0x7f, (uint32_t)text.len);
    if (text.len > 0)
        memcpy(p, text.data, text.len);
    return p + text.len;
}

/* ---- finding entries ---- */

/* Unkeyed: a chain is never longer than the table, which has at most 128 entries. */
static uint32_t
hash_on(uint32_t start, weir_str text)
{
    uint64_t hash = start ^ (uint64_t)text.len << 32, word;
    size_t i = 0;

    for (; text.len - i >= 8; i += 8) {
        memcpy(&word, text.data + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (word = 0; i < text.len; i++)
        word = word << 8 | (uint8_t)text.data[i];
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32);
}

static bool
entry_is(const struct hpack_table *table, const struct hpack_entry *entry, enum key key,
    const struct h2_field *field)
{
    return weir_str_equal(hpack_entry_name(table, entry), field->name) &&
           (key == BY_NAME || weir_str_equal(hpack_entry_value(table, entry), field->value));
}

/* The index of the newest entry with this name, or name and value. 0: none. */
static uint32_t
find(const struct hpack_encoder *encoder, enum key key, uint32_t hash, const struct h2_field *field)
{
    const struct hpack_table *table = &encoder->table;
    uint32_t number = encoder->newest[key][hash % BUCKETS], age = table->next - number;

    for (;;) {
        const struct hpack_entry *entry = hpack_table_numbered(table, number);
        uint32_t older;

        if (entry == NULL)
            return 0;
        if (entry->hash[key] == hash && entry_is(table, entry, key, field))
            return HPACK_STATIC_COUNT + age;
        older = entry->older[key];
        if (table->next - older <= age)
            return 0; /* a number from before it wrapped around */
        number = older;
        age = table->next - older;
    }
}

static void
chain(struct hpack_encoder *encoder, enum key key, uint32_t hash, struct hpack_entry *entry,
    uint32_t number)
{
    uint32_t *newest = &encoder->newest[key][hash % BUCKETS];

    entry->hash[key] = hash;
    entry->older[key] = *newest;
    *newest = number;
}

/* Insert a field into the table. False: it is not worth the entries it would evict, or no memory;
 * it is then sent without indexing. */
static bool
insert(struct hpack_encoder *encoder, const struct h2_field *field, uint32_t name_hash,
    uint32_t field_hash)
{
    struct hpack_table *table = &encoder->table;
    uint32_t number = table->next;
    struct hpack_entry *entry;

    if (field->name.len + field->value.len + HPACK_ENTRY_OVERHEAD > table->max / 2)
        return false;
    if (!hpack_table_insert(table, field->name, field->value, &entry))
        return false;
    chain(encoder, BY_NAME, name_hash, entry, number);
    chain(encoder, BY_FIELD, field_hash, entry, number);
    encoder->generation++;
    return true;
}

/* ---- fields ---- */

static uint8_t *
put_literal(
    uint8_t *p, uint8_t kind, uint8_t mask, uint32_t name_index, const struct h2_field *field)
{
    bool goes_into_table = kind == 0x40;

    p = put_number(p, kind, mask, name_index);
    if (name_index == 0)
        p = put_string(p, field->name, goes_into_table);
    return put_string(p, field->value, goes_into_table);
}

/* The first entry of the static table with this name. 0: none. */
static uint32_t
static_name(weir_str name)
{
    const struct hpack_known_name *known = hpack_name_lookup(name);

    return known == NULL ? 0 : known->number;
}

static uint8_t *
put_indexed(struct hpack_encoder *encoder, uint8_t *p, const struct h2_field *field)
{
    uint32_t name_hash = hash_on(0, field->name);
    uint32_t field_hash = hash_on(name_hash, field->value), name, index;

    index = find(encoder, BY_FIELD, field_hash, field);
    if (index > 0)
        return put_number(p, 0x80, 0x7f, index);
    name = static_name(field->name);
    index = hpack_static_match(name, field->value);
    if (index > 0)
        return put_number(p, 0x80, 0x7f, index);
    if (name == 0)
        name = find(encoder, BY_NAME, name_hash, field);
    if (insert(encoder, field, name_hash, field_hash))
        return put_literal(p, 0x40, 0x3f, name, field);
    return put_literal(p, 0, 0x0f, name, field);
}

static uint8_t *
put_field(struct hpack_encoder *encoder, uint8_t *p, const struct h2_field *field)
{
    uint32_t name;

    if (field->indexing == H2_INDEX)
        return put_indexed(encoder, p, field);
    name = static_name(field->name);
    if (name == 0)
        name = find(encoder, BY_NAME, hash_on(0, field->name), field);
    return put_literal(p, field->indexing == H2_NEVER_INDEX ? 0x10 : 0, 0x0f, name, field);
}

static uint8_t *
put_fields(struct hpack_encoder *encoder, uint8_t *p, const struct h2_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p = put_field(encoder, p, &fields[i]);
    return p;
}

/* ---- fixed fields ---- */

/* The cached encoding of these fields, NULL if not cached or out of date. */
static const struct kept *
find_kept(const struct hpack_encoder *encoder, const struct h2_field *fixed, size_t count)
{
    const struct kept *kept = encoder->kept, *end = kept == NULL ? NULL : kept + KEPT;

    for (; kept < end; kept++)
        if (kept->fixed == fixed && kept->count == count && kept->generation == encoder->generation)
            return kept;
    return NULL;
}

/* The cache slot for these fields: the one they have, or else the next to be replaced. */
static struct kept *
choose_kept(struct hpack_encoder *encoder, const struct h2_field *fixed, size_t count)
{
    for (size_t i = 0; i < KEPT; i++) {
        if (encoder->kept[i].fixed == fixed && encoder->kept[i].count == count)
            return &encoder->kept[i];
    }
    return &encoder->kept[encoder->next_kept++ % KEPT];
}

static void
keep(struct hpack_encoder *encoder, const struct h2_field *fixed, size_t count,
    const uint8_t *bytes, size_t len)
{
    struct kept *kept;

    if (len > KEPT_BYTES || count > UINT32_MAX)
        return;
    if (encoder->kept == NULL)
        encoder->kept = calloc(KEPT, sizeof(*encoder->kept));
    if (encoder->kept == NULL)
        return; /* only slower without the cache */
    kept = choose_kept(encoder, fixed, count);
    *kept = (struct kept){fixed, encoder->generation, (uint32_t)count, (uint32_t)len, {0}};
    memcpy(kept->bytes, bytes, len);
}

/* Encode the fixed fields, and cache the encoding if it did not change the table. */
static uint8_t *
put_fixed(struct hpack_encoder *encoder, uint8_t *p, const struct h2_field *fixed, size_t count)
{
    uint64_t generation = encoder->generation;
    uint8_t *end = put_fields(encoder, p, fixed, count);

    if (encoder->generation == generation && count > 0)
        keep(encoder, fixed, count, p, (size_t)(end - p));
    return end;
}

/* ---- blocks ---- */

/* RFC 7541, section 4.2: announce the lowest size since the last block, if lower, and the current
 * one. */
static uint8_t *
put_updates(struct hpack_encoder *encoder, uint8_t *p)
{
    if (encoder->lowest < encoder->table.max) {
        hpack_table_resize(&encoder->table, encoder->lowest);
        p = put_number(p, 0x20, 0x1f, encoder->lowest);
        encoder->generation++;
    }
    if (encoder->limit != encoder->table.max) {
        hpack_table_resize(&encoder->table, encoder->limit);
        p = put_number(p, 0x20, 0x1f, encoder->limit);
    }
    encoder->lowest = encoder->limit;
    return p;
}

/* An upper bound of the encoded size: all literals, without Huffman coding. SIZE_MAX: too large. */
static size_t
bound(const struct h2_field *fields, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (fields[i].name.len > INT32_MAX || fields[i].value.len > INT32_MAX)
            return SIZE_MAX;
        sum += fields[i].name.len + fields[i].value.len + 3 * NUMBER_BYTES;
    }
    return sum > UINT32_MAX ? SIZE_MAX : sum;
}

struct hpack_kept
hpack_encoder_kept(
    const struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count)
{
    const struct kept *kept = find_kept(encoder, fixed, fixed_count);

    if (kept == NULL)
        return (struct hpack_kept){NULL, 0};
    return (struct hpack_kept){kept->bytes, kept->len};
}

bool
hpack_encode(struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count,
    const struct h2_field *extra, size_t extra_count, struct buf *out)
{
    const struct kept *kept = find_kept(encoder, fixed, fixed_count);
    size_t fixed_bound = kept != NULL ? kept->len : bound(fixed, fixed_count);
    size_t extra_bound = bound(extra, extra_count);
    uint8_t *start, *p;

    if (fixed_bound == SIZE_MAX || extra_bound == SIZE_MAX)
        return false;
    /* Reserve all room before the table changes, so that nothing can fail afterwards. */
    start = buf_reserve(out, fixed_bound + extra_bound + (size_t)2 * NUMBER_BYTES);
    if (start == NULL)
        return false;
    p = start;
    if (kept != NULL) {
        memcpy(p, kept->bytes, kept->len);
        p += kept->len;
    } else {
        p = put_updates(encoder, p);
        p = put_fixed(encoder, p, fixed, fixed_count);
    }
    p = put_fields(encoder, p, extra, extra_count);
    buf_commit(out, (size_t)(p - start));
    return true;
}
