/* SPDX-License-Identifier: Apache-2.0 */
/* Two connections that speak TLS to each other on one loop. */
/* Threads: none. */
#pragma once

#include "certs.h"
#include "support.h"

/* One end: what happened to it. */
struct end {
    struct net_conn *conn;
    uint8_t *bytes; /* all that came */
    size_t len, size;
    size_t keep_to; /* keep this many bytes until there are as many; 0: take all */
    unsigned writables, closes;
    int error;
    char why[256];
};

static inline void
end_read(void *arg, const uint8_t *data, size_t len, size_t *out_keep)
{
    struct end *end = arg;

    if (len < end->keep_to) {
        *out_keep = len;
        return;
    }
    if (end->len + len > end->size) {
        end->size = 2 * (end->len + len);
        end->bytes = realloc(end->bytes, end->size);
        assert_non_null(end->bytes);
    }
    memcpy(end->bytes + end->len, data, len);
    end->len += len;
}

static inline void
end_writable(void *arg)
{
    struct end *end = arg;

    end->writables++;
}

static inline void
end_closed(void *arg, int errno_code)
{
    struct end *end = arg;

    end->closes++;
    end->error = errno_code;
    snprintf(end->why, sizeof(end->why), "%s", net_conn_why(end->conn, errno_code));
    net_conn_close(end->conn);
    end->conn = NULL;
}

static const struct net_conn_events end_events = {end_read, end_writable, end_closed};

static inline void
end_open(struct end *end, weir_loop *loop, int fd, weir_tls *tls, const char *host)
{
    assert_int_equal(net_conn_adopt(loop, fd, &end->conn), WEIR_OK);
    if (tls != NULL)
        assert_int_equal(net_conn_start_tls(end->conn, tls, host), WEIR_OK);
    net_conn_open(end->conn, &end_events, end);
}

static inline void
end_free(struct end *end)
{
    net_conn_close(end->conn);
    free(end->bytes);
}

static inline void
end_write(struct end *end, const char *text)
{
    struct net_span span = {text, strlen(text)};

    assert_int_equal(net_conn_write(end->conn, &span, 1), span.len);
}

static inline weir_tls *
new_server_tls(const struct authority *authority, const char *name, bool mutual)
{
    char cert[64], key[64], error[WEIR_TLS_ERROR];
    struct weir_tls_pair pair;
    weir_tls *tls = NULL;

    snprintf(cert, sizeof(cert), "%s.pem", name);
    snprintf(key, sizeof(key), "%s.key", name);
    pair = (struct weir_tls_pair){authority_path(authority, cert), authority_path(authority, key)};
    assert_int_equal(weir_tls_server_new(
                         &(struct weir_tls_server_options){.pairs = &pair,
                             .pair_count = 1,
                             .check_interval = 1,
                             .client_ca_file = mutual ? authority_path(authority, "ca.pem") : NULL},
                         &tls, error),
        WEIR_OK);
    return tls;
}

/* name: of the client's certificate, NULL: it shows none. */
static inline weir_tls *
new_client_tls(const struct authority *authority, const char *name)
{
    struct weir_tls_client_options options = {
        .ca_file = authority_path(authority, "ca.pem"), .check_interval = 1};
    char cert[64], key[64], error[WEIR_TLS_ERROR];
    weir_tls *tls = NULL;

    if (name != NULL) {
        snprintf(cert, sizeof(cert), "%s.pem", name);
        snprintf(key, sizeof(key), "%s.key", name);
        options.pair =
            (struct weir_tls_pair){authority_path(authority, cert), authority_path(authority, key)};
    }
    assert_int_equal(weir_tls_client_new(&options, &tls, error), WEIR_OK);
    return tls;
}
