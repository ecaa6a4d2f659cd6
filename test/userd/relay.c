/* SPDX-License-Identifier: Apache-2.0 */
/* A user service in front of another one, whose GetUser it asks: for traces that go through more
 * than one server.  relay LISTEN TARGET COLLECTOR */
#include "user.weir.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <weir/tracing.h>
#include <weir/weir.h>

static weir_server *server; /* for the signal handler */

struct relay {
    weir_loop *loop; /* of the channel */
    weir_channel *channel;
    weir_tracer *tracer;
    pthread_t exporting, calling;
};

static void
on_signal(int number)
{
    (void)number;
    weir_server_drain(server, 10 * WEIR_SECOND);
}

/* The message of the onward call is kept until the relay's own answer is sent. */
static weir_code
get_user(void *self, weir_call *call, const User__GetUserRequest *request,
    User__GetUserResponse *out_response)
{
    struct relay *relay = self;
    weir_call *onward = weir_call_new(relay->channel, call);
    const User__GetUserResponse *response = NULL;
    weir_code code;

    if (onward == NULL)
        return weir_fail(call, WEIR_RESOURCE_EXHAUSTED, "no memory");
    code = user_UserService_GetUser(onward, request, &response);
    if (code == WEIR_OK)
        out_response->found = response->found;
    else
        (void)weir_fail(call, code, "onward: %s", weir_call_message(onward));
    weir_call_free(onward);
    return code;
}

static const struct user_UserService_handlers handlers = {.GetUser = get_user};

static void *export(void *tracer)
{
    weir_tracer_run(tracer);
    return NULL;
}

static void *
turn(void *loop)
{
    weir_loop_run(loop);
    return NULL;
}

static weir_code
set_up(struct relay *relay, char **argv)
{
    const struct weir_tracer_options options = {
        .endpoint = argv[3], .service_name = "relay", .server_address = argv[1]};

    WEIR_TRY(weir_tracer_new(&options, &relay->tracer));
    WEIR_TRY(weir_loop_new(&relay->loop));
    WEIR_TRY(weir_channel_new(relay->loop, argv[2], NULL, &relay->channel));
    WEIR_TRY(weir_channel_wrap(relay->channel, weir_tracer_intercept, relay->tracer));
    WEIR_TRY(weir_server_new(NULL, &server));
    WEIR_TRY(user_UserService_add(server, &handlers, relay));
    WEIR_TRY(weir_server_wrap(server, weir_tracer_intercept, relay->tracer));
    return weir_server_listen(server, argv[1]);
}

static weir_code
serve(struct relay *relay)
{
    struct sigaction action = {.sa_handler = on_signal};
    weir_code code;

    if (pthread_create(&relay->exporting, NULL, export, relay->tracer) != 0 ||
        pthread_create(&relay->calling, NULL, turn, relay->loop) != 0)
        return WEIR_RESOURCE_EXHAUSTED;
    (void)sigaction(SIGTERM, &action, NULL);
    code = weir_server_run(server);
    weir_tracer_stop(relay->tracer, 10 * WEIR_SECOND);
    weir_loop_stop(relay->loop);
    pthread_join(relay->exporting, NULL);
    pthread_join(relay->calling, NULL);
    return code;
}

int
main(int argc, char **argv)
{
    struct relay relay = {NULL};
    weir_code code;

    if (argc != 4) {
        fprintf(stderr, "usage: user-relay LISTEN TARGET COLLECTOR\n");
        return 2;
    }
    code = set_up(&relay, argv);
    if (code == WEIR_OK)
        code = serve(&relay);
    if (code != WEIR_OK)
        fprintf(stderr, "user-relay: %s\n", weir_code_name(code));
    weir_server_free(server);
    weir_channel_free(relay.channel);
    weir_loop_free(relay.loop);
    weir_tracer_free(relay.tracer);
    return code == WEIR_OK ? 0 : 1;
}
