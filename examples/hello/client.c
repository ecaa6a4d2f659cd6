/* SPDX-License-Identifier: Apache-2.0 */
/* A client that asks for a greeting:  hello-client NAME [TARGET] */
#include "hello.weir.h"

#include <stdio.h>
#include <weir/channel.h>

/* One call: make it, use the reply while it lives, free it. */
static weir_code
greet(weir_channel *channel, char *name)
{
    Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
    weir_call *call = weir_call_new(channel, NULL);
    const Hello__HelloReply *reply; /* lives as long as the call */
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    weir_call_set_timeout(call, 5 * WEIR_SECOND);
    request.name = name;
    code = hello_Greeter_SayHello(call, &request, &reply);
    if (code == WEIR_OK)
        puts(reply->text);
    else
        fprintf(stderr, "hello-client: %s: %s\n", weir_code_name(code), weir_call_message(call));
    weir_call_free(call);
    return code;
}

int
main(int argc, char **argv)
{
    const char *target = argc > 2 ? argv[2] : "127.0.0.1:50051";
    struct weir_error error = {"no loop"};
    const struct weir_channel_options options = {.out_error = &error};
    weir_loop *loop = NULL;
    weir_channel *channel = NULL;
    weir_code code;

    if (argc < 2) {
        fprintf(stderr, "usage: hello-client NAME [TARGET]\n");
        return 2;
    }
    code = weir_loop_new(&loop);
    if (code == WEIR_OK)
        code = weir_channel_new(loop, target, &options, &channel);
    if (code == WEIR_OK)
        code = greet(channel, argv[1]);
    else
        fprintf(stderr, "hello-client: %s\n", error.text);
    weir_channel_free(channel);
    weir_loop_free(loop);
    return code == WEIR_OK ? 0 : 1;
}
