/* SPDX-License-Identifier: Apache-2.0 */
/* A list in the order of changes. A real store would have an index, and a bound on what strangers
 * may put there; here it is about the calls. */
#include "store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct store {
    pthread_mutex_t lock;
    struct entry *first, **end;
    struct watcher *watchers;
    int64_t version;
};

struct store *
store_new(void)
{
    struct store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    store->end = &store->first;
    return store;
}

void
store_free(struct store *store)
{
    if (store == NULL)
        return;
    while (store->first != NULL) {
        struct entry *entry = store->first;

        store->first = entry->next;
        entry_unref(entry);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ---- entries ---- */

static struct entry *
entry_new(const char *key, const char *value)
{
    size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;
    struct entry *entry = malloc(sizeof(*entry) + key_size + value_size);

    if (entry == NULL)
        return NULL;
    entry->next = NULL;
    atomic_init(&entry->holders, 1);
    entry->value = memcpy(entry->key + key_size, value, value_size);
    memcpy(entry->key, key, key_size);
    return entry;
}

void
entry_unref(struct entry *entry)
{
    if (entry != NULL && atomic_fetch_sub(&entry->holders, 1) == 1)
        free(entry);
}

static struct entry *
entry_ref(struct entry *entry)
{
    if (entry != NULL)
        atomic_fetch_add(&entry->holders, 1);
    return entry;
}

/* ---- with the lock ---- */

static void
take_out(struct store *store, const char *key)
{
    struct entry **at = &store->first;
    struct entry *found;

    while (*at != NULL && strcmp((*at)->key, key) != 0)
        at = &(*at)->next;
    found = *at;
    if (found == NULL)
        return;
    *at = found->next;
    if (found->next == NULL)
        store->end = at;
    entry_unref(found);
}

static int64_t
put_in(struct store *store, struct entry *entry)
{
    entry->version = ++store->version;
    *store->end = entry;
    store->end = &entry->next;
    for (struct watcher *watcher = store->watchers; watcher != NULL; watcher = watcher->next)
        weir_event_set(watcher->event);
    return entry->version;
}

/* ---- without ---- */

int64_t
store_put(struct store *store, const char *key, const char *value)
{
    struct entry *entry = entry_new(key, value);
    int64_t version;

    if (entry == NULL)
        return 0;
    pthread_mutex_lock(&store->lock);
    take_out(store, key);
    version = put_in(store, entry);
    pthread_mutex_unlock(&store->lock);
    return version;
}

struct entry *
store_get(struct store *store, const char *key)
{
    struct entry *entry;

    pthread_mutex_lock(&store->lock);
    for (entry = store->first; entry != NULL && strcmp(entry->key, key) != 0; entry = entry->next)
        continue;
    entry_ref(entry);
    pthread_mutex_unlock(&store->lock);
    return entry;
}

struct entry *
store_changed(struct store *store, const char *prefix, int64_t version)
{
    size_t len = strlen(prefix);
    struct entry *entry;

    pthread_mutex_lock(&store->lock);
    entry = store->first;
    while (entry != NULL && (entry->version <= version || strncmp(entry->key, prefix, len) != 0))
        entry = entry->next;
    entry_ref(entry);
    pthread_mutex_unlock(&store->lock);
    return entry;
}

int64_t
store_watch(struct store *store, struct watcher *watcher)
{
    int64_t version;

    pthread_mutex_lock(&store->lock);
    watcher->next = store->watchers;
    store->watchers = watcher;
    version = store->version;
    pthread_mutex_unlock(&store->lock);
    return version;
}

void
store_unwatch(struct store *store, struct watcher *watcher)
{
    struct watcher **at = &store->watchers;

    pthread_mutex_lock(&store->lock);
    while (*at != watcher)
        at = &(*at)->next;
    *at = watcher->next;
    pthread_mutex_unlock(&store->lock);
}
