/* SPDX-License-Identifier: Apache-2.0 */
/* Loads PEM files for handshakes; errors name the bad file and the reason. */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

/* The cipher suites that RFC 9113, section 9.2.2, permits: ephemeral key exchange with AEAD. Those
 * of TLS 1.3 are all allowed. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

/* Lifetime of a ticket; a client's certificate is verified again after that. */
#define TICKET_SECONDS 3600

/* "h2" as encoded in ALPN (RFC 7301, section 3.1). */
static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* ---- errors ---- */

static const char *
reason_text(unsigned long code)
{
    const char *text;

    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
        return "nothing in PEM form that belongs here is in it";
    if ((ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_BAD_PASSWORD_READ) ||
        ERR_GET_REASON(code) == ERR_R_INTERRUPTED_OR_CANCELLED)
        return "the key is encrypted; give one that is not";
    text = ERR_reason_error_string(code);
    return text != NULL ? text : "unknown error";
}

/* The first error of the queue is the cause. */
static bool
fail(char error[WEIR_TLS_ERROR], const char *file)
{
    unsigned long code = ERR_peek_error();

    snprintf(error, WEIR_TLS_ERROR, "%s: %s", file, reason_text(code));
    ERR_clear_error();
    return false;
}

/* ---- a server's choices during a handshake ---- */

/* RFC 9113, section 3.3: HTTP/2 over TLS is negotiated by ALPN. A client that offers only other
 * protocols gets no_application_protocol (RFC 7301, section 3.2). */
static int
choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *offered, unsigned int len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned int i = 0; i < len; i += 1u + offered[i]) {
        if (len - i < sizeof(alpn_h2) || memcmp(offered + i, alpn_h2, sizeof(alpn_h2)) != 0)
            continue;
        *out = offered + i + 1;
        *out_len = offered[i];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A client without ALPN is not an HTTP/2 client either. */
static int
require_alpn(SSL *ssl, int *alert, void *arg)
{
    const unsigned char *data;
    size_t len;

    (void)arg;
    if (SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &len) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL);
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    return SSL_CLIENT_HELLO_ERROR;
}

/* RFC 6066, section 3: a server that does not know the name may continue with another certificate,
 * which the client verifies. */
