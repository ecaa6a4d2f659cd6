/* SPDX-License-Identifier: Apache-2.0 */
/* A server that says hello:  hello-server [ADDRESS] */
#include "hello.weir.h"

#include <signal.h>
#include <stdio.h>

/* A handler is straight-line code. Its response is sent when it has returned WEIR_OK. */
static weir_code
say_hello(
    void *self, weir_call *call, const Hello__HelloRequest *request, Hello__HelloReply *out_reply)
{
    (void)self; /* what hello_Greeter_add was given: your database, say */

    if (request->name[0] == '\0')
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "tell me your name");
    out_reply->text = weir_call_printf(call, "Hello, %s!", request->name);
    return out_reply->text == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static const struct hello_Greeter_handlers handlers = {
    .SayHello = say_hello,
};

static weir_server *server; /* for the signal handler */

static void
stop(int signal)
{
    (void)signal;
    /* Calls that run may finish. This function is made for signal handlers, which no linter knows.
     * NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
    weir_server_drain(server, 5 * WEIR_SECOND);
}

static weir_code
serve(const char *address)
{
    WEIR_TRY(hello_Greeter_add(server, &handlers, NULL));
    WEIR_TRY(weir_server_listen(server, address));
    printf("listening on %s\n", weir_server_address(server, 0));
    fflush(stdout);
    return weir_server_run(server); /* until stop() */
}

int
main(int argc, char **argv)
{
    weir_code code = weir_server_new(NULL, &server);

    if (code == WEIR_OK) {
        signal(SIGINT, stop);
        signal(SIGTERM, stop);
        code = serve(argc > 1 ? argv[1] : "127.0.0.1:50051");
    }
    if (code != WEIR_OK)
        fprintf(stderr, "hello-server: %s\n",
            server == NULL ? weir_code_name(code) : weir_server_error(server));
    weir_server_free(server);
    return code == WEIR_OK ? 0 : 1;
}
