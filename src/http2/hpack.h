/* SPDX-License-Identifier: Apache-2.0 */
/* HPACK (RFC 7541): header blocks in and out, with the memo that makes a repeated block cheap. */
/* Threads: one owner at a time; a block may be read by any thread that holds a reference handed
 * over by its owner. */
#pragma once

#include "base/buf.h"

/* Names that HTTP/2 and gRPC give a meaning to, known by number once decoded. */
enum h2_token {
    H2_TOKEN_NONE,
    H2_TOKEN_METHOD, /* pseudo-header fields first */
    H2_TOKEN_SCHEME,
    H2_TOKEN_PATH,
    H2_TOKEN_AUTHORITY,
    H2_TOKEN_STATUS,
    H2_TOKEN_PSEUDO_UNKNOWN, /* any other name that begins with a colon */
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
    H2_TOKEN_GRPC_OTHER /* any other name that begins with grpc- */
};

enum h2_indexing {
    H2_INDEX,        /* repeat it by number (the dynamic table) */
    H2_DO_NOT_INDEX, /* changes in every block */
    H2_NEVER_INDEX   /* secret: no hop may put it into a table (RFC 7541, 7.1.3) */
};

struct h2_field {
    weir_str name, value;
    enum h2_token token; /* set by the decoder; the encoder does not look at it */
    enum h2_indexing indexing;
};

/* A decoded header block: immutable, counted references, one piece of memory. Everything that its
 * fields point to lives inside it, so a call keeps its metadata by holding one reference. */
struct h2_block {
    unsigned refs;
    bool malformed;         /* a field breaks RFC 9113 section 8.2 (name's or value's characters,
                               connection-specific field, te other than trailers) or 8.3 (order of,
                               repeated and undefined pseudo-header fields). Blanks around a value are
                               stripped instead, but for pseudo-header fields */
    bool too_large;         /* over the limit: it holds no fields, the decoder stayed in step */
    bool is_request;        /* the connection's: it was judged to be a well-formed request's */
    int64_t content_length; /* then: -1 when it has none */
    size_t list_size;       /* as RFC 9113 section 10.5.1 counts */
    void *tag;              /* the reader's own, NULL at first; memoised with the block */
    size_t count;
    struct h2_field fields[];
};

/* Back into the memory that it came from; for h2_block_unref alone. */
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

/* The first field with this token, NULL when there is none. */
const struct h2_field *h2_block_find(const struct h2_block *block, enum h2_token token);

/* ---- decoder ---- */

struct hpack_decoder;

enum hpack_result {
    HPACK_OK,
    HPACK_BROKEN, /* COMPRESSION_ERROR: the tables are out of step, the connection is lost */
    HPACK_NO_MEMORY
};

/* table_size: what our SETTINGS_HEADER_TABLE_SIZE says; max_list: bytes by list_size. A peer that
 * has not seen the SETTINGS yet goes by 4096: start with no less, and lower it by
 * hpack_decoder_limit. NULL: no memory. */
struct hpack_decoder *hpack_decoder_new(uint32_t table_size, size_t max_list);

/* Count the bytes of its large blocks in *held, which outlives them. Before the first block. */
void hpack_decoder_count(struct hpack_decoder *decoder, uint64_t *held);

/* Blocks may outlive it, on the same thread. Accepts NULL. */
void hpack_decoder_free(struct hpack_decoder *decoder);

/* The peer has acknowledged another SETTINGS_HEADER_TABLE_SIZE. When that is less than what its
 * table has now, its next block must begin with an update (RFC 7541, 4.2). */
void hpack_decoder_limit(struct hpack_decoder *decoder, uint32_t table_size);

/* Would a new one do as well? Nothing is in its table, and what it remembers only saves time. */
bool hpack_decoder_is_empty(const struct hpack_decoder *decoder);

/* Forget what only saves time. */
void hpack_decoder_trim(struct hpack_decoder *decoder);

/* Decode one whole header block (HEADERS and its CONTINUATIONs together). *out_block is a reference
 * the caller owns. Repeated bytes against an unchanged table give the same block again. */
enum hpack_result hpack_decode(
    struct hpack_decoder *decoder, const uint8_t *data, size_t len, struct h2_block **out_block);

/* The bytes that the last block was decoded from, if that is this one and it is remembered; good
 * until the next one is decoded. */
bool hpack_decoder_bytes(const struct hpack_decoder *decoder, const struct h2_block *block,
    const uint8_t **out_data, size_t *out_len);

/* ---- encoder ---- */

struct hpack_encoder;

/* NULL: no memory. The table starts at 4096 bytes, RFC 7541's initial size. */
struct hpack_encoder *hpack_encoder_new(void);
void hpack_encoder_free(struct hpack_encoder *encoder);

/* The peer's SETTINGS_HEADER_TABLE_SIZE. Used up to 4096; the next block announces a change (RFC
 * 7541, 4.2). */
void hpack_encoder_limit(struct hpack_encoder *encoder, uint32_t table_size);

/* The encoding of a block of these fixed fields alone, when it is kept and right at the moment;
 * good until anything else is done with the encoder. A fast way around hpack_encode. len 0: there
 * is none. */
#define HPACK_KEPT_MAX 16
struct hpack_kept {
    const uint8_t *bytes; /* HPACK_KEPT_MAX of them may be read, whatever len is */
    size_t len;
};
struct hpack_kept hpack_encoder_kept(
    const struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count);

/* Append one block: the fixed fields, then the extra ones. `fixed` is known by its address: it must
 * never change while the encoder lives, and its encoding is kept and copied while the table allows.
 * Either may be empty. False: no memory; nothing was appended. */
bool hpack_encode(struct hpack_encoder *encoder, const struct h2_field *fixed, size_t fixed_count,
    const struct h2_field *extra, size_t extra_count, struct buf *out);
