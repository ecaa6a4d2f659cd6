/* SPDX-License-Identifier: Apache-2.0 */
/* What every call sends: header fields and messages, prepared once. */
/* Threads: constant once made, and safe to read from any thread, except for request_change, which
 * writes to the caller's memory. */
#pragma once

#include "base/arena.h"
#include "http2/hpack.h"
#include "weir-bench/options.h"
#include "wire/wire.h"

/* Header fields that differ between calls, and their texts. */
#define REQUEST_CHANGING 2

struct request_change {
    struct h2_field fields[REQUEST_CHANGING];
    char id[24], timeout[WIRE_TIMEOUT_TEXT];
};

struct request {
    struct arena arena; /* what the fields point to */
    struct h2_field *fields;
    size_t field_count;
    uint8_t *bytes;     /* copies of the message, each after its 5-byte prefix */
    size_t len;         /* of all copies */
    size_t message_len; /* of one, with its prefix */
    uint64_t total;     /* bytes that a call sends */
};

/* False: error says what is wrong; there is nothing to free. */
bool request_init(struct request *request, const struct options *options, char error[FLAGS_ERROR]);
void request_fini(struct request *request);

/* The header fields of the call with this number; they point into `change`, which must not move. */
void request_change(struct request_change *change, uint64_t number);
