/* SPDX-License-Identifier: Apache-2.0 */
/* A proxy's response to CONNECT (RFC 9110, section 9.3.6). Only its head is read: what follows
 * comes from the server. Sans-I/O. */
/* Threads: one owner at a time. */
#pragma once

#include <stddef.h>

#define HTTP1_CONNECT_HEAD_MAX 8192
#define HTTP1_CONNECT_WHY 128

/* Limit of interim responses (1xx) before the final one. */
#define HTTP1_CONNECT_INTERIM_MAX 16

enum http1_connect {
    HTTP1_CONNECT_UNDECIDED, /* more input is needed */
    HTTP1_CONNECT_OPEN,
    HTTP1_CONNECT_REFUSED,
};

/* Initialise with zeroes. New bytes are put after the first `len` bytes of head, within its size.
 */
struct http1_connect_answer {
    size_t len;
    unsigned interim;
    char head[HTTP1_CONNECT_HEAD_MAX];
};

/* Parse after `got` bytes were put there. *out_taken: how many of them belong to the head. REFUSED:
 * out_why has the reason, in printable ASCII. Interim responses are skipped, up to
 * HTTP1_CONNECT_INTERIM_MAX. */
enum http1_connect http1_connect_read(struct http1_connect_answer *answer, size_t got,
    size_t *out_taken, char out_why[HTTP1_CONNECT_WHY]);
