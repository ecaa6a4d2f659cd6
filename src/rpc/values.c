/* SPDX-License-Identifier: Apache-2.0 */
/* Data that interceptors attach to a call: values by key, and watchers of messages. All of it is in
 * the call's arena. */
#include "rpc/call.h"

struct call_value {
    struct call_value *next;
    const struct weir_key *key;
    void *value;
};

struct call_watch {
    struct call_watch *next;
    const struct weir_watcher *watcher;
    void *self;
};

static struct call_value *
find(const struct weir_call *call, const struct weir_key *key)
{
    struct call_value *at = call->values;

    while (at != NULL && at->key != key)
        at = at->next;
    return at;
}

weir_code
weir_call_set_value(weir_call *call, const struct weir_key *key, void *value)
{
    struct call_value *entry = find(call, key);

    if (entry == NULL) {
        entry = arena_alloc(&call->arena, sizeof(*entry));
        if (entry == NULL)
            return WEIR_RESOURCE_EXHAUSTED;
        *entry = (struct call_value){.next = call->values, .key = key};
        call->values = entry;
    }
    entry->value = value;
    return WEIR_OK;
}

void *
weir_call_value(const weir_call *call, const struct weir_key *key)
{
    const struct call_value *entry = find(call, key);

    return entry == NULL ? NULL : entry->value;
}

bool
call_inherit_values(struct weir_call *call, const struct weir_call *parent)
{
    for (const struct call_value *at = parent->values; at != NULL; at = at->next) {
        if (weir_call_set_value(call, at->key, at->value) != WEIR_OK)
            return false;
    }
    return true;
}

weir_code
weir_call_watch(weir_call *call, const struct weir_watcher *watcher, void *self)
{
    struct call_watch *watch = arena_alloc(&call->arena, sizeof(*watch)), **end = &call->watches;

    if (watch == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    *watch = (struct call_watch){.watcher = watcher, .self = self};
    while (*end != NULL)
        end = &(*end)->next;
    *end = watch;
    return WEIR_OK;
}

struct call_watch *
call_last_watch(const struct weir_call *call)
{
    struct call_watch *at = call->watches;

    while (at != NULL && at->next != NULL)
        at = at->next;
    return at;
}

void
call_drop_watches(struct weir_call *call, struct call_watch *last)
{
    if (last == NULL)
        call->watches = NULL;
    else
        last->next = NULL;
}

weir_code
call_show_sending(struct weir_call *call, const ProtobufCMessage *message)
{
    for (const struct call_watch *at = call->watches; at != NULL; at = at->next) {
        if (at->watcher->sending != NULL)
            WEIR_TRY(at->watcher->sending(at->self, call, message));
    }
    return WEIR_OK;
}

weir_code
call_show_received(struct weir_call *call, const ProtobufCMessage *message)
{
    for (const struct call_watch *at = call->watches; at != NULL; at = at->next) {
        if (at->watcher->received != NULL)
            WEIR_TRY(at->watcher->received(at->self, call, message));
    }
    return WEIR_OK;
}
