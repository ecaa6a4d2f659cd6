/* SPDX-License-Identifier: Apache-2.0 */
/* HPACK (RFC 7541): encoder and decoder of header blocks, with caches for repeated ones. */
/* Threads: one owner at a time; a block may be read by any thread that holds a reference handed
 * over by its owner. */
#pragma once

#include "base/buf.h"

/* Header names with a meaning in HTTP/2 or gRPC, set when a field is decoded. */
enum h2_token {
    H2_TOKEN_NONE,
    H2_TOKEN_METHOD, /* pseudo-header fields first */
    H2_TOKEN_SCHEME,
    H2_TOKEN_PATH,
    H2_TOKEN_AUTHORITY,
    H2_TOKEN_STATUS,
    H2_TOKEN_PSEUDO_UNKNOWN, /* any other name that starts with a colon */
    H2_TOKEN_HOST,
    H2_TOKEN_CONTENT_TYPE,
    H2_TOKEN_CONTENT_LENGTH,
    H2_TOKEN_TE,
    H2_TOKEN_USER_AGENT,
    H2_TOKEN_CONNECTION_SPECIFIC, /* connection, keep-alive, proxy-connection, transfer-encoding,
                                     upgrade */
    H2_TOKEN_GRPC_TIMEOUT,
    H2_TOKEN_GRPC_ENCODING,
    H2_TOKEN_GRPC_ACCEPT_ENCODING,
    H2_TOKEN_GRPC_STATUS,
    H2_TOKEN_GRPC_MESSAGE,
    H2_TOKEN_GRPC_STATUS_DETAILS,
    H2_TOKEN_GRPC_OTHER /* any other name that starts with grpc- */
};

enum h2_indexing {
    H2_INDEX,        /* put it into the dynamic table */
    H2_DO_NOT_INDEX, /* changes in every block */
    H2_NEVER_INDEX   /* secret: no hop may put it into a table (RFC 7541, section 7.1.3) */
};

struct h2_field {
    weir_str name, value;
    enum h2_token token; /* set by the decoder, ignored by the encoder */
    enum h2_indexing indexing;
};

/* A decoded header block: immutable, reference-counted, one allocation. All that its fields point
 * to is inside it, so a call keeps its metadata by holding one reference. */
struct h2_block {
    unsigned refs;
    bool malformed;  /* a field violates RFC 9113 section 8.2 (characters of name or value,
                        connection-specific field, te other than trailers) or 8.3 (order of
                        pseudo-header fields; repeated or undefined ones). Whitespace around a value
                        is stripped instead, except in pseudo-header fields */
    bool too_large;  /* over the limit: it has no fields, but the decoder's table is in sync */
    bool is_request; /* set by the connection: validated as a well-formed request */
    int64_t content_length; /* if is_request; -1: none */
    size_t list_size;       /* as defined in RFC 9113 section 10.5.1 */
    void *tag;              /* for the reader, initially NULL; kept when the block is memoised */
    size_t count;
    struct h2_field fields[];
};

/* Free the block; only for h2_block_unref. */
void h2_block_free(struct h2_block *block);

static inline struct h2_block *
h2_block_ref(struct h2_block *block)
{
    block->refs++;
    return block;
}

/* Accepts NULL. */
static inline void
h2_block_unref(struct h2_block *block)
{
    if (block != NULL && --block->refs == 0)
        h2_block_free(block);
}

/* The first field with this token, or NULL. */
const struct h2_field *h2_block_find(const struct h2_block *block, enum h2_token token);

/* ---- decoder ---- */

struct hpack_decoder;

enum hpack_result {
    HPACK_OK,
    HPACK_BROKEN, /* COMPRESSION_ERROR: the tables are out of sync, so the connection must end */
    HPACK_NO_MEMORY
};

/* table_size: our SETTINGS_HEADER_TABLE_SIZE; max_list: limit of list_size, in bytes. Before the
 * peer has our SETTINGS it assumes 4096: start with no less, and lower it by hpack_decoder_limit.
 * NULL: no memory. */
struct hpack_decoder *hpack_decoder_new(uint32_t table_size, size_t max_list);

/* Count the bytes of its large blocks in *held, which must outlive them. Call it before the first
 * block. */
void hpack_decoder_count(struct hpack_decoder *decoder, uint64_t *held);

/* Blocks may outlive it, on the same thread. Accepts NULL. */
void hpack_decoder_free(struct hpack_decoder *decoder);

/* The peer has acknowledged another SETTINGS_HEADER_TABLE_SIZE. If that is less than the table's
 * current size, its next block must begin with a size update (RFC 7541, section 4.2). */
void hpack_decoder_limit(struct hpack_decoder *decoder, uint32_t table_size);

/* Is the dynamic table empty? The decoder may then be replaced by a new one. */
bool hpack_decoder_is_empty(const struct hpack_decoder *decoder);

/* Free its caches. */
void hpack_decoder_trim(struct hpack_decoder *decoder);

/* Decode one complete header block (HEADERS and its CONTINUATIONs). *out_block is a reference owned
 * by the caller. The same bytes with an unchanged table may return the same block. */
enum hpack_result hpack_decode(
    struct hpack_decoder *decoder, const uint8_t *data, size_t len, struct h2_block **out_block);

/* The bytes that `block` was decoded from, if it is the last one decoded and memoised; valid until
 * the next one is decoded. */
bool hpack_decoder_bytes(const struct hpack_decoder *decoder, const struct h2_block *block,
    const uint8_t **out_data, size_t *out_len);

/* ---- encoder ---- */

struct hpack_encoder;

/* NULL: no memory. The table starts at 4096 bytes, RFC 7541's initial size. */
struct hpack_encoder *hpack_encoder_new(void);
void hpack_encoder_free(struct hpack_encoder *encoder);

/* The peer's SETTINGS_HEADER_TABLE_SIZE. Used up to 4096; the next block announces a change (RFC
 * 7541, section 4.2). */
void hpack_encoder_limit(struct hpack_encoder *encoder, uint32_t table_size);

/* The cached encoding of a block of only these fixed fields; valid until the next operation on the
 * encoder. A fast path for hpack_encode. len 0: not cached, or no longer current. */
#define HPACK_KEPT_MAX 16
struct hpack_kept {
    const uint8_t *bytes; /* HPACK_KEPT_MAX are readable, whatever len is */
    size_t len;
};
struct hpack_kept hpack_encoder_kept(
    const struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count);

/* Append one block: the fixed fields, then the extra ones. `fixed` is identified by its address, so
 * it must not change while the encoder lives; its encoding is cached until the table changes.
 * Either may be empty. False: no memory; nothing was appended. */
bool hpack_encode(struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count,
    const struct h2_field *extra, size_t extra_count, struct buf *out);
