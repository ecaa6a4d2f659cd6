/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the store:  keyvalue TARGET get KEY | put KEY VALUE | watch PREFIX
 * KEYVALUE_CA in the environment: speak TLS, and believe the authorities in this file. */
#include "keyvalue.weir.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/channel.h>

/* An interceptor around every call of the channel: metadata and a deadline are set in one place. */
static weir_code
introduce(void *self, weir_call *call, weir_next *next)
{
    (void)self;
    WEIR_TRY(weir_call_add_header(call, "x-client", weir_str_of("keyvalue")));
    if (weir_call_kind(call) == WEIR_UNARY)
        weir_call_set_timeout(call, 5 * WEIR_SECOND);
    return weir_proceed(next, call);
}

static weir_code
get(weir_call *call, char **words)
{
    Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
    const Keyvalue__Entry *entry; /* lives as long as the call */

    request.key = words[0];
    WEIR_TRY(keyvalue_KeyValue_Get(call, &request, &entry));
    puts(entry->value);
    return WEIR_OK;
}

static weir_code
put(weir_call *call, char **words)
{
    Keyvalue__PutRequest request = KEYVALUE__PUT_REQUEST__INIT;
    const Keyvalue__PutResponse *response;

    request.key = words[0];
    request.value = words[1];
    return keyvalue_KeyValue_Put(call, &request, &response);
}

static weir_code
watch(weir_call *call, char **words)
{
    Keyvalue__WatchRequest request = KEYVALUE__WATCH_REQUEST__INIT;
    struct keyvalue_KeyValue_Watch_client stream;
    const Keyvalue__Entry *entry; /* lives until the next receive */

    request.prefix = words[0];
    WEIR_TRY(keyvalue_KeyValue_Watch(call, &request, &stream));
    while (keyvalue_KeyValue_Watch_client_recv(stream, &entry)) {
        printf("%s = %s\n", entry->key, entry->value);
        fflush(stdout);
    }
    return keyvalue_KeyValue_Watch_client_finish(stream);
}

struct command {
    const char *name;
    int words;
    weir_code (*run)(weir_call *call, char **words);
};

static const struct command commands[] = {{"get", 1, get}, {"put", 2, put}, {"watch", 1, watch}};

static weir_code
run(weir_channel *channel, const struct command *command, char **words)
{
    weir_call *call = weir_call_new(channel, NULL);
    weir_code code;

    if (call == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = command->run(call, words);
    if (code != WEIR_OK)
        fprintf(stderr, "keyvalue: %s: %s\n", weir_code_name(code), weir_call_message(call));
    weir_call_free(call);
    return code;
}

static weir_code
run_on(weir_loop *loop, const char *target, const struct command *command, char **words)
{
    const struct weir_tls_client_options trust = {.ca_file = getenv("KEYVALUE_CA")};
    struct weir_error refusal;
    struct weir_channel_options options = {.user_agent = "keyvalue", .out_error = &refusal};
    char error[WEIR_TLS_ERROR];
    weir_channel *channel = NULL;
    weir_code code = WEIR_OK;

    if (trust.ca_file != NULL)
        code = weir_tls_client_new(&trust, &options.tls, error);
    if (code != WEIR_OK)
        fprintf(stderr, "keyvalue: %s\n", error);
    else if ((code = weir_channel_new(loop, target, &options, &channel)) != WEIR_OK)
        fprintf(stderr, "keyvalue: %s\n", refusal.text);
    else if ((code = weir_channel_wrap(channel, introduce, NULL)) == WEIR_OK)
        code = run(channel, command, words);
    weir_channel_free(channel);
    weir_tls_free(options.tls);
    return code;
}

int
main(int argc, char **argv)
{
    weir_loop *loop;
    weir_code code;

    for (size_t i = 0; argc > 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[2], commands[i].name) != 0 || argc != 3 + commands[i].words)
            continue;
        if (weir_loop_new(&loop) != WEIR_OK)
            return 1;
        code = run_on(loop, argv[1], &commands[i], argv + 3);
        weir_loop_free(loop);
        return code == WEIR_OK ? 0 : 1;
    }
    fprintf(stderr, "usage: keyvalue TARGET get KEY | put KEY VALUE | watch PREFIX\n");
    return 2;
}
