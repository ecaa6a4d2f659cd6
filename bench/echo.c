/* SPDX-License-Identifier: Apache-2.0 */
/* The echo service as an application would write it: the subject of the benchmarks. */
/* Threads: one per loop, started by the server. */
#include "echo.weir.h"
#include "interceptors.h"
#include "work.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static weir_server *server; /* for the signal handler, which has no parameter for it */

/* Of --socket. */
#define SOCKETS_MAX 8

struct settings {
    const char *address;
    unsigned sockets[SOCKETS_MAX];            /* inherited listening sockets, one for each loop */
    size_t socket_count;                      /* 0: none */
    struct interceptors_options interceptors; /* in addition to the pass-through one */
    unsigned loops;
    unsigned work_ms, workers;
    struct weir_tls_pair pair; /* NULLs: no TLS */
};

/* What the server needs, in addition to the settings. */
struct parts {
    weir_tls *tls; /* NULL: none */
    struct work work;
    struct interceptors *interceptors;
};

static void
on_signal(int number)
{
    (void)number;
    weir_server_drain(server, WEIR_SECOND);
}

/* The response may borrow from the request: both live until the call ends. */
static weir_code
echo_unary(
    void *self, weir_call *call, const Echo__EchoMessage *request, Echo__EchoMessage *out_response)
{
    out_response->text = request->text;
    return work_do(self, call);
}

static weir_code
echo_server_stream(
    void *self, const Echo__EchoOften *request, struct echo_Echo_ServerStream_server peer)
{
    Echo__EchoMessage message = ECHO__ECHO_MESSAGE__INIT;

    (void)self;
    message.text = request->text;
    for (int32_t i = 0; i < request->times; i++)
        WEIR_TRY(echo_Echo_ServerStream_send(peer, &message));
    return WEIR_OK;
}

static weir_code
echo_both_ways(void *self, struct echo_Echo_BothWays_server peer)
{
    const Echo__EchoMessage *message;

    (void)self;
    while (echo_Echo_BothWays_recv(peer, &message))
        WEIR_TRY(echo_Echo_BothWays_send(peer, message));
    return weir_call_code(peer.call);
}

static const struct echo_Echo_handlers handlers = {
    .Unary = echo_unary, .ServerStream = echo_server_stream, .BothWays = echo_both_ways};

/* A pass-through interceptor: real servers have some, so the chain is part of the measurement. */
static weir_code
pass_on(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_proceed(next, call);
}

/* *out_tls stays NULL without a pair. */
static weir_code
open_tls(const struct weir_tls_pair *pair, weir_tls **out_tls)
{
    const struct weir_tls_server_options options = {.pairs = pair, .pair_count = 1};
    char error[WEIR_TLS_ERROR];
    weir_code code;

    if (pair->cert_file == NULL && pair->key_file == NULL)
        return WEIR_OK;
    code = weir_tls_server_new(&options, out_tls, error);
    if (code != WEIR_OK)
        fprintf(stderr, "bench-echo: %s\n", error);
    return code;
}

static weir_code
listen_on(const struct settings *settings)
{
    for (size_t i = 0; i < settings->socket_count; i++)
        WEIR_TRY(weir_server_inherit(server, (int)settings->sockets[i]));
    return weir_server_listen(server, settings->address);
}

static weir_code
serve(const struct settings *settings, struct parts *parts)
{
    struct weir_server_options options = {.loops = settings->loops};
    struct sigaction action = {.sa_handler = on_signal};

    WEIR_TRY(open_tls(&settings->pair, &parts->tls));
    options.tls = parts->tls;
    WEIR_TRY(weir_server_new(&options, &server));
    WEIR_TRY(work_init(&parts->work, settings->work_ms * WEIR_MILLISECOND, settings->workers));
    WEIR_TRY(echo_Echo_add(server, &handlers, &parts->work));
    WEIR_TRY(weir_server_wrap(server, pass_on, NULL));
    WEIR_TRY(interceptors_new(server, &settings->interceptors, &parts->interceptors));
    WEIR_TRY(listen_on(settings));
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    return weir_server_run(server);
}

static bool
parse_count(const char *text, unsigned *out_count)
{
    char *end;
    long count;

    errno = 0;
    count = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || count < 1 || count > 256)
        return false;
    *out_count = (unsigned)count;
    return true;
}

static bool
parse_number(int letter, struct settings *settings)
{
    unsigned *field = letter == 'n'   ? &settings->loops
                      : letter == 'w' ? &settings->work_ms
                      : letter == 't' ? &settings->workers
                                      : NULL;

    return field != NULL && parse_count(optarg, field);
}

static bool
parse_socket(struct settings *settings)
{
    return settings->socket_count < SOCKETS_MAX &&
           parse_count(optarg, &settings->sockets[settings->socket_count++]);
}

static bool
parse_options(int argc, char **argv, struct settings *settings)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
        {"socket", required_argument, NULL, 's'}, {"loops", required_argument, NULL, 'n'},
        {"interceptors", required_argument, NULL, 'i'}, {"otlp", required_argument, NULL, 'o'},
        {"token-file", required_argument, NULL, 'f'}, {"work-ms", required_argument, NULL, 'w'},
        {"workers", required_argument, NULL, 't'}, {"tls-cert", required_argument, NULL, 'c'},
        {"tls-key", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'l')
            settings->address = optarg;
        else if (letter == 'i')
            settings->interceptors.names = optarg;
        else if (letter == 'o')
            settings->interceptors.collector = optarg;
        else if (letter == 'f')
            settings->interceptors.token_file = optarg;
        else if (letter == 'c')
            settings->pair.cert_file = optarg;
        else if (letter == 'k')
            settings->pair.key_file = optarg;
        else if (letter == 's' ? !parse_socket(settings) : !parse_number(letter, settings))
            return false;
    }
    return optind == argc && settings->address != NULL;
}

static int
run(const struct settings *settings)
{
    struct parts parts = {NULL};
    weir_code code = serve(settings, &parts);

    if (code != WEIR_OK && code != WEIR_CANCELLED)
        fprintf(stderr, "bench-echo: %s: %s\n", weir_code_name(code),
            server == NULL ? "" : weir_server_error(server));
    weir_server_free(server);
    interceptors_free(parts.interceptors);
    work_fini(&parts.work);
    weir_tls_free(parts.tls);
    return code == WEIR_OK || code == WEIR_CANCELLED ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct settings settings = {.interceptors = {.names = ""}, .loops = 1};

    if (!parse_options(argc, argv, &settings)) {
        fprintf(stderr, "usage: bench-echo --listen ADDR [--socket FD]... [--loops N] [--tls-cert "
                        "FILE --tls-key FILE]\n"
                        "       [--interceptors NAME,...] [--otlp ADDR] [--token-file FILE]\n"
                        "       [--work-ms N] [--workers N]\n"
                        "names: " INTERCEPTOR_NAMES "\n");
        return 2;
    }
    return run(&settings);
}
