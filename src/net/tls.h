/* SPDX-License-Identifier: Apache-2.0 */
/* Internals shared by the tls_ files: loaded files, and what sessions share. */
/* Threads: any. */
#pragma once

#include "net/tls_session.h"
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/tls.h>

/* weir_tls has the options, and points to the current set, which a reload replaces. A set is the
 * result of loading the files once: an SSL_CTX for each certificate, and a client's tickets. A
 * session references the set it was created with. */

/* ---- loaded files ---- */

struct tls_files {
    struct weir_tls_pair *pairs;
    size_t pair_count;
    char *ca_file; /* NULL: client: the system's; server: none */
    bool is_server;
    bool optional; /* server: client certificates are optional */
    weir_tls_version min_version;
};

#define TLS_TICKETS_MAX 64

/* A session that a client may resume. */
struct tls_ticket {
    char *host; /* the server name that was verified */
    SSL_SESSION *session;
};

struct tls_set {
    atomic_uint holders;
    SSL_CTX **contexts; /* the first one is used when the client's SNI matches none */
    size_t count;
    pthread_mutex_t lock; /* guards the tickets */
    struct tls_ticket tickets[TLS_TICKETS_MAX];
    size_t ticket_count;
};

/* NULL: out_error names the bad file and the reason. */
struct tls_set *tls_set_load(const struct tls_files *files, char out_error[WEIR_TLS_ERROR]);
struct tls_set *tls_set_ref(struct tls_set *set);
void tls_set_unref(struct tls_set *set);

/* Keep a ticket for the next connection to the host; adopts session. Replaces the oldest if full.
 */
void tls_ticket_put(struct tls_set *set, const char *host, SSL_SESSION *session);

/* Remove and return a host's newest ticket: each is used once (RFC 8446, appendix C.4). NULL: none.
 */
SSL_SESSION *tls_ticket_take(struct tls_set *set, const char *host);

/* A reference to the set for a new handshake; reloads the files if a check is due. */
struct tls_set *tls_current_set(weir_tls *tls);

/* The BIO method of sessions; one for each weir_tls. */
const BIO_METHOD *tls_bio_method(const weir_tls *tls);

/* Called at the end of each handshake. */
void tls_count_handshake(weir_tls *tls, bool succeeded, bool resumed);

/* ---- what sessions share ---- */

BIO_METHOD *tls_bio_method_new(void);

/* Make the sessions of a client's context keep the tickets they receive. */
void tls_keep_tickets(SSL_CTX *context);

/* Extract the names of a certificate into the arena. False: no memory. */
bool tls_identify(X509 *cert, struct arena *arena, struct weir_peer_identity *out_identity);
