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

static weir_code
serve(const char *address, unsigned loops)
{
    const struct weir_server_options options = {.loops = loops};
    struct sigaction action = {.sa_handler = on_signal};

    WEIR_TRY(weir_server_new(&options, &server));
    WEIR_TRY(echo_Echo_add(server, &handlers, NULL));
    WEIR_TRY(weir_server_wrap(server, pass_on, NULL));
    WEIR_TRY(weir_server_listen(server, address));
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
parse_options(int argc, char **argv, const char **out_address, unsigned *out_loops)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
        {"loops", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (letter == 'l')
            *out_address = optarg;
        else if (letter != 'n' || !parse_loops(optarg, out_loops))
            return false;
    }
    return optind == argc && *out_address != NULL;
}

int
main(int argc, char **argv)
{
    const char *address = NULL;
    unsigned loops = 1;
    weir_code code;

    if (!parse_options(argc, argv, &address, &loops)) {
        fprintf(stderr, "usage: bench-echo --listen ADDR [--loops N]\n");
        return 2;
    }
    code = serve(address, loops);
    if (code != WEIR_OK && code != WEIR_CANCELLED)
        fprintf(stderr, "bench-echo: %s\n",
            server == NULL ? weir_code_name(code) : weir_server_error(server));
    weir_server_free(server);
    return code == WEIR_OK || code == WEIR_CANCELLED ? 0 : 1;
}
