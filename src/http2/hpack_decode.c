/* SPDX-License-Identifier: Apache-2.0 */
/* The HPACK decoder.
 *
 * A block found in the memo is not decoded again. Otherwise its fields are written directly to the
 * memory of the new block; text of the static table is not copied. The token of a name and whether
 * RFC 9113 allows it are stored with the entries of both tables, so only literals are validated.
 * Once a list is over the limit nothing more is stored, but decoding continues, to keep the table
 * in sync. */
#include "http2/block.h"

#include "base/hint.h"
#include "http2/hpack_memo.h"
#include "http2/hpack_names.h"
#include "http2/hpack_table.h"
#include "http2/huffman.h"

#include <assert.h>
#include <stdlib.h>

/* FIRST_HINT suits a typical first block; later hints are learned from previous blocks. */
enum { FIRST_HINT = 700, LARGEST_HINT = 2000, LOCAL_TEXT = 512 };

struct hpack_decoder {
    struct hpack_memo memo; /* first, as most blocks need nothing else */
    struct hpack_table table;
    struct block_pool *pool;
    size_t max_list;
    size_t hint;      /* expected size of the next block, in bytes */
    uint32_t limit;   /* of the table's size, by our SETTINGS */
    uint32_t lowest;  /* lowest limit since the last block */
    bool owes_update; /* the limit was lowered below the table's size: the next block must begin
                         with an update */
};

/* One block being decoded. */
struct run {
    struct hpack_decoder *decoder;
    const uint8_t *next, *end;
    struct block_writer out;
    size_t list_size, max_list;
    unsigned barred;      /* a bit for each token that may not occur any more */
    unsigned out_of_turn; /* and for those that occurred nevertheless */
    uint8_t flaws;        /* of all fields, or-ed */
    bool too_large, table_changed;
    enum hpack_result result;
    /* Buffer for the decoded text of the current field. */
    char *text;
    size_t text_len, text_cap;
    char *grown; /* NULL, or the larger buffer that `text` now points to */
};

/* A literal field being decoded. */
struct literal {
    struct h2_field field;
    uint8_t flaws;
    bool name_is_static;
};

struct hpack_decoder *
hpack_decoder_new(uint32_t table_size, size_t max_list)
{
    struct hpack_decoder *decoder = calloc(1, sizeof(*decoder));

    if (decoder == NULL)
        return NULL;
    decoder->pool = block_pool_new();
    if (decoder->pool == NULL) {
        free(decoder);
        return NULL;
    }
    hpack_table_init(
        &decoder->table, table_size < HPACK_FIRST_SIZE ? table_size : HPACK_FIRST_SIZE);
    decoder->limit = decoder->lowest = table_size;
    decoder->max_list = max_list;
    decoder->hint = FIRST_HINT;
    return decoder;
}

void
hpack_decoder_count(struct hpack_decoder *decoder, uint64_t *held)
{
    block_pool_count(decoder->pool, held);
}

void
hpack_decoder_free(struct hpack_decoder *decoder)
{
    if (decoder == NULL)
        return;
    hpack_memo_clear(&decoder->memo);
    hpack_table_fini(&decoder->table);
    block_pool_close(decoder->pool);
    free(decoder);
}

bool
hpack_decoder_is_empty(const struct hpack_decoder *decoder)
{
    return decoder->table.count == 0 && decoder->table.max == HPACK_FIRST_SIZE &&
           decoder->limit == HPACK_FIRST_SIZE && !decoder->owes_update;
}

void
hpack_decoder_trim(struct hpack_decoder *decoder)
{
    hpack_memo_clear(&decoder->memo);
    block_pool_trim(decoder->pool);
}

void
hpack_decoder_limit(struct hpack_decoder *decoder, uint32_t table_size)
{
    decoder->limit = table_size;
    if (table_size < decoder->lowest)
        decoder->lowest = table_size;
    if (table_size < decoder->table.max) {
        decoder->owes_update = true;
        hpack_memo_clear(&decoder->memo);
    }
}

static bool
fail(struct run *run, enum hpack_result result)
{
    run->result = result;
    return false;
}

/* The rest of an integer that does not fit its prefix (RFC 7541, section 5.1). No valid value here
 * is as large as 2^28, so four bytes suffice. */
