/* SPDX-License-Identifier: Apache-2.0 */
/* What the files with tls_ in their names share: what was loaded, and what sessions share. */
/* Threads: any. */
#pragma once

#include "net/tls_session.h"
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/tls.h>

/* weir_tls has the options, and points to the newest set, which a reload replaces. A set is what
 * one load of the files gave: an SSL_CTX for each certificate, a client's tickets. Sessions hold
 * the set that they began with. */

/* ---- what was loaded ---- */

struct tls_files {
    struct weir_tls_pair *pairs;
    size_t pair_count;
    char *ca_file; /* NULL: client, the system's; server, none */
    bool is_server;
    bool optional; /* server: a client may show no certificate */
    weir_tls_version min_version;
};

#define TLS_TICKETS_MAX 64

/* A session that a server allows to resume. */
struct tls_ticket {
    char *host; /* whom it was verified as */
    SSL_SESSION *session;
};

struct tls_set {
    atomic_uint holders;
    SSL_CTX **contexts; /* the first is for who names none of the others */
    size_t count;
    pthread_mutex_t lock; /* of the tickets */
    struct tls_ticket tickets[TLS_TICKETS_MAX];
    size_t ticket_count;
};

/* NULL: out_error says which file is bad and why. */
struct tls_set *tls_set_load(const struct tls_files *files, char out_error[WEIR_TLS_ERROR]);
struct tls_set *tls_set_ref(struct tls_set *set);
void tls_set_unref(struct tls_set *set);

/* Keep a ticket for the next connection to the host; owns session. The oldest gives way. */
void tls_ticket_put(struct tls_set *set, const char *host, SSL_SESSION *session);

/* Take a host's newest ticket out: each is used once (RFC 8446, appendix C.4). NULL: none. */
SSL_SESSION *tls_ticket_take(struct tls_set *set, const char *host);

/* The set for a handshake that begins now, with a reference; looks at the files when it is time. */
struct tls_set *tls_current_set(weir_tls *tls);

/* The BIO of sessions; made once for each weir_tls, since a method is an object of its own. */
const BIO_METHOD *tls_bio_method(const weir_tls *tls);

/* Told at the end of each handshake. */
void tls_count_handshake(weir_tls *tls, bool succeeded, bool resumed);

/* ---- what sessions share ---- */

BIO_METHOD *tls_bio_method_new(void);

/* Have the sessions of a client's context keep the tickets that come. */
void tls_keep_tickets(SSL_CTX *context);

/* The names in a certificate, in the arena. False: no memory. */
bool tls_identify(X509 *cert, struct arena *arena, struct weir_peer_identity *out_identity);
