/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and their servers. Invalid values are skipped: others may write there, and one bad value
 * must not affect the valid ones. */
#include "etcd/entries.h"

#include <jansson.h>
#include <stdlib.h>

#define WEIGHT_MAX 1000000

static void
entry_fini(struct etcd_entry *entry)
{
    free(entry->key);
    free(entry->address);
}

void
etcd_entries_fini(struct etcd_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        entry_fini(&entries->list[i]);
    free(entries->list);
    *entries = (struct etcd_entries){NULL, 0, 0};
}

static struct etcd_entry *
find(const struct etcd_entries *entries, weir_str key)
{
    for (size_t i = 0; i < entries->count; i++) {
        if (weir_str_equal(weir_str_of(entries->list[i].key), key))
            return &entries->list[i];
    }
    return NULL;
}

/* ---- values ---- */

static weir_code
refuse(const char **out_why, const char *why)
{
    *out_why = why;
    return WEIR_INVALID_ARGUMENT;
}

/* *out_address belongs to the JSON. */
static weir_code
read_value(const json_t *json, const char **out_address, unsigned *out_weight, const char **out_why)
{
    const json_t *weight = json_object_get(json, "weight");
    const char *address = json_string_value(json_object_get(json, "addr"));

    if (!json_is_object(json))
        return refuse(out_why, "it is no JSON object");
    if (address == NULL)
        return refuse(out_why, "it has no text \"addr\"");
    if (weir_address_check(address) != WEIR_OK)
        return refuse(out_why, "its \"addr\" is no address");
    if (weight != NULL && (!json_is_integer(weight) || json_integer_value(weight) < 1 ||
                              json_integer_value(weight) > WEIGHT_MAX))
        return refuse(out_why, "its \"weight\" is no number from 1 to 1000000");
    *out_address = address;
    *out_weight = weight == NULL ? 1 : (unsigned)json_integer_value(weight);
    return WEIR_OK;
}

/* ---- entries ---- */

static struct etcd_entry *
append(struct etcd_entries *entries, weir_str key)
{
    struct etcd_entry *entry;

    if (entries->count == entries->room) {
        size_t room = entries->room == 0 ? 8 : entries->room * 2;
        struct etcd_entry *list = realloc(entries->list, room * sizeof(*list));

        if (list == NULL)
            return NULL;
        entries->list = list;
        entries->room = room;
    }
    entry = &entries->list[entries->count];
    *entry = (struct etcd_entry){.key = strndup(key.data, key.len)};
    if (entry->key == NULL)
        return NULL;
    entries->count++;
    return entry;
}

static weir_code
set(struct etcd_entries *entries, weir_str key, const char *address, unsigned weight)
{
    struct etcd_entry *entry = find(entries, key);
    char *copy = strdup(address);

    if (copy != NULL && entry == NULL)
        entry = append(entries, key);
    if (copy == NULL || entry == NULL) {
        free(copy);
        return WEIR_RESOURCE_EXHAUSTED;
    }
    free(entry->address);
    entry->address = copy;
    entry->weight = weight;
    entry->seen = true;
    return WEIR_OK;
}

weir_code
etcd_entries_put(struct etcd_entries *entries, weir_str key, weir_str value, const char **out_why)
{
    struct etcd_entry *before = find(entries, key);
    const char *address;
    unsigned weight;
    json_t *json;
    weir_code code;

    if (key.len == 0 || memchr(key.data, '\0', key.len) != NULL)
        return refuse(out_why, "its key is no text");
    json = json_loadb(value.data, value.len, 0, NULL);
    code = read_value(json, &address, &weight, out_why);
    if (before != NULL)
        before->seen = true;
    if (code == WEIR_OK)
        code = set(entries, key, address, weight);
    json_decref(json);
    return code;
}

static void
delete_at(struct etcd_entries *entries, size_t index)
{
    entry_fini(&entries->list[index]);
    entries->list[index] = entries->list[--entries->count];
}

void
etcd_entries_delete(struct etcd_entries *entries, weir_str key)
{
    const struct etcd_entry *entry = find(entries, key);

    if (entry != NULL)
        delete_at(entries, (size_t)(entry - entries->list));
}

void
etcd_entries_begin(struct etcd_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        entries->list[i].seen = false;
}

void
etcd_entries_end(struct etcd_entries *entries)
{
    for (size_t i = entries->count; i-- > 0;) {
        if (!entries->list[i].seen)
            delete_at(entries, i);
    }
}

weir_code
etcd_entries_tell(const struct etcd_entries *entries, weir_resolver *resolver)
{
    struct weir_endpoint *endpoints = calloc(entries->count + 1, sizeof(*endpoints));
    const struct weir_resolution resolution = {
        .endpoints = endpoints, .endpoint_count = entries->count};
    weir_code code;

    if (endpoints == NULL)
        return WEIR_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < entries->count; i++) {
        endpoints[i].address = entries->list[i].address;
        endpoints[i].weight = entries->list[i].weight;
    }
    code = weir_resolver_update(resolver, &resolution);
    free(endpoints);
    return code;
}
