/* SPDX-License-Identifier: Apache-2.0 */
/* The servers registered under a prefix in etcd. */
/* Threads: one fiber at a time. */
#pragma once

#include <weir/resolver.h>

struct etcd_entry {
    char *key, *address;
    unsigned weight;
    bool seen; /* present in the list being read */
};

struct etcd_entries {
    struct etcd_entry *list;
    size_t count, room;
};

void etcd_entries_fini(struct etcd_entries *entries);

/* Set the value of a key, {"addr": "HOST:PORT", "weight": n}. INVALID_ARGUMENT: invalid value, with
 * the reason in out_why (static); the previous value is kept. RESOURCE_EXHAUSTED: no memory. */
WEIR_CHECK weir_code etcd_entries_put(
    struct etcd_entries *entries, weir_str key, weir_str value, const char **out_why);
void etcd_entries_delete(struct etcd_entries *entries, weir_str key);

/* Bracket the reading of a complete list: keys that were not put meanwhile, valid or not, are
 * deleted. */
void etcd_entries_begin(struct etcd_entries *entries);
void etcd_entries_end(struct etcd_entries *entries);

/* Report the servers to the resolver's channel. */
WEIR_CHECK weir_code etcd_entries_tell(const struct etcd_entries *entries, weir_resolver *resolver);
