/* SPDX-License-Identifier: Apache-2.0 */
/* The service's tests: a server and a channel in this process, and all between them but a socket.
 */
#include "service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/in_process.h>

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                \
        }                                                                           \
    } while (0)

/* ---- around the tests ---- */

struct stage {
    struct store *store;
    weir_server *server;
    pthread_t thread;
    weir_loop *loop; /* turned by whoever makes a call: this needs no thread */
    weir_channel *channel;
};

static void *
serve(void *arg)
{
    struct stage *stage = arg;

    CHECK(weir_server_run(stage->server) == WEIR_OK);
    return NULL;
}

static void
open_stage(struct stage *stage)
{
    CHECK((stage->store = store_new()) != NULL);
    CHECK(weir_server_new(NULL, &stage->server) == WEIR_OK);
    CHECK(weir_server_wrap(stage->server, service_ask_who, NULL) == WEIR_OK);
    CHECK(keyvalue_KeyValue_add(stage->server, &service_handlers, stage->store) == WEIR_OK);
    CHECK(weir_loop_new(&stage->loop) == WEIR_OK);
    CHECK(
        weir_channel_new_in_process(stage->loop, stage->server, NULL, &stage->channel) == WEIR_OK);
    CHECK(pthread_create(&stage->thread, NULL, serve, stage) == 0);
}

static void
close_stage(struct stage *stage)
{
    weir_channel_free(stage->channel);
    weir_loop_free(stage->loop);
    weir_server_drain(stage->server, 10 * WEIR_SECOND);
    pthread_join(stage->thread, NULL);
    weir_server_free(stage->server);
    store_free(stage->store);
}

static weir_call *
new_call(struct stage *stage)
{
    weir_call *call = weir_call_new(stage->channel, NULL);

    CHECK(call != NULL);
    CHECK(weir_call_add_header(call, "x-client", weir_str_of("test")) == WEIR_OK);
    return call;
}

/* ---- the tests ---- */

static void
put(struct stage *stage, char *key, char *value)
{
    Keyvalue__PutRequest request = KEYVALUE__PUT_REQUEST__INIT;
    const Keyvalue__PutResponse *response;
    weir_call *call = new_call(stage);

    request.key = key;
    request.value = value;
    CHECK(keyvalue_KeyValue_Put(call, &request, &response) == WEIR_OK);
    weir_call_free(call);
}

static void
what_is_put_is_there(struct stage *stage)
{
    Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);

    put(stage, "a", "1");
    put(stage, "a", "2");
    request.key = "a";
    CHECK(keyvalue_KeyValue_Get(call, &request, &entry) == WEIR_OK);
    CHECK(strcmp(entry->value, "2") == 0 && entry->version == 2);
    weir_call_free(call);

    call = new_call(stage);
    request.key = "b";
    CHECK(keyvalue_KeyValue_Get(call, &request, &entry) == WEIR_NOT_FOUND);
    CHECK(strcmp(weir_call_message(call), "there is no key \"b\"") == 0);
    weir_call_free(call);
}

static void
many_are_loaded_and_looked_up(struct stage *stage)
{
    Keyvalue__PutRequest request = KEYVALUE__PUT_REQUEST__INIT;
    Keyvalue__GetRequest wanted = KEYVALUE__GET_REQUEST__INIT;
    struct keyvalue_KeyValue_Load_client load;
    struct keyvalue_KeyValue_Lookup_client lookup;
    const Keyvalue__LoadResponse *response;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);
    char key[16];

    request.key = wanted.key = key;
    CHECK(keyvalue_KeyValue_Load(call, &load) == WEIR_OK);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "many %d", i);
        CHECK(keyvalue_KeyValue_Load_client_send(load, &request) == WEIR_OK);
    }
    CHECK(keyvalue_KeyValue_Load_client_finish(load, &response) == WEIR_OK);
    CHECK(response->count == 100);
    weir_call_free(call);

    call = new_call(stage);
    CHECK(keyvalue_KeyValue_Lookup(call, &lookup) == WEIR_OK);
    for (int i = 90; i < 110; i++) {
        snprintf(key, sizeof(key), "many %d", i);
        CHECK(keyvalue_KeyValue_Lookup_client_send(lookup, &wanted) == WEIR_OK);
        CHECK(keyvalue_KeyValue_Lookup_client_recv(lookup, &entry));
        CHECK(strcmp(entry->key, key) == 0 && (entry->version != 0) == (i < 100));
    }
    CHECK(keyvalue_KeyValue_Lookup_client_finish(lookup) == WEIR_OK);
    weir_call_free(call);
}

