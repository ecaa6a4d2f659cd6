/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a fleet through a balancer of one's own, and tells who was called how often:
 *     custom-balancer CALLS TARGET       e.g.  custom-balancer 100 127.0.0.1:50051,127.0.0.1:50052
 */
#include "fastest.h"
#include "hello.weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/channel.h>

#define SERVERS 16

struct tally {
    char servers[SERVERS][64];
    unsigned calls[SERVERS], count;
};

static void
note(struct tally *tally, const char *server)
{
    unsigned i = 0;

    while (i < tally->count && strcmp(tally->servers[i], server) != 0)
        i++;
    if (i == SERVERS)
        return;
    if (i == tally->count)
        snprintf(tally->servers[tally->count++], sizeof(tally->servers[i]), "%s", server);
    tally->calls[i]++;
}

static weir_code
greet(weir_channel *channel, struct tally *tally)
{
    Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
    weir_call *call = weir_call_new(channel, NULL);
    const Hello__HelloReply *reply;
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    request.name = "fleet";
    weir_call_set_timeout(call, 5 * WEIR_SECOND);
    code = hello_Greeter_SayHello(call, &request, &reply);
    if (code == WEIR_OK)
        note(tally, weir_call_peer(call));
    else
        fprintf(stderr, "custom-balancer: %s: %s\n", weir_code_name(code), weir_call_message(call));
    weir_call_free(call);
    return code;
}

static weir_code
run(weir_loop *loop, weir_catalog *catalog, const char *target, long calls)
{
    struct weir_error error;
    const struct weir_channel_options options = {
        .balancer = "fastest", .catalog = catalog, .out_error = &error};
    struct tally tally = {.count = 0};
    weir_channel *channel;
    weir_code code;

    WEIR_TRY(weir_catalog_add_balancer(catalog, &fastest));
    code = weir_channel_new(loop, target, &options, &channel);
    if (code != WEIR_OK) {
        fprintf(stderr, "custom-balancer: %s\n", error.text);
        return code;
    }
    while (calls > 0 && greet(channel, &tally) == WEIR_OK)
        calls--;
    weir_channel_free(channel);
    for (unsigned i = 0; i < tally.count; i++)
        printf("%s %u\n", tally.servers[i], tally.calls[i]);
    return calls == 0 ? WEIR_OK : WEIR_UNAVAILABLE;
}

int
main(int argc, char **argv)
{
    weir_catalog *catalog = weir_catalog_new();
    weir_loop *loop = NULL;
    weir_code code = WEIR_RESOURCE_EXHAUSTED;

    if (argc != 3) {
        fprintf(stderr, "usage: custom-balancer CALLS TARGET\n");
        weir_catalog_free(catalog);
        return 2;
    }
    if (catalog != NULL && weir_loop_new(&loop) == WEIR_OK)
        code = run(loop, catalog, argv[2], strtol(argv[1], NULL, 10));
    if (code != WEIR_OK)
        fprintf(stderr, "custom-balancer: %s: %s\n", argv[2], weir_code_name(code));
    weir_loop_free(loop);
    weir_catalog_free(catalog);
    return code == WEIR_OK ? 0 : 1;
}
