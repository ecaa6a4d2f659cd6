/* SPDX-License-Identifier: Apache-2.0 */
/* TLS settings: certificates and trusted authorities, shared by any number of servers or channels.
 * TLS 1.2 and later, only cipher suites that RFC 9113, section 9.2 permits, ALPN "h2" required on
 * both sides, session tickets. Files are reloaded when they change. */
/* Threads: safe from any thread. */
#pragma once

#include <weir/status.h>

WEIR_BEGIN_C

/* Size of a buffer for an error message, including the NUL. */
#define WEIR_TLS_ERROR 512

typedef struct weir_tls weir_tls;

typedef enum weir_tls_version { WEIR_TLS_1_2, WEIR_TLS_1_3 } weir_tls_version;

/* PEM files: a certificate followed by its intermediates, and its private key. */
struct weir_tls_pair {
    const char *cert_file, *key_file;
};

/* Called after the files were reloaded. error: NULL if the new contents are in use, else why they
 * were rejected; then the old contents stay in use, reloading is retried, and the same error is not
 * reported again. Runs on the thread that read the files (a loop's, or that of weir_tls_reload);
 * must not block. */
typedef void weir_tls_observer(void *self, const char *error);

/* Zero selects each field's default, which is given last. Times are nanoseconds. */
struct weir_tls_server_options {
    /* At least one. A client that sends SNI gets the first certificate that covers the name; all
     * other clients get the first. */
    const struct weir_tls_pair *pairs;
    size_t pair_count;
    /* PEM file: clients must present a certificate issued by one of these authorities (mutual TLS).
     * Default: no client certificate is requested. */
    const char *client_ca_file;
    bool client_cert_optional;    /* a client may also present none; default no */
    weir_tls_version min_version; /* default TLS 1.2 */
    int64_t check_interval; /* at least this long between checks of the files, which handshakes do;
                               default 1 s */
    weir_tls_observer *reloaded; /* default none */
    void *reloaded_self;         /* borrowed */
};

/* Zero selects each field's default, which is given last. Times are nanoseconds. */
struct weir_tls_client_options {
    const char *ca_file;          /* PEM file: trusted authorities; default the system's */
    struct weir_tls_pair pair;    /* the client certificate; default none */
    const char *server_name;      /* the name the server's certificate must have; default the
                                     target's host */
    weir_tls_version min_version; /* default TLS 1.2 */
    int64_t check_interval;       /* as above; default 1 s */
    weir_tls_observer *reloaded;  /* default none */
    void *reloaded_self;          /* borrowed */
};

/* Create the settings and read the files. Copies the options. INVALID_ARGUMENT: out_error names the
 * bad file and the reason. RESOURCE_EXHAUSTED: no memory. UNIMPLEMENTED: Weir was built without
 * TLS. */
WEIR_API WEIR_CHECK weir_code weir_tls_server_new(const struct weir_tls_server_options *options,
    weir_tls **out_tls, char out_error[WEIR_TLS_ERROR]);
WEIR_API WEIR_CHECK weir_code weir_tls_client_new(const struct weir_tls_client_options *options,
    weir_tls **out_tls, char out_error[WEIR_TLS_ERROR]);

/* Release the settings. Servers and channels made with them keep what they need. */
WEIR_API void weir_tls_free(weir_tls *tls);

/* Reload the files now. New handshakes use the new contents; open connections are not affected;
 * session tickets issued before become invalid. INVALID_ARGUMENT: the files were rejected, see
 * weir_tls_error; the old contents stay in use. */
WEIR_API WEIR_CHECK weir_code weir_tls_reload(weir_tls *tls);

/* Why the last reload failed; "" if it succeeded. */
WEIR_API void weir_tls_error(weir_tls *tls, char out_error[WEIR_TLS_ERROR]);

/* Totals over all servers and channels that use the settings. */
struct weir_tls_counts {
    uint64_t handshakes; /* successful ones */
    uint64_t resumed;    /* of these, resumed with a session ticket */
    uint64_t failed;     /* handshakes */
    uint64_t reloads;    /* successful ones */
    uint64_t reload_failures;
};

WEIR_API void weir_tls_count(const weir_tls *tls, struct weir_tls_counts *out_counts);

WEIR_END_C