static bool
read_long_number(struct run *run, uint32_t *number)
{
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte;

        if (run->next == run->end)
            return fail(run, HPACK_BROKEN);
        byte = *run->next++;
        *number += (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return fail(run, HPACK_BROKEN);
}

/* At least one byte must be left. */
static inline bool
read_number(struct run *run, uint8_t mask, uint32_t *out_number)
{
    *out_number = *run->next++ & mask;
    return *out_number < mask || read_long_number(run, out_number);
}

static COLD bool
text_grow(struct run *run, size_t need)
{
    char *text;

    assert(run->text_len == 0);
    text = malloc(need);
    if (text == NULL)
        return fail(run, HPACK_NO_MEMORY);
    free(run->grown);
    run->text = run->grown = text;
    run->text_cap = need;
    return true;
}

/* Make room in run->text for `more` bytes plus the decoded size of the rest of the block. Within a
 * field this never reallocates, so pointers into the text stay valid. */
static inline bool
text_ready(struct run *run, size_t more)
{
    size_t need = run->text_len + more + huffman_bound((size_t)(run->end - run->next));

    return need <= run->text_cap || text_grow(run, need);
}

/* A string literal (RFC 7541, section 5.2): in place in the input, or decoded into run->text. */
static inline bool
read_string(struct run *run, weir_str *out_text)
{
    bool huffman;
    uint32_t len;
    const uint8_t *data;

    if (run->next == run->end)
        return fail(run, HPACK_BROKEN);
    huffman = *run->next & 0x80;
    if (!read_number(run, 0x7f, &len))
        return false;
    if (len > (size_t)(run->end - run->next))
        return fail(run, HPACK_BROKEN);
    data = run->next;
    *out_text = (weir_str){(const char *)data, len};
    if (huffman && !text_ready(run, 0))
        return false;
    run->next += len;
    if (!huffman)
        return true;
    out_text->data = run->text + run->text_len;
    out_text->len = huffman_decode(data, len, run->text + run->text_len);
    if (out_text->len == HUFFMAN_BROKEN)
        return fail(run, HPACK_BROKEN);
    run->text_len += out_text->len;
    return true;
}

static weir_str
strip(weir_str value)
{
    while (value.len > 0 && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value.data++;
        value.len--;
    }
    while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    return value;
}

/* RFC 9113, section 8.3: pseudo-header fields come before all others, each only once. */
static inline void
check_order(struct run *run, enum h2_token token)
{
    const unsigned pseudo = (2U << H2_TOKEN_PSEUDO_UNKNOWN) - (1U << H2_TOKEN_METHOD);
    unsigned bit = 1U << token & pseudo;

    run->out_of_turn |= bit & run->barred;
    run->barred |= bit != 0 ? bit : pseudo;
}

/* Add a field to the block, with room for `copy` bytes of text. NULL: the list is over the limit,
 * so the field is only counted; or another failure, in run->result. */
static inline struct h2_field *
open_field(struct run *run, size_t text_len, size_t copy, enum h2_token token, uint8_t flaws)
{
    run->list_size += text_len + HPACK_ENTRY_OVERHEAD;
    if (run->list_size > run->max_list) {
        run->too_large = true;
        return NULL;
    }
    if (!block_room(&run->out, sizeof(struct h2_field) + copy)) {
        run->result = HPACK_NO_MEMORY;
        return NULL;
    }
    check_order(run, token);
    run->flaws |= flaws;
    return run->out.next++;
}

static inline bool
emit_static(struct run *run, uint32_t index)
{
    const struct hpack_static_field *entry = &hpack_static_table[index];
    size_t len = entry->field.name.len + entry->field.value.len;
    struct h2_field *field = open_field(run, len, 0, entry->field.token, entry->flaws);

    if (field == NULL)
        return run->result == HPACK_OK;
    *field = entry->field;
    return true;
}

static inline bool
emit_entry(struct run *run, const struct hpack_entry *entry)
{
    size_t name_len = entry->name_len, len = name_len + entry->value_len;
    struct h2_field *field = open_field(run, len, len, entry->token, entry->flaws);
    const char *text;

    if (field == NULL)
        return run->result == HPACK_OK;
    text = block_put(&run->out, hpack_entry_name(&run->decoder->table, entry).data, len);
    *field = (struct h2_field){
        {text, name_len}, {text + name_len, entry->value_len}, entry->token, H2_INDEX};
    if ((entry->flaws & HPACK_BLANK_ENDS) != 0)
        field->value = strip(field->value);
    return true;
}

static bool
emit_literal(struct run *run, const struct literal *literal)
{
    weir_str name = literal->field.name, value = literal->field.value;
    size_t name_copy = literal->name_is_static ? 0 : name.len;
    struct h2_field *field = open_field(
        run, name.len + value.len, name_copy + value.len, literal->field.token, literal->flaws);

    if (field == NULL)
        return run->result == HPACK_OK;
    *field = literal->field;
    field->value.data = block_put(&run->out, value.data, value.len);
    if (!literal->name_is_static)
        field->name.data = block_put(&run->out, name.data, name.len);
    if ((literal->flaws & HPACK_BLANK_ENDS) != 0)
        field->value = strip(field->value);
    return true;
}

/* The entry of the dynamic table at an index beyond the static one (RFC 7541, section 2.3.3). NULL:
 * none. */
static inline const struct hpack_entry *
entry_at(const struct run *run, uint32_t index)
{
    const struct hpack_table *table = &run->decoder->table;

    return hpack_table_numbered(table, table->next - (index - HPACK_STATIC_COUNT));
}

static inline bool
decode_indexed(struct run *run)
{
    const struct hpack_entry *entry;
    uint32_t index;

    if (!read_number(run, 0x7f, &index))
        return false;
    if (index > HPACK_STATIC_COUNT) {
        entry = entry_at(run, index);
        return entry != NULL ? emit_entry(run, entry) : fail(run, HPACK_BROKEN);
    }
    return index > 0 ? emit_static(run, index) : fail(run, HPACK_BROKEN);
}

/* The name of an entry of the dynamic table. */
static bool
borrow_name(struct run *run, uint32_t index, enum h2_indexing indexing, struct literal *literal)
{
    const struct hpack_entry *entry = entry_at(run, index);
    weir_str name;

    if (entry == NULL)
        return fail(run, HPACK_BROKEN);
    name = hpack_entry_name(&run->decoder->table, entry);
    if (indexing == H2_INDEX) {
        if (!text_ready(run, name.len))
            return false;
        /* The entry may be evicted before the last use of its name (RFC 7541, section 4.4). */
        memcpy(run->text, name.data, name.len);
        name.data = run->text;
        run->text_len = name.len;
    }
    literal->field.name = name;
    literal->field.token = entry->token;
    literal->flaws = entry->flaws & HPACK_BAD_NAME;
    literal->name_is_static = false;
    return true;
}

/* The name of a literal field: an entry's, or a string literal. */
static bool
read_name(struct run *run, uint32_t index, enum h2_indexing indexing, struct literal *literal)
{
    run->text_len = 0;
    if (index > HPACK_STATIC_COUNT)
        return borrow_name(run, index, indexing, literal);
    if (index > 0) {
        literal->field.name = hpack_static_table[index].field.name;
        literal->field.token = hpack_static_table[index].field.token;
        literal->flaws = hpack_static_table[index].flaws;
        literal->name_is_static = true;
        return true;
    }
    if (!read_string(run, &literal->field.name))
        return false;
    literal->field.token = hpack_name_judge(literal->field.name, &literal->flaws);
    literal->name_is_static = false;
    return true;
}

static bool
insert(struct run *run, const struct literal *literal)
{
    struct hpack_entry *entry;

    run->table_changed = true;
    if (!hpack_table_insert(
            &run->decoder->table, literal->field.name, literal->field.value, &entry))
        return fail(run, HPACK_NO_MEMORY);
    if (entry != NULL) {
        entry->token = (uint8_t)literal->field.token;
        entry->flaws = literal->flaws;
    }
    return true;
}

static bool
decode_literal(struct run *run, uint8_t mask, enum h2_indexing indexing)
{
    struct literal literal;
    uint32_t index;

    if (!read_number(run, mask, &index) || !read_name(run, index, indexing, &literal) ||
        !read_string(run, &literal.field.value))
        return false;
    literal.flaws |= hpack_value_judge(literal.field.token, literal.field.value);
    literal.field.indexing = indexing;
    if (indexing == H2_INDEX && !insert(run, &literal))
        return false;
    return emit_literal(run, &literal);
}

/* RFC 7541, section 6: the first bits select the representation. */
static inline bool
decode_field(struct run *run)
{
    uint8_t first = *run->next;

    if ((first & 0x80) != 0)
        return decode_indexed(run);
    if ((first & 0x40) != 0)
        return decode_literal(run, 0x3f, H2_INDEX);
    /* RFC 7541, section 4.2: size updates are allowed only at the beginning of a block. */
    if ((first & 0x20) != 0)
        return fail(run, HPACK_BROKEN);
    return decode_literal(run, 0x0f, (first & 0x10) != 0 ? H2_NEVER_INDEX : H2_DO_NOT_INDEX);
}

/* The size updates at the beginning of a block (RFC 7541, sections 4.2 and 6.3). */
static bool
decode_updates(struct run *run)
{
    struct hpack_decoder *decoder = run->decoder;

    while (run->next < run->end && (*run->next & 0xe0) == 0x20) {
        uint32_t size;

        if (!read_number(run, 0x1f, &size))
            return false;
        if (size > decoder->limit)
            return fail(run, HPACK_BROKEN);
        if (size <= decoder->lowest)
            decoder->owes_update = false;
        hpack_table_resize(&decoder->table, size);
        run->table_changed = true;
    }
    if (decoder->owes_update)
        return fail(run, HPACK_BROKEN);
    decoder->lowest = decoder->limit;
    return true;
}

/* Expect the next block to be about as large as the largest recent one. */
static void
learn_size(struct hpack_decoder *decoder, size_t used)
{
    if (used > decoder->hint)
        decoder->hint = used < LARGEST_HINT ? used : LARGEST_HINT;
    else
        decoder->hint -= (decoder->hint - used) / 8;
}

/* Memoise the block if it is likely to be repeated. If it changed the table, the memo is cleared,
 * since the same bytes would now decode differently. */
static void
memoise(struct run *run, const uint8_t *data, size_t len)
{
    struct hpack_memo *memo = &run->decoder->memo;

    if (run->table_changed) {
        hpack_memo_clear(memo);
        return;
    }
    if (run->too_large || len == 0 || len > HPACK_MEMO_LONGEST ||
        !hpack_memo_hear(memo, data, len) || !block_room(&run->out, len))
        return;
    hpack_memo_put(memo, run->out.block, (const uint8_t *)block_put(&run->out, data, len), len);
}

static struct h2_block *
finish(struct run *run, const uint8_t *data, size_t len)
{
    struct h2_block *block;

    if (run->too_large)
        block_clear(&run->out);
    memoise(run, data, len);
    learn_size(run->decoder, block_used(&run->out));
    block = block_end(&run->out);
    block->malformed =
        run->out_of_turn != 0 || (run->flaws & (HPACK_BAD_NAME | HPACK_BAD_VALUE)) != 0;
    block->too_large = run->too_large;
    block->list_size = run->list_size;
    return block;
}

static APART enum hpack_result
decode_block(
    struct hpack_decoder *decoder, const uint8_t *data, size_t len, struct h2_block **out_block)
{
    char text[LOCAL_TEXT];
    struct run run = {.decoder = decoder,
        .max_list = decoder->max_list,
        .next = data,
        .end = len > 0 ? data + len : data,
        .text = text,
        .text_cap = sizeof(text)};
    bool ok;

    if (!block_begin(&run.out, decoder->pool, decoder->hint))
        return HPACK_NO_MEMORY;
    ok = decode_updates(&run);
    while (ok && run.next < run.end)
        ok = decode_field(&run);
    if (run.grown != NULL)
        free(run.grown);
    if (!ok) {
        h2_block_unref(run.out.block);
        return run.result;
    }
    *out_block = finish(&run, data, len);
    return HPACK_OK;
}

enum hpack_result
hpack_decode(
    struct hpack_decoder *decoder, const uint8_t *data, size_t len, struct h2_block **out_block)
{
    struct h2_block *known = hpack_memo_lookup(&decoder->memo, data, len), *block = NULL;
    enum hpack_result result;

    if (known != NULL) {
        *out_block = h2_block_ref(known);
        return HPACK_OK;
    }
    result = decode_block(decoder, data, len, &block); /* so that it can stay in a register */
    if (result == HPACK_OK)
        *out_block = block;
    return result;
}

bool
hpack_decoder_bytes(const struct hpack_decoder *decoder, const struct h2_block *block,
    const uint8_t **out_data, size_t *out_len)
{
    const struct hpack_memo_slot *last = decoder->memo.last;

    if (last == NULL || last->block != block)
        return false;
    *out_data = last->key;
    *out_len = last->len;
    return true;
}
