/* SPDX-License-Identifier: Apache-2.0 */
/* A handler for each method: unary, three kinds of streams. */
#include "service.h"

/* proto3 texts are UTF-8. Weir leaves that to the handler; other clients would not read an answer
 * with a text that is not. */
static bool
is_text(const char *text)
{
    size_t left = strlen(text), len;
    uint32_t code_point;

    for (; left > 0; text += len, left -= len) {
        len = weir_utf8_decode(text, left, &code_point);
        if (len == 0)
            return false;
    }
    return true;
}

static weir_code
check_text(weir_call *call, const char *text)
{
    return is_text(text) ? WEIR_OK
                         : weir_fail(call, WEIR_INVALID_ARGUMENT, "key and value must be UTF-8");
}

/* ---- unary ---- */

/* A response is sent when its handler has returned, so its texts must live until then: as the call
 * does. */
static weir_code
get(void *self, weir_call *call, const Keyvalue__GetRequest *request, Keyvalue__Entry *out_entry)
{
    struct entry *entry;

    WEIR_TRY(check_text(call, request->key));
    entry = store_get(self, request->key);
    if (entry == NULL)
        return weir_fail(call, WEIR_NOT_FOUND, "there is no key \"%s\"", request->key);
    out_entry->key = request->key;
    out_entry->value = weir_call_dup(call, weir_str_of(entry->value));
    out_entry->version = entry->version;
    entry_unref(entry);
    return out_entry->value == NULL ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static weir_code
put_one(
    struct store *store, weir_call *call, const Keyvalue__PutRequest *request, int64_t *out_version)
{
    if (request->key[0] == '\0')
        return weir_fail(call, WEIR_INVALID_ARGUMENT, "the key is empty");
    WEIR_TRY(check_text(call, request->key));
    WEIR_TRY(check_text(call, request->value));
    *out_version = store_put(store, request->key, request->value);
    return *out_version == 0 ? WEIR_RESOURCE_EXHAUSTED : WEIR_OK;
}

static weir_code
put(void *self, weir_call *call, const Keyvalue__PutRequest *request,
    Keyvalue__PutResponse *out_response)
{
    return put_one(self, call, request, &out_response->version);
}

/* ---- client streaming ---- */

static weir_code
load(void *self, struct keyvalue_KeyValue_Load_server peer, Keyvalue__LoadResponse *out_response)
{
    const Keyvalue__PutRequest *request; /* lives until the next receive */
    int64_t version;

    while (keyvalue_KeyValue_Load_recv(peer, &request)) {
        WEIR_TRY(put_one(self, peer.call, request, &version));
        out_response->count++;
    }
    return weir_call_code(peer.call); /* WEIR_OK: the client has finished; else why it is gone */
}

/* ---- server streaming ---- */

/* What is sent is not needed any more when sending returns. */
static weir_code
send_entry(struct keyvalue_KeyValue_Watch_server peer, const struct entry *entry)
{
    Keyvalue__Entry message = KEYVALUE__ENTRY__INIT;

    message.key = (char *)entry->key;
    message.value = (char *)entry->value;
    message.version = entry->version;
    return keyvalue_KeyValue_Watch_send(peer, &message);
}

static weir_code
send_changes(struct store *store, const char *prefix, struct keyvalue_KeyValue_Watch_server peer,
    int64_t *version)
{
    struct entry *entry;
    weir_code code = WEIR_OK;

    while (code == WEIR_OK && (entry = store_changed(store, prefix, *version)) != NULL) {
        *version = entry->version;
        code = send_entry(peer, entry);
        entry_unref(entry);
    }
    return code;
}

/* Until the client has gone, or its deadline has come: that is what waiting returns then. Or until
 * the server drains, which sets the event as well: the client may ask another one. */
static weir_code
tell(struct store *store, const char *prefix, struct keyvalue_KeyValue_Watch_server peer,
    struct watcher *watcher)
{
    int64_t version = store_watch(store, watcher);
    weir_code code = weir_call_on_drain(peer.call, watcher->event);

    if (code == WEIR_OK)
        code = weir_call_send_headers(peer.call); /* from now on, as the client learns */
    while (code == WEIR_OK) {
        code = weir_event_wait(watcher->event, peer.call);
        weir_event_clear(watcher->event); /* before looking, so that no change is missed */
        if (code == WEIR_OK)
            code = send_changes(store, prefix, peer, &version);
        if (code == WEIR_OK && weir_call_draining(peer.call))
            code = weir_fail(
                peer.call, WEIR_UNAVAILABLE, "the server closes this connection; call again");
    }
    store_unwatch(store, watcher);
    return code;
}

static weir_code
watch(void *self, const Keyvalue__WatchRequest *request, struct keyvalue_KeyValue_Watch_server peer)
{
    struct watcher watcher = {.event = weir_event_new()};
    weir_code code;

    if (watcher.event == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    code = tell(self, request->prefix, peer, &watcher);
    weir_event_unref(watcher.event);
    return code;
}

/* ---- both ---- */

static weir_code
lookup(void *self, struct keyvalue_KeyValue_Lookup_server peer)
{
    const Keyvalue__GetRequest *request;

    while (keyvalue_KeyValue_Lookup_recv(peer, &request)) {
        Keyvalue__Entry message = KEYVALUE__ENTRY__INIT;
        struct entry *entry;
        weir_code code;

        WEIR_TRY(check_text(peer.call, request->key));
        entry = store_get(self, request->key);
        message.key = request->key;
        if (entry != NULL) {
            message.value = (char *)entry->value;
            message.version = entry->version;
        }
        code = keyvalue_KeyValue_Lookup_send(peer, &message);
        entry_unref(entry);
        WEIR_TRY(code);
    }
    return weir_call_code(peer.call);
}

const struct keyvalue_KeyValue_handlers service_handlers = {
    .Get = get, .Put = put, .Load = load, .Watch = watch, .Lookup = lookup};

/* ---- around every call, of all kinds ---- */

weir_code
service_ask_who(void *self, weir_call *call, weir_next *next)
{
    weir_str client = weir_call_header(call, "x-client");

    (void)self;
    if (client.len == 0)
        return weir_fail(call, WEIR_UNAUTHENTICATED, "say who you are in x-client");
    return weir_proceed(next, call);
}
