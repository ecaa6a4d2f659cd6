/* SPDX-License-Identifier: Apache-2.0 */
/* Texts under keys, and who waits for changes. Knows nothing of calls but the event that wakes one.
 */
/* Threads: safe from any thread. */
#pragma once

#include <stdatomic.h>
#include <weir/pool.h>

/* Never changes, so that whoever holds a reference reads it without a lock. */
struct entry {
    struct entry *next;
    atomic_uint holders;
    int64_t version;
    const char *value; /* behind the key, in the same memory */
    char key[];
};

struct watcher {
    struct watcher *next;
    weir_event *event; /* set with every change */
};

struct store;

/* NULL: no memory. */
struct store *store_new(void);
void store_free(struct store *store);

/* The version of the change. 0: no memory. */
int64_t store_put(struct store *store, const char *key, const char *value);

/* NULL: there is none. Else to be given back with entry_unref. */
struct entry *store_get(struct store *store, const char *key);

/* The first change after this version of a key that begins with the prefix. */
struct entry *store_changed(struct store *store, const char *prefix, int64_t version);
void entry_unref(struct entry *entry);

/* From here on set watcher->event with every change; the version as of now. The watcher is borrowed
 * until store_unwatch. */
int64_t store_watch(struct store *store, struct watcher *watcher);
void store_unwatch(struct store *store, struct watcher *watcher);
