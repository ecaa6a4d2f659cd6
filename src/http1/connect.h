/* SPDX-License-Identifier: Apache-2.0 */
/* What a proxy answers to CONNECT (RFC 9110, 9.3.6). Its head alone is read: what follows comes
 * from whom it leads to. Sans-I/O. */
/* Threads: an answer belongs to one thread at a time. */
#pragma once

#include <stddef.h>

#define HTTP1_CONNECT_HEAD_MAX 8192
#define HTTP1_CONNECT_WHY 128

/* Interim answers (1xx) before the one that counts. */
#define HTTP1_CONNECT_INTERIM_MAX 16

enum http1_connect {
    HTTP1_CONNECT_UNDECIDED, /* more is to come */
    HTTP1_CONNECT_OPEN,
    HTTP1_CONNECT_REFUSED,
};

/* Begins with zeroes. New bytes are put behind the first `len` ones of head, where there is room.
 */
struct http1_connect_answer {
    size_t len;
    unsigned interim;
    char head[HTTP1_CONNECT_HEAD_MAX];
};

/* So many bytes were put there; those that belong to the head, *out_taken, are the answer's.
 * REFUSED: out_why says why, in printable ASCII. Interim answers are passed over, up to a bound: a
 * proxy that sends nothing else would be read for ever. */
enum http1_connect http1_connect_read(struct http1_connect_answer *answer, size_t got,
    size_t *out_taken, char out_why[HTTP1_CONNECT_WHY]);
