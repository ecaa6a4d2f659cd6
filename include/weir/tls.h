/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: what a server or a client shows and whom it trusts, shared by any number of servers and
 * channels. TLS 1.2 and later, the ciphers that RFC 9113 section 9.2 leaves, ALPN "h2" on both
 * sides, session tickets; the files are read again when they change. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

/* Room for the text of an error, its NUL included. */
#define WEIR_TLS_ERROR 512

typedef struct weir_tls weir_tls;

typedef enum weir_tls_version { WEIR_TLS_1_2, WEIR_TLS_1_3 } weir_tls_version;

/* PEM files: a certificate with those that vouch for it behind it, and its private key. */
struct weir_tls_pair {
    const char *cert_file, *key_file;
};

/* Told when the files were read again: error is NULL when what is in them is used from now on, else
 * what is wrong with them, and the former ones stay in use; it is tried again, and the same error
 * told once. On the thread that read them, a loop's or that of weir_tls_reload; must not block. */
typedef void weir_tls_observer(void *self, const char *error);

/* Zero is the default of every field. */
struct weir_tls_server_options {
    /* At least one. A client that names the server (SNI) is shown the first whose certificate has
     * that name, every other the first. */
    const struct weir_tls_pair *pairs;
    size_t pair_count;
    /* PEM file: a client must show a certificate that one of these vouches for (mutual TLS); NULL:
     * none is asked for. */
    const char *client_ca_file;
    bool client_cert_optional;    /* a client may also show none */
    weir_tls_version min_version; /* TLS 1.2 */
    int64_t check_interval; /* the files are looked at this often, when clients connect; 1 s */
    weir_tls_observer *reloaded;
    void *reloaded_self; /* borrowed */
};

struct weir_tls_client_options {
    const char *ca_file;          /* PEM file: whom to believe; the system's authorities */
    struct weir_tls_pair pair;    /* what to show a server that asks; nothing */
    const char *server_name;      /* what the server must be called; the target's host */
    weir_tls_version min_version; /* TLS 1.2 */
    int64_t check_interval;       /* as above, when a channel connects; 1 s */
    weir_tls_observer *reloaded;
    void *reloaded_self; /* borrowed */
};

/* Read the files. Copies the options. INVALID_ARGUMENT: out_error says which file is bad, and why.
 * UNIMPLEMENTED: Weir was built without TLS. RESOURCE_EXHAUSTED: no memory. */
WEIR_API WEIR_CHECK weir_code weir_tls_server_new(const struct weir_tls_server_options *options,
    weir_tls **out_tls, char out_error[WEIR_TLS_ERROR]);
WEIR_API WEIR_CHECK weir_code weir_tls_client_new(const struct weir_tls_client_options *options,
    weir_tls **out_tls, char out_error[WEIR_TLS_ERROR]);

/* Servers and channels that were made with it keep what they need. */
WEIR_API void weir_tls_free(weir_tls *tls);

/* Read the files again, now. New handshakes use what is in them, open connections stay, and tickets
 * from before lose their worth. INVALID_ARGUMENT: weir_tls_error says why, and the former ones stay
 * in use. */
WEIR_API WEIR_CHECK weir_code weir_tls_reload(weir_tls *tls);

/* Why the files could not be read the last time; "" when they could. */
WEIR_API void weir_tls_error(weir_tls *tls, char out_error[WEIR_TLS_ERROR]);

struct weir_tls_counts {
    uint64_t handshakes; /* that succeeded */
    uint64_t resumed;    /* of these, with a ticket */
    uint64_t failed;
    uint64_t reloads; /* that succeeded */
    uint64_t reload_failures;
};

WEIR_API void weir_tls_count(const weir_tls *tls, struct weir_tls_counts *out_counts);

WEIR_END_C
