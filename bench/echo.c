/* SPDX-License-Identifier: Apache-2.0 */
/* The echo service as its user would write it: what the benchmarks measure. */
/* Threads: one a loop, started by the server. */
#include "echo.weir.h"
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static weir_server *server; /* for the signal handler, which has no other way to it */

static void
on_signal(int number)
{
    (void)number;
    weir_server_drain(server, WEIR_SECOND);
}

/* The answer may borrow from the request: both live until the call is over. */
static weir_code
echo_unary(
    void *self, weir_call *call, const Echo__EchoMessage *request, Echo__EchoMessage *out_response)
{
    (void)self;
    (void)call;
    out_response->text = request->text;
    return WEIR_OK;
}

static const struct echo_Echo_handlers handlers = {.Unary = echo_unary};

/* Every server has interceptors, so the chain is part of what is measured. */
static weir_code
pass_on(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    return weir_proceed(next, call);
}

struct settings {
    const char *address;
    unsigned loops;
    struct weir_tls_pair pair; /* of NULLs: no TLS */
};

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
serve(const struct settings *settings, weir_tls *tls)
{
    const struct weir_server_options options = {.loops = settings->loops, .tls = tls};
    struct sigaction action = {.sa_handler = on_signal};

    WEIR_TRY(weir_server_new(&options, &server));
    WEIR_TRY(echo_Echo_add(server, &handlers, NULL));
    WEIR_TRY(weir_server_wrap(server, pass_on, NULL));
    WEIR_TRY(weir_server_listen(server, settings->address));
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    return weir_server_run(server);
}

static bool
parse_loops(const char *text, unsigned *out_loops)
{
    char *end;
    long loops;

    errno = 0;
    loops = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || loops < 1 || loops > 256)
        return false;
    *out_loops = (unsigned)loops;
    return true;
}

static bool
parse_options(int argc, char **argv, struct settings *settings)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
        {"loops", required_argument, NULL, 'n'}, {"tls-cert", required_argument, NULL, 'c'},
        {"tls-key", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'l')
            settings->address = optarg;
        else if (letter == 'c')
            settings->pair.cert_file = optarg;
        else if (letter == 'k')
            settings->pair.key_file = optarg;
        else if (letter != 'n' || !parse_loops(optarg, &settings->loops))
            return false;
    }
    return optind == argc && settings->address != NULL;
}

int
main(int argc, char **argv)
{
    struct settings settings = {.loops = 1};
    weir_tls *tls = NULL;
    weir_code code;

    if (!parse_options(argc, argv, &settings)) {
        fprintf(stderr,
            "usage: bench-echo --listen ADDR [--loops N] [--tls-cert FILE --tls-key FILE]\n");
        return 2;
    }
    code = open_tls(&settings.pair, &tls);
    if (code == WEIR_OK)
        code = serve(&settings, tls);
    if (code != WEIR_OK && code != WEIR_CANCELLED)
        fprintf(stderr, "bench-echo: %s\n",
            server == NULL ? weir_code_name(code) : weir_server_error(server));
    weir_server_free(server);
    weir_tls_free(tls);
    return code == WEIR_OK || code == WEIR_CANCELLED ? 0 : 1;
}
