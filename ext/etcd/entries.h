/* SPDX-License-Identifier: Apache-2.0 */
/* The servers under a prefix of etcd, as its keys say. */
/* Threads: one fiber at a time. */
#pragma once

#include <weir/resolver.h>

struct etcd_entry {
    char *key, *address;
    unsigned weight;
    bool seen; /* in the list that is being read */
};

struct etcd_entries {
    struct etcd_entry *list;
    size_t count, room;
};

void etcd_entries_fini(struct etcd_entries *entries);

/* A key has this value, {"addr": "HOST:PORT", "weight": n}. INVALID_ARGUMENT: it says nothing of
 * the kind, as out_why (static) says; what it said before stays. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code etcd_entries_put(
    struct etcd_entries *entries, weir_str key, weir_str value, const char **out_why);
void etcd_entries_delete(struct etcd_entries *entries, weir_str key);

/* A whole list is read between these two: what was not put meanwhile, well or badly, is deleted. */
void etcd_entries_begin(struct etcd_entries *entries);
void etcd_entries_end(struct etcd_entries *entries);

/* Tell the resolver's channel. */
WEIR_CHECK weir_code etcd_entries_tell(const struct etcd_entries *entries, weir_resolver *resolver);