static void
changes_are_told(struct stage *stage)
{
    Keyvalue__WatchRequest request = KEYVALUE__WATCH_REQUEST__INIT;
    struct keyvalue_KeyValue_Watch_client stream;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);

    request.prefix = "w/";
    CHECK(keyvalue_KeyValue_Watch(call, &request, &stream) == WEIR_OK);
    CHECK(weir_call_receive_headers(call) == WEIR_OK); /* it watches now */
    put(stage, "other", "0");
    for (int i = 0; i < 3; i++) {
        put(stage, "w/1", i % 2 == 0 ? "even" : "odd");
        CHECK(keyvalue_KeyValue_Watch_client_recv(stream, &entry));
        CHECK(strcmp(entry->key, "w/1") == 0);
        CHECK(strcmp(entry->value, i % 2 == 0 ? "even" : "odd") == 0);
    }
    weir_call_cancel(call);
    CHECK(!keyvalue_KeyValue_Watch_client_recv(stream, &entry));
    CHECK(keyvalue_KeyValue_Watch_client_finish(stream) == WEIR_CANCELLED);
    weir_call_free(call);
}

/* No client but one that means harm sends this; what comes back must be a text all the same. */
static void
what_is_no_text_is_refused(struct stage *stage)
{
    Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
    struct keyvalue_KeyValue_Lookup_client lookup;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);

    request.key = "\xff";
    CHECK(keyvalue_KeyValue_Get(call, &request, &entry) == WEIR_INVALID_ARGUMENT);
    weir_call_free(call);

    call = new_call(stage);
    CHECK(keyvalue_KeyValue_Lookup(call, &lookup) == WEIR_OK);
    CHECK(keyvalue_KeyValue_Lookup_client_send(lookup, &request) == WEIR_OK);
    CHECK(!keyvalue_KeyValue_Lookup_client_recv(lookup, &entry));
    CHECK(keyvalue_KeyValue_Lookup_client_finish(lookup) == WEIR_INVALID_ARGUMENT);
    weir_call_free(call);
}

static void
nobody_gets_nothing(struct stage *stage)
{
    Keyvalue__GetRequest request = KEYVALUE__GET_REQUEST__INIT;
    const Keyvalue__Entry *entry;
    weir_call *call = weir_call_new(stage->channel, NULL);

    CHECK(call != NULL);
    CHECK(keyvalue_KeyValue_Get(call, &request, &entry) == WEIR_UNAUTHENTICATED);
    weir_call_free(call);
}

static void
a_watch_ends_at_its_deadline(struct stage *stage)
{
    Keyvalue__WatchRequest request = KEYVALUE__WATCH_REQUEST__INIT;
    struct keyvalue_KeyValue_Watch_client stream;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);

    request.prefix = "nothing/";
    weir_call_set_timeout(call, 50 * WEIR_MILLISECOND);
    if (keyvalue_KeyValue_Watch(call, &request, &stream) == WEIR_OK)
        CHECK(!keyvalue_KeyValue_Watch_client_recv(stream, &entry));
    CHECK(weir_call_code(call) == WEIR_DEADLINE_EXCEEDED);
    weir_call_free(call);
}

/* The last of all: nobody is served any more. close_stage sees that no call was cut. */
static void
a_watch_ends_when_the_server_drains(struct stage *stage)
{
    Keyvalue__WatchRequest request = KEYVALUE__WATCH_REQUEST__INIT;
    struct keyvalue_KeyValue_Watch_client stream;
    const Keyvalue__Entry *entry;
    weir_call *call = new_call(stage);

    CHECK(keyvalue_KeyValue_Watch(call, &request, &stream) == WEIR_OK);
    CHECK(weir_call_receive_headers(call) == WEIR_OK); /* it watches now */
    weir_server_drain(stage->server, 100 * WEIR_SECOND);
    CHECK(!keyvalue_KeyValue_Watch_client_recv(stream, &entry));
    CHECK(weir_call_code(call) == WEIR_UNAVAILABLE);
    weir_call_free(call);
}

int
main(void)
{
    struct stage stage;

    open_stage(&stage);
    what_is_put_is_there(&stage);
    many_are_loaded_and_looked_up(&stage);
    changes_are_told(&stage);
    what_is_no_text_is_refused(&stage);
    nobody_gets_nothing(&stage);
    a_watch_ends_at_its_deadline(&stage);
    a_watch_ends_when_the_server_drains(&stage);
    close_stage(&stage);
    puts("all is well");
    return 0;
}