static int
choose_certificate(SSL *ssl, int *alert, void *arg)
{
    const struct tls_set *set = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    for (size_t i = 0; name != NULL && i < set->count; i++) {
        X509 *cert = SSL_CTX_get0_certificate(set->contexts[i]);

        if (X509_check_host(cert, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1)
            continue;
        SSL_set_SSL_CTX(ssl, set->contexts[i]);
        break;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* ---- loading ---- */

/* Never prompt for a passphrase on a terminal. */
static int
no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

/* OpenSSL keeps a key of another type than the certificate's, for a later certificate. */
static bool
is_mismatch(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_X509 ||
           (ERR_GET_LIB(code) == ERR_LIB_SSL &&
               ERR_GET_REASON(code) == SSL_R_NO_CERTIFICATE_ASSIGNED);
}

static bool
load_pair(SSL_CTX *context, const struct weir_tls_pair *pair, char error[WEIR_TLS_ERROR])
{
    unsigned long code;

    if (SSL_CTX_use_certificate_chain_file(context, pair->cert_file) != 1)
        return fail(error, pair->cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, pair->key_file, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return true;
    code = ERR_peek_error();
    if (!is_mismatch(code))
        return fail(error, pair->key_file);
    ERR_clear_error();
    snprintf(error, WEIR_TLS_ERROR, "%s: the key does not belong to the certificate in %s",
        pair->key_file, pair->cert_file);
    return false;
}

/* Load the trusted CAs. A server also sends their names to clients, so that they can choose a
 * certificate. */
static bool
load_authorities(SSL_CTX *context, const struct tls_files *files, char error[WEIR_TLS_ERROR])
{
    STACK_OF(X509_NAME) * names;

    if (files->ca_file == NULL)
        return files->is_server || SSL_CTX_set_default_verify_paths(context) == 1 ||
               fail(error, "the system's certificate authorities");
    if (SSL_CTX_load_verify_file(context, files->ca_file) != 1)
        return fail(error, files->ca_file);
    if (!files->is_server)
        return true;
    names = SSL_load_client_CA_file(files->ca_file);
    if (names == NULL)
        return fail(error, files->ca_file);
    SSL_CTX_set_client_CA_list(context, names);
    return true;
}

static void
set_server(SSL_CTX *context, const struct tls_files *files)
{
    static const unsigned char id[] = "weir";
    int verify = SSL_VERIFY_NONE;

    if (files->ca_file != NULL)
        verify = SSL_VERIFY_PEER | (files->optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
    SSL_CTX_set_verify(context, verify, NULL);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_client_hello_cb(context, require_alpn, NULL);
    /* Tickets contain the whole session; the server keeps no cache. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
    SSL_CTX_set_timeout(context, TICKET_SECONDS);
    SSL_CTX_set_num_tickets(context, 1);
}

static bool
set_client(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    tls_keep_tickets(context);
    return SSL_CTX_set_alpn_protos(context, alpn_h2, sizeof(alpn_h2)) == 0;
}

static bool
set_up(SSL_CTX *context, const struct tls_files *files)
{
    int least = files->min_version == WEIR_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    /* RFC 9113, section 9.2.1: no compression, no renegotiation. */
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN); /* send only the certificates in the file */
    SSL_CTX_set_read_ahead(context, 1); /* one read for a record's header and payload */
    if (SSL_CTX_set_min_proto_version(context, least) != 1 ||
        SSL_CTX_set_cipher_list(context, CIPHERS) != 1)
        return false;
    if (files->is_server) {
        set_server(context, files);
        return true;
    }
    return set_client(context);
}

/* pair NULL: a client without a certificate. */
static SSL_CTX *
load_context(
    const struct tls_files *files, const struct weir_tls_pair *pair, char error[WEIR_TLS_ERROR])
{
    SSL_CTX *context = SSL_CTX_new(files->is_server ? TLS_server_method() : TLS_client_method());
    bool good = context != NULL && set_up(context, files);

    if (!good)
        fail(error, "OpenSSL");
    good = good && (pair == NULL || load_pair(context, pair, error)) &&
           load_authorities(context, files, error);
    if (good)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

struct tls_set *
tls_set_load(const struct tls_files *files, char out_error[WEIR_TLS_ERROR])
{
    size_t count = files->pair_count > 0 ? files->pair_count : 1;
    struct tls_set *set = calloc(1, sizeof(*set));

    if (set == NULL || (set->contexts = calloc(count, sizeof(SSL_CTX *))) == NULL) {
        free(set);
        snprintf(out_error, WEIR_TLS_ERROR, "no memory");
        return NULL;
    }
    atomic_init(&set->holders, 1);
    pthread_mutex_init(&set->lock, NULL);
    ERR_clear_error();
    for (; set->count < count; set->count++) {
        const struct weir_tls_pair *pair = files->pair_count > 0 ? &files->pairs[set->count] : NULL;

        set->contexts[set->count] = load_context(files, pair, out_error);
        if (set->contexts[set->count] == NULL) {
            tls_set_unref(set);
            return NULL;
        }
    }
    if (files->is_server) {
        SSL_CTX_set_tlsext_servername_callback(set->contexts[0], choose_certificate);
        SSL_CTX_set_tlsext_servername_arg(set->contexts[0], set);
    }
    return set;
}

struct tls_set *
tls_set_ref(struct tls_set *set)
{
    atomic_fetch_add(&set->holders, 1);
    return set;
}

void
tls_set_unref(struct tls_set *set)
{
    if (set == NULL || atomic_fetch_sub(&set->holders, 1) != 1)
        return;
    for (size_t i = 0; i < set->ticket_count; i++) {
        free(set->tickets[i].host);
        SSL_SESSION_free(set->tickets[i].session);
    }
    for (size_t i = 0; i < set->count; i++)
        SSL_CTX_free(set->contexts[i]);
    free(set->contexts);
    pthread_mutex_destroy(&set->lock);
    free(set);
}
