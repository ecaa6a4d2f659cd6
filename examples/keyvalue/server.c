/* SPDX-License-Identifier: Apache-2.0 */
/* Serves the store:  keyvalue-server ADDRESS [CERT_FILE KEY_FILE] */
#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <weir/server.h>

static weir_server *server; /* for the signal handler */

static void
stop(int signal)
{
    (void)signal;
    /* A client that takes nothing would hold it up for ever: so the grace ends some time.
     * NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
    weir_server_drain(server, 2 * WEIR_SECOND);
}

/* The server keeps what it needs of it. */
static weir_code
open_tls(char **files, weir_tls **out_tls)
{
    const struct weir_tls_pair pair = {.cert_file = files[0], .key_file = files[1]};
    const struct weir_tls_server_options options = {.pairs = &pair, .pair_count = 1};
    char error[WEIR_TLS_ERROR];
    weir_code code = weir_tls_server_new(&options, out_tls, error);

    if (code != WEIR_OK)
        fprintf(stderr, "keyvalue-server: %s\n", error);
    return code;
}

static weir_code
serve(const char *address, struct store *store)
{
    WEIR_TRY(weir_server_wrap(server, service_ask_who, NULL));
    WEIR_TRY(keyvalue_KeyValue_add(server, &service_handlers, store));
    WEIR_TRY(weir_server_listen(server, address));
    printf("listening on %s\n", weir_server_address(server, 0));
    fflush(stdout);
    return weir_server_run(server);
}

static weir_code
run(const char *address, struct store *store, weir_tls *tls)
{
    struct weir_error error;
    const struct weir_server_options options = {.loops = 2, .tls = tls, .out_error = &error};
    weir_code code = weir_server_new(&options, &server);

    if (code == WEIR_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        code = serve(address, store);
    }
    /* CANCELLED: the grace was over, and calls were cut. */
    if (code != WEIR_OK && code != WEIR_CANCELLED)
        fprintf(stderr, "keyvalue-server: %s\n",
            server == NULL ? error.text : weir_server_error(server));
    weir_server_free(server);
    return code == WEIR_CANCELLED ? WEIR_OK : code;
}

int
main(int argc, char **argv)
{
    struct store *store;
    weir_tls *tls = NULL;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: keyvalue-server ADDRESS [CERT_FILE KEY_FILE]\n");
        return 2;
    }
    if (argc == 4 && open_tls(argv + 2, &tls) != WEIR_OK)
        return 1;
    store = store_new();
    if (store != NULL)
        code = run(argv[1], store, tls);
    store_free(store);
    weir_tls_free(tls);
    return code == WEIR_OK ? 0 : 1;
}
